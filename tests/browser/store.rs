//! Disks that are not there, refuse, fill up or go away.

use wasm_bindgen_test::wasm_bindgen_test;

use crate::page::{code, draft, heard, js, json, listen, open_shop, save, shown, step, text};
use crate::page::{till, wait};

/// Puts something in the place of the page's `indexedDB`, as long as this lives.
struct Without;

impl Without {
    fn indexed_db(property: &str) -> Without {
        js("globalThis.own = Object.getOwnPropertyDescriptor(globalThis, 'indexedDB')");
        js(&format!(
            "Object.defineProperty(globalThis, 'indexedDB', {{ configurable: true, {property} }})"
        ));
        Without
    }
}

impl Drop for Without {
    fn drop(&mut self) {
        js("Object.defineProperty(globalThis, 'indexedDB', own)");
    }
}

/// Runs a till on such a page: it works from memory, says so once, and to whoever listens.
async fn works_in_memory(property: &str, more: &str, durable: bool) {
    open_shop();
    let without = Without::indexed_db(property);
    let opened = till("no disk", more).await;
    drop(without);
    // Listening to something else first takes nothing away.
    opened.on(&"log".into(), &js("() => {}")).unwrap();
    listen(&opened, "notice");
    let edited = draft(&opened, "A").await;
    step(&edited, "1");
    match durable {
        true => assert!(wait(&edited.durable()).await.is_undefined()),
        false => assert_eq!(code(&edited.durable()).await, "storage"),
    }
    assert_eq!(text(&save(&edited).await, "kind"), "committed");
    step(&edited, "1");
    assert_eq!(text(&save(&edited).await, "kind"), "committed");
    assert_eq!(json(&js("shop.docs.A.doc.lines[0].qty")), "3");
    assert_eq!(heard("kind"), ["storage"]);
}

#[wasm_bindgen_test]
async fn without_indexed_db_a_till_works_in_memory_and_says_so() {
    works_in_memory("value: undefined", "{}", true).await;
}

#[wasm_bindgen_test]
async fn without_the_indexed_db_that_was_asked_for_durable_does_not_lie() {
    works_in_memory("value: undefined", "{ store: 'indexeddb' }", false).await;
}

#[wasm_bindgen_test]
async fn indexed_db_that_may_not_be_touched_is_as_none() {
    works_in_memory("get() { throw new DOMException('denied', 'SecurityError'); }", "{}", true)
        .await;
}

#[wasm_bindgen_test]
async fn indexed_db_that_throws_or_fails_is_told() {
    let throws = "value: Object.create(IDBFactory.prototype, { open: { value() { throw new DOMException('denied', 'SecurityError'); } } })";
    works_in_memory(throws, "{}", false).await;
    let fails = "value: Object.create(IDBFactory.prototype, { open: { value() { return IDBFactory.prototype.open.call(indexedDBBefore, 'restamp', 0.5); } } })";
    js("globalThis.indexedDBBefore = indexedDB");
    works_in_memory(fails, "{}", false).await;
}

#[wasm_bindgen_test]
async fn a_disk_that_is_full_for_a_while_leaves_no_gap() {
    open_shop();
    let opened = till("full", "{}").await;
    listen(&opened, "notice");
    let edited = draft(&opened, "A").await;
    step(&edited, "1");
    wait(&edited.durable()).await;
    js("IDBObjectStore.prototype.putBefore = IDBObjectStore.prototype.put;
        IDBObjectStore.prototype.put = () => { throw new DOMException('full', 'QuotaExceededError'); }");
    step(&edited, "10");
    let refused = code(&edited.durable()).await;
    step(&edited, "100");
    let again = code(&edited.durable()).await;
    js("IDBObjectStore.prototype.put = IDBObjectStore.prototype.putBefore");
    assert_eq!((refused.as_str(), again.as_str()), ("storage", "storage"));
    assert_eq!(heard("kind"), ["storage"], "once is enough");
    step(&edited, "1000");
    wait(&edited.durable()).await;
    drop((edited, opened)); // the page is gone
    let next = till("full", "{}").await;
    assert_eq!(shown(&draft(&next, "A").await, "lines[r1].qty"), "1112");
}

#[wasm_bindgen_test]
async fn a_database_that_the_browser_closed_is_opened_again() {
    open_shop();
    js("globalThis.opened = [];
        IDBDatabase.prototype.transactionBefore = IDBDatabase.prototype.transaction;
        IDBDatabase.prototype.transaction = function (...args) { opened.push(this); return this.transactionBefore(...args); }");
    let first = till("closed by the browser", "{}").await;
    js("opened.forEach((database) => database.close());
        IDBDatabase.prototype.transaction = IDBDatabase.prototype.transactionBefore");
    listen(&first, "notice");
    let edited = draft(&first, "A").await;
    step(&edited, "1");
    wait(&edited.durable()).await;
    assert_eq!(heard("kind"), Vec::<String>::new());
    drop((edited, first)); // the page is gone
    let next = till("closed by the browser", "{}").await;
    assert_eq!(shown(&draft(&next, "A").await, "lines[r1].qty"), "2");
}

#[wasm_bindgen_test]
async fn a_database_that_cannot_be_read_is_told_and_left_as_it_is() {
    open_shop();
    let first = till("unreadable", "{}").await;
    let kept = draft(&first, "A").await;
    step(&kept, "1");
    wait(&first.close()).await;
    js("IDBIndex.prototype.getAllBefore = IDBIndex.prototype.getAll;
        IDBIndex.prototype.getAll = () => { throw new DOMException('broken', 'UnknownError'); }");
    let second = till("unreadable", "{}").await;
    js("IDBIndex.prototype.getAll = IDBIndex.prototype.getAllBefore");
    listen(&second, "notice");
    let edited = draft(&second, "B").await;
    step(&edited, "1");
    assert_eq!(code(&edited.durable()).await, "storage");
    assert_eq!(text(&save(&edited).await, "kind"), "committed");
    assert_eq!(heard("kind"), ["storage"]);
    drop((edited, second)); // the page is gone
    let third = till("unreadable", "{}").await;
    assert_eq!(shown(&draft(&third, "A").await, "lines[r1].qty"), "2");
}
