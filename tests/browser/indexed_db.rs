//! The journal in IndexedDB.

use wasm_bindgen::prelude::*;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::page::{
    draft, entries, get, js, js_wait, json, open_shop, save, set, shown, step, text,
};
use crate::page::{till, wait};

#[wasm_bindgen_test]
async fn unsaved_edits_are_back_after_the_till_was_closed_and_opened_again() {
    open_shop();
    let first = till("closed", "{}").await;
    let edited = draft(&first, "A").await;
    step(&edited, "2");
    set(&edited, "customer", "สมชาย");
    wait(&first.close()).await;

    let second = till("closed", "{}").await;
    let found = draft(&second, "A").await;
    assert_eq!(found.status(), "dirty");
    assert_eq!(
        (shown(&found, "lines[r1].qty"), shown(&found, "customer")),
        ("3".into(), "\"สมชาย\"".into())
    );
    assert_eq!(text(&save(&found).await, "kind"), "committed");
    assert_eq!(json(&js("shop.docs.A.doc.lines[0].qty")), "3");
    wait(&second.close()).await;
}

#[wasm_bindgen_test]
async fn edits_are_back_after_a_crash_in_the_order_in_which_they_were_made() {
    open_shop();
    let first = till("order", "{}").await;
    let edited = draft(&first, "A").await;
    for number in 0..200 {
        let row = js(&format!("({{ id: 'x{number}', qty: {number} }})"));
        edited.insert(&"lines".into(), &row, &js("({ after: null })")).unwrap();
        set(&edited, "customer", &format!("customer {number}"));
        if number % 50 == 0 {
            wait(&edited.durable()).await;
        }
    }
    wait(&edited.durable()).await;
    let before = json(&edited.doc());
    // Not closed: the page is gone from one moment to the next, and its Web Lock with it.
    drop((edited, first));
    let second = till("order", "{}").await;
    let found = draft(&second, "A").await;
    assert!(json(&found.doc()) == before, "the draft as it was");
    assert_eq!(shown(&found, "customer"), "\"customer 199\"");
}

#[wasm_bindgen_test]
async fn durable_resolves_when_another_connection_can_read_it() {
    open_shop();
    let opened = till("durable", "{}").await;
    let edited = draft(&opened, "A").await;
    step(&edited, "1");
    wait(&edited.durable()).await;
    let kept = entries("durable").await;
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert!(kept[0].contains("\"state\"") && kept[1].contains("\"increment\""), "{kept:?}");
}

#[wasm_bindgen_test]
async fn a_save_is_in_the_journal_before_it_is_sent() {
    open_shop();
    let opened = till("journal first", "{}").await;
    let edited = draft(&opened, "A").await;
    step(&edited, "1");
    js("shop.instead = (request) => { shop.sent = request.token; return new Promise(() => {}); }");
    let _ = edited.save(&JsValue::UNDEFINED);
    js_wait("new Promise((go) => { const look = () => shop.sent ? go() : setTimeout(look, 5); look(); })")
        .await;
    let token = js("shop.sent").as_string().unwrap();
    let kept = entries("journal first").await;
    assert!(kept.iter().any(|entry| entry.contains(&token)), "{token}: {kept:?}");
}

#[wasm_bindgen_test]
async fn users_of_one_device_never_mix() {
    open_shop();
    let (anna, ben) = (till("anna", "{}").await, till("ben", "{}").await);
    let (hers, his) = (draft(&anna, "A").await, draft(&ben, "A").await);
    set(&hers, "customer", "Anna's");
    step(&his, "5");
    wait(&hers.durable()).await;
    wait(&his.durable()).await;
    wait(&anna.close()).await;
    wait(&ben.close()).await;

    let (anna, ben) = (till("anna", "{}").await, till("ben", "{}").await);
    let (hers, his) = (draft(&anna, "A").await, draft(&ben, "A").await);
    assert_eq!(
        (shown(&hers, "customer"), shown(&hers, "lines[r1].qty")),
        ("\"Anna's\"".into(), "1".into())
    );
    assert_eq!(
        (shown(&his, "customer"), shown(&his, "lines[r1].qty")),
        ("\"Walk-in\"".into(), "6".into())
    );
    let stranger = till("an", "{}").await;
    assert_eq!(draft(&stranger, "A").await.status(), "clean");
}

