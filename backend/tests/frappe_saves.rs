//! Saves in the Frappe dialect: stamps, patch and replace, rows, names, totals.

mod support;

use serde_json::{json, Value};
use support::{keys, messages, path_of, recorded, sale, Server, INVOICES};

#[test]
fn a_stale_put_is_refused_in_the_recorded_shape() {
    let server = Server::start();
    let read = server.two_rows();
    let path = path_of(&read);
    server.call("PUT", &path, &json!({"modified": read["modified"], "remarks": "other till"}));
    let answer =
        server.call("PUT", &path, &json!({"modified": read["modified"], "remarks": "mine"}));
    let (status, theirs) = recorded("12_put_stale_modified", "stale save");
    let ours = answer.json();
    assert_eq!(answer.status, status);
    assert_eq!(keys(&ours), keys(&theirs));
    assert_eq!(keys(&messages(&ours)[0]), keys(&messages(&theirs)[0]));
    let now = server.get(&path).json()["data"].clone();
    assert_eq!(now["remarks"], "other till");
    let text = ours["exception"].as_str().unwrap();
    let shown = messages(&ours)[0]["message"].as_str().unwrap().to_owned();
    let stored = now["modified"].as_str().unwrap();
    assert!(text.starts_with("frappe.exceptions.TimestampMismatchError: Error: Document has been"));
    assert!(text.contains(&format!("opened it ({stored}, 20")), "{text}");
    assert!(text.ends_with(&shown));
    let lines: Vec<String> = serde_json::from_str(ours["exc"].as_str().unwrap()).unwrap();
    assert_eq!(lines, [text]);
}

#[test]
fn only_the_same_text_is_the_same_stamp() {
    let server = Server::start();
    let read = server.two_rows();
    let stamp = read["modified"].as_str().unwrap();
    let other = [
        json!(stamp.replace(' ', "T")),
        json!(&stamp[..19]),
        json!(format!("{stamp}Z")),
        json!(1_700_000_000),
        json!(""),
        Value::Null,
    ];
    for modified in other {
        let answer = server.call("PUT", &path_of(&read), &json!({"modified": modified}));
        assert_eq!((answer.status, answer.exc_type().as_str()), (417, "TimestampMismatchError"));
    }
    let answer = server.call("PUT", &path_of(&read), &json!({"modified": stamp}));
    assert_eq!(answer.status, 200);
    assert!(answer.json()["data"]["modified"].as_str().unwrap() > stamp);
}

#[test]
fn of_twenty_writers_with_one_stamp_exactly_one_wins() {
    let server = Server::start();
    let read = server.two_rows();
    let put = |n: usize| json!({"modified": read["modified"], "remarks": format!("writer {n}")});
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..20)
            .map(|n| {
                let (server, body, path) = (&server, put(n), path_of(&read));
                scope.spawn(move || server.call("PUT", &path, &body).status)
            })
            .collect();
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1);
    assert_eq!(statuses.iter().filter(|status| **status == 417).count(), 19);
}

#[test]
fn a_put_without_a_stamp_overwrites() {
    let server = Server::start();
    let read = server.two_rows();
    server.call("PUT", &path_of(&read), &json!({"remarks": "first"}));
    let answer = server.call("PUT", &path_of(&read), &json!({"remarks": "second"}));
    assert_eq!((answer.status, &answer.json()["data"]["remarks"]), (200, &json!("second")));
}

#[test]
fn put_is_a_patch_and_client_save_a_replace() {
    let server = Server::start();
    let read = server.two_rows();
    let patched = server.call("PUT", &path_of(&read), &json!({"remarks": "kept"})).json();
    assert_eq!(patched["data"]["items"].as_array().unwrap().len(), 2);

    let mut whole = server
        .method("frappe.client.get", &json!({"doctype": "Sales Invoice", "name": read["name"]}))
        .json()["message"]
        .clone();
    assert_eq!(whole["letter_head"], Value::Null);
    whole.as_object_mut().unwrap().remove("remarks");
    whole.as_object_mut().unwrap().remove("payments");
    let saved = server.method("frappe.client.save", &json!({"doc": whole}));
    assert_eq!(saved.status, 200, "{}", saved.text);
    let saved = saved.json()["message"].clone();
    assert_eq!(saved["remarks"], Value::Null);
    assert_eq!(saved["payments"], json!([]));

    let mut other = saved.clone();
    other["creation"] = json!("2001-01-01 00:00:00.000000");
    let refused = server.method("frappe.client.save", &json!({"doc": other}));
    assert_eq!((refused.status, refused.exc_type().as_str()), (417, "CannotChangeConstantError"));
    let mut bare = saved;
    bare.as_object_mut().unwrap().remove("modified");
    let refused = server.method("frappe.client.save", &json!({"doc": bare}));
    assert_eq!(refused.exc_type(), "TimestampMismatchError");
}

