//! Profiles and documents that targets lay their bytes over.

use std::sync::OnceLock;

use restamp::core::policy::{CompareAndSet, Policy, Sharing, TokenSupport};
use restamp::core::profile::Profile;
use restamp::core::retry::Schedule;

/// Rules that the sales invoice does not use.
const ODD: &str = r#"{"identity":["uuid"],"createTokenField":"uuid","changedBy":"write_uid",
    "system":["id"],"server":["amount_*"],"due":["amount_total"],
    "lifecycle":{"field":"state","submitted":["paid","done"],"cancelled":["cancel"]},
    "fields":{"seq":"max","first":"min","flag":"theirs"},
    "groups":{"@tip":{"fields":["is_tipped","tip"]}},
    "tables":{"lines":{"row":["uuid"],"serverRow":"id","counter":["qty"],"set":["lots"],
        "money":["cash"],"groups":{"@price":{"fields":["price","discount"],"head":"price"}},
        "derivedRowIf":{"is_reward":true},"fields":{"max":"max","mine":"mine"}},
      "notes":{"row":["id"],"fallback":["text"],"text":["text"],"otherwise":"theirs"}},
    "otherwise":"mine"}"#;

/// The sales invoice's profile with tokens, the odd one, and one with no rules at all.
pub fn profiles() -> &'static [Profile; 3] {
    static PROFILES: OnceLock<[Profile; 3]> = OnceLock::new();
    PROFILES.get_or_init(|| {
        let text = include_str!("../../tests/data/sales-invoice.json");
        let more = r#"{"createTokenField":"custom_client_uuid","changedBy":"modified_by","#;
        let read = |text: &str| Profile::parse(text.as_bytes()).expect("a profile");
        [read(&text.replacen('{', more, 1)), read(ODD), Profile::default()]
    })
}

/// A till's policy with one of the profiles.
pub fn policy(profile: usize, compare_and_set: CompareAndSet, token: TokenSupport) -> Policy {
    Policy {
        profile: profiles()[profile].clone(),
        schedule: Schedule::INTERACTIVE,
        background: Schedule::BACKGROUND,
        contention: Schedule::CONTENTION,
        compare_and_set,
        token,
        can_find: true,
        sharing: Sharing::default(),
    }
}

/// A base, mine and theirs for the sales invoice.
pub const INVOICES: [&str; 3] = [
    r#"{"name":"D1","creation":"c","modified":"m1","docstatus":0,"customer":"Walk-in",
    "company":"C","posa_notes":"a\nb","po_no":"7","additional_discount_percentage":0,
    "discount_amount":0,"grand_total":20,"items":[
    {"name":"n1","idx":1,"posa_row_id":"r1","item_code":"COLA","qty":1,"uom":"Nos","rate":10,
     "serial_no":"A\nB","price_list_rate":10},
    {"name":"n2","idx":2,"posa_row_id":"r2","item_code":"CAKE","qty":"2.00","uom":"Nos","rate":5},
    {"name":"n3","idx":3,"item_code":"FREE","qty":1,"uom":"Nos","is_free_item":1}],
    "payments":[{"name":"p1","idx":1,"mode_of_payment":"Cash","amount":0}]}"#,
    r#"{"name":"D1","creation":"c","modified":"m1","docstatus":0,"customer":"Noura",
    "company":"C","posa_notes":"a\nb\nmine","po_no":"8","additional_discount_percentage":5,
    "discount_amount":1,"grand_total":20,"items":[
    {"name":"n1","idx":1,"posa_row_id":"r1","item_code":"COLA","qty":3,"uom":"Nos","rate":10,
     "serial_no":"A\nC","price_list_rate":10},
    {"posa_row_id":"r9","item_code":"TEA","qty":1,"uom":"Nos","rate":2},
    {"item_code":"NAMELESS","qty":1,"uom":"Nos","rate":2}],
    "payments":[{"name":"p1","idx":1,"mode_of_payment":"Cash","amount":15},
     {"custom_pay_id":"y1","mode_of_payment":"Card","custom_txn_id":"T1","amount":"5.00"}]}"#,
    r#"{"name":"D1","creation":"c","modified":"m2","docstatus":0,"modified_by":"ali",
    "customer":"Walk-in","company":"C","posa_notes":"a\nb\ntheirs","po_no":"9","grand_total":30,
    "additional_discount_percentage":0,"discount_amount":0,"items":[
    {"name":"n2","idx":1,"posa_row_id":"r2","item_code":"CAKE","qty":4,"uom":"Box","rate":6},
    {"name":"n1","idx":2,"posa_row_id":"r1","item_code":"COLA","qty":2,"uom":"Nos","rate":11,
     "serial_no":"A\nB\nD","price_list_rate":11},
    {"name":"n4","idx":3,"item_code":"NAMELESS","qty":2,"uom":"Nos","rate":2}],
    "payments":[{"name":"p1","idx":1,"mode_of_payment":"Cash","amount":30}]}"#,
];

/// A base, mine and theirs for the odd profile.
pub const ORDERS: [&str; 3] = [
    r#"{"id":7,"uuid":"u1","state":"draft","seq":1,"first":9,"amount_total":5,"lines":[
    {"id":1,"uuid":"l1","qty":1,"price":5,"discount":0,"lots":["a"],"cash":1},
    {"id":2,"uuid":"l2","qty":1,"is_reward":true}],"notes":[{"text":"x"}]}"#,
    r#"{"id":7,"uuid":"u1","state":"draft","seq":3,"first":8,"is_tipped":true,"tip":1,"lines":[
    {"id":1,"uuid":"l1","qty":2.5,"price":4,"discount":10,"lots":["a","b"],"cash":2,"max":1},
    {"uuid":"l3","qty":1,"price":1}],"notes":[{"text":"x"},{"text":"x"},{"text":"y"}]}"#,
    r#"{"id":7,"uuid":"u1","state":"draft","seq":2,"first":7,"tip":2,"write_uid":"3","lines":[
    {"id":2,"uuid":"l2","qty":1,"is_reward":true},
    {"id":1,"uuid":"l1","qty":3,"price":6,"discount":0,"lots":["c"],"cash":5,"max":9}],
    "notes":[]}"#,
];