#[wasm_bindgen_test]
async fn what_is_saved_leaves_the_journal_at_the_next_start() {
    open_shop();
    let first = till("compact", "{}").await;
    let edited = draft(&first, "A").await;
    let unsaved = draft(&first, "B").await;
    for _ in 0..20 {
        step(&edited, "1");
        assert_eq!(text(&save(&edited).await, "kind"), "committed");
    }
    step(&unsaved, "1");
    step(&unsaved, "1");
    wait(&first.close()).await;
    assert!(entries("compact").await.len() > 20);

    let second = till("compact", "{}").await;
    let kept = entries("compact").await;
    let drafts = kept.iter().filter(|entry| !entry.contains("\"heard\"")).count();
    assert_eq!(drafts, 1, "one entry for the one draft that is not saved: {kept:?}");
    assert_eq!(draft(&second, "A").await.status(), "clean");
    assert_eq!(shown(&draft(&second, "B").await, "lines[r1].qty"), "3");
    assert_eq!(json(&js("shop.docs.A.doc.lines[0].qty")), "21");
}

#[wasm_bindgen_test]
async fn a_created_document_keeps_its_token_over_a_restart() {
    open_shop();
    let first = till("create", "{}").await;
    let made = wait(&first.create(&js("({ customer: 'Somchai', lines: [] })"))).await;
    let key = text(&made, "key");
    wait(&first.close()).await;
    let second = till("create", "{}").await;
    let found = draft(&second, &key).await;
    js("shop.instead = (request) => { shop.token = request.token; return { kind: 'saved', key: 'N1', stamp: '9' }; }");
    js("shop.docs.N1 = { stamp: '9', doc: { customer: 'Somchai', lines: [] } }");
    assert_eq!(text(&save(&found).await, "key"), "N1");
    assert_eq!(js("shop.token").as_string().unwrap(), key, "the token is the draft's first key");
}

#[wasm_bindgen_test]
async fn a_closed_till_lets_go_of_the_database() {
    open_shop();
    let opened = till("let go", "{}").await;
    wait(&opened.close()).await;
    // Other tests' tills may still hold theirs: only an upgrade of this one is asked about.
    let version = js_wait(
        "(async () => { const found = await indexedDB.databases(); return found.find(({ name }) => name === 'restamp'); })()",
    )
    .await;
    assert_eq!(get(&version, "version").as_f64(), Some(3.0));
}

/// Two tills of one user, as two pages have them, are one till.
#[wasm_bindgen_test]
async fn two_pages_of_one_user_share_their_drafts_and_one_journal() {
    open_shop();
    let (first, second) = (till("both", "{}").await, till("both", "{}").await);
    let (one, two) = (draft(&first, "A").await, draft(&second, "A").await);
    set(&one, "customer", "first page");
    step(&two, "5");
    wait(&one.durable()).await;
    wait(&two.durable()).await;
    wait(&two.durable()).await;
    assert_eq!(shown(&one, "lines[r1].qty"), "6");
    let kept = entries("both").await;
    assert_eq!(kept.iter().filter(|entry| entry.contains("\"increment\"")).count(), 1, "{kept:?}");
    assert_eq!(text(&save(&two).await, "kind"), "committed");
    assert_eq!(shown(&two, "customer"), "\"first page\"");
    assert_eq!(json(&js("shop.docs.A.doc.lines[0].qty")), "6");
    assert_eq!(json(&js("shop.saves")), "1");
}

/// What a page that is gone had not sent is taken over by the page that is left, once.
#[wasm_bindgen_test]
async fn the_page_that_is_left_goes_on_where_the_other_one_ended() {
    open_shop();
    let (first, second) = (till("heir", "{}").await, till("heir", "{}").await);
    let (one, two) = (draft(&first, "A").await, draft(&second, "B").await);
    set(&one, "customer", "first page");
    step(&two, "5");
    wait(&one.durable()).await;
    wait(&two.durable()).await;
    drop((one, first)); // the page is gone

    let heir = draft(&second, "A").await;
    assert_eq!(text(&save(&heir).await, "kind"), "committed");
    assert_eq!(shown(&heir, "customer"), "\"first page\"");
    assert_eq!(text(&save(&two).await, "kind"), "committed");
    assert_eq!(
        json(&js("[shop.docs.A.doc.customer, shop.docs.B.doc.lines[0].qty]")),
        "[\"first page\",6]"
    );
}