#[test]
fn a_ghost_row_is_answered_and_counted_but_not_stored() {
    let server = Server::start();
    let read = server.two_rows();
    let path = path_of(&read);
    server.call("PUT", &path, &json!({"items": [read["items"][0]]}));
    let mut ghost = read["items"][1].clone();
    ghost["qty"] = json!(3);
    let answer = server.call("PUT", &path, &json!({"items": [read["items"][0], ghost]})).json();
    assert_eq!(answer["data"]["items"].as_array().unwrap().len(), 2);
    assert_eq!(answer["data"]["grand_total"].to_string(), "96.5");
    let stored = server.get(&path).json();
    assert_eq!(stored["data"]["items"].as_array().unwrap().len(), 1);
    assert_eq!(stored["data"]["grand_total"].to_string(), "96.5");
    assert_eq!(stored["data"]["modified"], answer["data"]["modified"]);

    ghost["__islocal"] = json!(1);
    server.call("PUT", &path, &json!({"items": [read["items"][0], ghost]}));
    let stored = server.get(&path).json();
    assert_eq!(stored["data"]["items"][1]["name"], read["items"][1]["name"]);
}

#[test]
fn new_rows_are_marked_and_numbered_and_known_rows_keep_their_name() {
    let server = Server::start();
    let read = server.two_rows();
    let first = read["items"][0].clone();
    let body = json!({"items": [first, {"item_code": "TEA", "qty": 1}]});
    let rows = server.call("PUT", &path_of(&read), &body).json()["data"]["items"].clone();
    assert_eq!(rows[0]["name"], first["name"]);
    assert_eq!(rows[0].get("__unsaved"), None);
    assert_eq!(rows[1]["__unsaved"], 1);
    assert_eq!(rows[1]["idx"], 2);
    assert_eq!(rows[1]["rate"].to_string(), "2.5");
    assert_eq!(rows[1]["name"].as_str().unwrap().len(), 10);
}

#[test]
fn a_row_of_another_invoice_moves_here() {
    let server = Server::start();
    let (one, two) = (server.two_rows(), server.two_rows());
    let body = json!({"items": [one["items"][0], two["items"][0]]});
    assert_eq!(server.call("PUT", &path_of(&one), &body).status, 200);
    let left = server.get(&path_of(&two)).json()["data"]["items"].clone();
    assert_eq!(left.as_array().unwrap().len(), 1);
}

#[test]
fn a_direct_save_of_a_row_moves_the_parents_stamp() {
    let server = Server::start();
    let read = server.two_rows();
    let row = read["items"][0]["name"].as_str().unwrap();
    let path = format!("/api/resource/Sales%20Invoice%20Item/{row}");
    let answer = server.call("PUT", &path, &json!({"qty": 4})).json();
    assert_eq!(answer["data"]["qty"].to_string(), "4.0");
    let now = server.get(&path_of(&read)).json();
    assert_ne!(now["data"]["modified"], read["modified"]);
    assert_eq!(now["data"]["total"].to_string(), "65.5");
}

#[test]
fn the_newest_drafts_name_is_used_again() {
    let server = Server::start();
    let first = server.two_rows();
    assert!(first["name"].as_str().unwrap().ends_with("-00001"));
    let deleted = server.call("DELETE", &path_of(&first), &Value::Null);
    assert_eq!((deleted.status, deleted.text.as_str()), (202, r#"{"data":"ok"}"#));
    let second = server.two_rows();
    assert_eq!(second["name"], first["name"]);
    assert_ne!(second["creation"], first["creation"]);
    let stale = server.call("PUT", &path_of(&first), &json!({"modified": first["modified"]}));
    assert_eq!(stale.exc_type(), "TimestampMismatchError");
    server.two_rows();
    server.call("DELETE", &path_of(&first), &Value::Null);
    assert!(server.two_rows()["name"].as_str().unwrap().ends_with("-00003"));
}

#[test]
fn totals_are_exact() {
    let server = Server::start();
    let body = json!({
        "customer": "C",
        "items": [
            {"item_code": "A", "qty": 1, "rate": 0.1},
            {"item_code": "B", "qty": 1, "rate": 0.2},
            {"item_code": "C", "qty": 3, "rate": 0.35, "discount_percentage": 10},
        ],
        "taxes": [{"charge_type": "On Net Total", "rate": 15}],
        "additional_discount_percentage": 10,
        "payments": [{"amount": "2.00"}],
    });
    let made = server.call("POST", INVOICES, &body).json()["data"].clone();
    let text = |name: &str| made[name].to_string();
    // 0.1 + 0.2 + 0.945, which rounds half to even to 0.94
    assert_eq!(text("total"), "1.24");
    assert_eq!(text("discount_amount"), "0.12");
    assert_eq!(text("net_total"), "1.12");
    assert_eq!(text("total_taxes_and_charges"), "0.17");
    assert_eq!(text("grand_total"), "1.29");
    assert_eq!(text("rounded_total"), "1.0");
    assert_eq!(text("rounding_adjustment"), "-0.29");
    assert_eq!(text("paid_amount"), "2.0");
    assert_eq!(text("change_amount"), "0.71");
    assert_eq!(text("outstanding_amount"), "0.0");
}

#[test]
fn the_server_overrides_what_it_computes() {
    let server = Server::start();
    let read = server.two_rows();
    let mut body = json!({"grand_total": 1, "status": "Paid", "customer_name": "Liar", "paid_amount": 3,
        "posting_date": "2020-01-01", "modified_by": "x@example.test"});
    body["custom_note"] = "1.10".parse::<serde_json::Number>().unwrap().into();
    let saved = server.call("PUT", &path_of(&read), &body).json()["data"].clone();
    for field in ["grand_total", "status", "customer_name", "paid_amount", "posting_date"] {
        assert_eq!(saved[field], read[field], "{field}");
    }
    assert_eq!(saved["modified_by"], "till-1@example.test");
    assert_eq!(saved["custom_note"].to_string(), "1.10");
}

#[test]
fn a_get_spells_some_values_otherwise_than_the_answer_to_the_save() {
    let server = Server::start();
    let mut body = sale();
    body["set_posting_time"] = json!(true);
    body["posting_time"] = json!("09:05:00");
    body["due_date"] = json!("2026-1-7");
    body["letter_head"] = json!("<b>x</b><script>alert(1)</script> a < b & c");
    body["items"][0]["rate"] = "3.3333333333".parse::<serde_json::Number>().unwrap().into();
    let answer = server.call("POST", INVOICES, &body).json()["data"].clone();
    let stored = server.get(&path_of(&answer)).json()["data"].clone();
    assert_eq!((&answer["set_posting_time"], &stored["set_posting_time"]), (&json!(1), &json!(1)));
    assert_eq!(
        (&answer["posting_time"], &stored["posting_time"]),
        (&json!("09:05:00"), &json!("9:05:00"))
    );
    assert_eq!(
        (&answer["due_date"], &stored["due_date"]),
        (&json!("2026-1-7"), &json!("2026-01-07"))
    );
    let clean = "<b>x</b>&lt;script&gt;alert(1)&lt;/script&gt; a &lt; b &amp; c";
    assert_eq!(stored["letter_head"], clean);
    assert_eq!(answer["items"][0]["rate"].to_string(), "3.3333333333");
    assert_eq!(stored["items"][0]["rate"].to_string(), "3.333333333");
}

#[test]
fn the_recorded_create_has_only_fields_this_server_has_too() {
    let server = Server::start();
    let (_, theirs) = recorded("10_create_and_get", "get");
    let ours = server.two_rows();
    for key in keys(&theirs["data"]) {
        assert!(ours.get(key).is_some(), "{key}");
    }
    for table in ["items", "payments"] {
        for key in keys(&theirs["data"][table][0]) {
            assert!(ours[table][0].get(key).is_some(), "{table} {key}");
        }
    }
    for field in ["total", "grand_total", "rounded_total", "rounding_adjustment", "status"] {
        assert_eq!(ours[field], theirs["data"][field], "{field}");
    }
}

#[test]
fn a_new_price_reaches_every_row_whose_rate_nobody_typed() {
    let server = Server::start();
    let mut body = sale();
    body["items"][1]["is_rate_manually_edited"] = json!(1);
    let read = server.invoice(&body);
    for item in ["SKU001", "SKU002"] {
        let price = json!({"item_code": item, "price_list_rate": 11.5});
        assert_eq!(server.call("POST", "/_test/price", &price).status, 200);
    }
    let rows = server.call("PUT", &path_of(&read), &json!({})).json()["data"]["items"].clone();
    assert_eq!(rows[0]["rate"].to_string(), "11.5");
    assert_eq!(rows[1]["rate"].to_string(), "25.5");
}
