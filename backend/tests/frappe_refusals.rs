//! What the Frappe dialect refuses, and how it says so; signing in; lists; API v2.

mod support;

use serde_json::{json, Value};
use support::{keys, messages, path_of, recorded, sale, Server, INVOICES, TOKEN};

/// Status and envelope keys are those of a recorded refusal.
fn assert_like(answer: &support::Answer, file: &str, note: &str) {
    let (status, theirs) = recorded(file, note);
    let ours = answer.json();
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(keys(&ours), keys(&theirs), "{note}");
    assert_eq!(ours["exc_type"], theirs["exc_type"]);
    let (ours, theirs) = (messages(&ours), messages(&theirs));
    assert_eq!(ours.len(), theirs.len());
    for (one, other) in ours.iter().zip(&theirs) {
        assert_eq!(keys(one), keys(other), "{note}");
        assert_eq!(one["title"], other["title"], "{note}");
    }
}

#[test]
fn broken_rules_look_as_recorded() {
    let server = Server::start();
    let read = server.two_rows();
    let path = path_of(&read);
    let mut rows = read["items"].clone();
    rows[0]["qty"] = json!(0);
    let file = "30_validation_errors";
    let put = |body: &Value| server.call("PUT", &path, body);
    assert_like(&put(&json!({"items": rows})), file, "throw in validate (qty 0)");
    assert_like(&put(&json!({"customer": null})), file, "mandatory missing (customer null)");
    assert_like(&put(&json!({"naming_series": "X-.#"})), file, "set_only_once changed");
    assert_like(&put(&json!({"due_date": "not-a-date"})), file, "bad date");
    let unknown = put(&json!({"no_such_field": 1}));
    assert_eq!(unknown.status, 200);
}

#[test]
fn missing_documents_look_as_recorded() {
    let server = Server::start();
    let path = format!("{INVOICES}/ACC-SINV-9999-99999");
    assert_like(&server.get(&path), "25_deleted", "GET missing");
    assert_like(&server.call("PUT", &path, &json!({})), "25_deleted", "PUT deleted");
    assert_like(&server.call("DELETE", &path, &Value::Null), "25_deleted", "DELETE missing");
    assert_like(&server.get("/api/nonsense"), "25_deleted", "unknown api path");
    let method = server.method("pos_lab.api.nope", &json!({}));
    assert_like(&method, "25_deleted", "unknown method");
}

#[test]
fn a_unique_field_lets_one_of_six_creates_through() {
    let server = Server::start();
    let mut body = sale();
    body["client_uuid"] = json!("d1d72658");
    let mut statuses: Vec<u16> = std::thread::scope(|scope| {
        let tills: Vec<_> =
            (0..6).map(|_| scope.spawn(|| server.call("POST", INVOICES, &body).status)).collect();
        tills.into_iter().map(|till| till.join().unwrap()).collect()
    });
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 417, 417, 417, 417, 417]);
    let refused = server.call("POST", INVOICES, &body);
    assert_eq!(refused.exc_type(), "UniqueValidationError");
    assert_eq!(messages(&refused.json())[0]["message"], "Client Uuid must be unique");
    let found = server.get(&format!(
        "{INVOICES}?filters=%5B%5B%22client_uuid%22%2C%22%3D%22%2C%22d1d72658%22%5D%5D&fields=%5B%22name%22%2C%22modified%22%5D"
    ));
    assert_eq!(found.json()["data"].as_array().unwrap().len(), 1);
    body["client_uuid"] = json!("");
    assert_eq!(server.call("POST", INVOICES, &body).status, 200);
    assert_eq!(server.call("POST", INVOICES, &body).status, 200);
    assert!(server.two_rows()["name"].as_str().unwrap().ends_with("-00004"));
}

#[test]
fn a_submitted_invoice_stays_as_it_is() {
    let server = Server::start();
    let read = server.two_rows();
    let path = path_of(&read);
    let submitted = server.method("frappe.client.submit", &json!({"doc": read}));
    assert_eq!(submitted.status, 200, "{}", submitted.text);
    assert_eq!(submitted.json()["message"]["status"], "Paid");
    let again = server.method("frappe.client.submit", &json!({"doc": read}));
    assert_eq!(again.exc_type(), "TimestampMismatchError");
    let fresh = server.get(&path).json()["data"].clone();
    assert_eq!(server.method("frappe.client.submit", &json!({"doc": fresh})).status, 200);

    let edit = server.call("PUT", &path, &json!({"remarks": "late"}));
    assert_eq!((edit.status, edit.exc_type().as_str()), (417, "UpdateAfterSubmitError"));
    let mut rows = fresh["items"].clone();
    rows[0]["qty"] = json!(9);
    let edit = server.call("PUT", &path, &json!({"items": rows}));
    let shown = messages(&edit.json())[0]["message"].as_str().unwrap().to_owned();
    assert!(shown.contains("from <strong>2.0</strong> to <strong>9.0</strong>"), "{shown}");
    assert_eq!(server.call("PUT", &path, &json!({"letter_head": "LH"})).status, 200);
    let back = server.call("PUT", &path, &json!({"docstatus": 0}));
    assert_eq!(back.exc_type(), "DocstatusTransitionError");
    assert_eq!(server.call("DELETE", &path, &Value::Null).status, 417);

    let key = json!({"doctype": "Sales Invoice", "name": read["name"]});
    assert_eq!(server.method("frappe.client.cancel", &key).json()["message"]["docstatus"], 2);
    let edit = server.call("PUT", &path, &json!({"remarks": "x"}));
    assert!(edit.text.contains("Cannot edit cancelled document"));
    assert_eq!(edit.json().get("_server_messages"), None);
}

#[test]
fn stock_that_runs_out_is_told_as_text_and_as_json() {
    let server = Server::start();
    let read = server.two_rows();
    server.call("POST", "/_test/stock", &json!({"item_code": "SKU001", "available": 1.5}));
    let refused = server.method("frappe.client.submit", &json!({"doc": read}));
    assert_eq!((refused.status, refused.exc_type().as_str()), (417, "NegativeStockError"));
    let shown = messages(&refused.json());
    let detail: Value = serde_json::from_str(shown[1]["message"].as_str().unwrap()).unwrap();
    assert_eq!(detail["errors"][0]["item_code"], "SKU001");
    assert_eq!(detail["errors"][0]["requested_qty"].to_string(), "2.0");
    assert_eq!(server.get(&path_of(&read)).json()["data"]["docstatus"], 0);
}

#[test]
fn credentials_are_checked_as_recorded() {
    let server = Server::start();
    let path = path_of(&server.two_rows());
    let with = |headers: &[(&str, &str)], method: &str, body: &str| {
        server.send(method, &path, headers, body).unwrap()
    };
    let guest = with(&[], "GET", "");
    assert_eq!((guest.status, guest.exc_type().as_str()), (403, "PermissionError"));
    assert_eq!(guest.json().get("session_expired"), None);
    let dead = with(&[("Cookie", "sid=0123")], "PUT", "{}");
    assert_eq!((dead.status, &dead.json()["session_expired"]), (403, &json!(1)));
    assert!(dead.header("set-cookie").unwrap().starts_with("sid=;"));
    let wrong = with(&[("Authorization", "token till-1:wrong")], "GET", "");
    assert_eq!((wrong.status, wrong.exc_type().as_str()), (401, "AuthenticationError"));
}

#[test]
fn a_cookie_session_needs_its_csrf_token_once_it_has_one() {
    let server = Server::start();
    let path = path_of(&server.two_rows());
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    let login = |password: &str| {
        let body = format!("usr=till-2%40example.test&pwd={password}");
        server.send("POST", "/api/method/login", &form, &body).unwrap()
    };
    assert_eq!(login("wrong").json()["message"], "Invalid login credentials");
    let cookie =
        login("secret").header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let put = |token: &str| {
        let headers = [("Cookie", cookie.as_str()), ("X-Frappe-CSRF-Token", token)];
        server.send("PUT", &path, &headers, "{}").unwrap()
    };
    assert_eq!(put("").status, 200);
    let asked = server.send(
        "GET",
        "/api/method/frappe.sessions.get_csrf_token",
        &[("Cookie", cookie.as_str())],
        "",
    );
    let token = asked.unwrap().json()["message"].as_str().unwrap().to_owned();
    let refused = put("wrong");
    assert_eq!((refused.status, refused.exc_type().as_str()), (400, "CSRFTokenError"));
    assert_eq!(put(&token).json()["data"]["modified_by"], "till-2@example.test");
    server.call("POST", "/_test/expire-sessions", &Value::Null);
    assert_eq!(put(&token).json()["session_expired"], 1);
}

#[test]
fn bodies_that_are_no_document_are_refused() {
    let server = Server::start();
    let path = path_of(&server.two_rows());
    let json = ("Content-Type", "application/json");
    for body in ["{bad json", "{\"a\":", "\"", "[[[", "nul"] {
        let answer = server.send("PUT", &path, &[TOKEN, json], body).unwrap();
        assert_eq!((answer.status, answer.exc_type().as_str()), (500, "JSONDecodeError"), "{body}");
    }
    assert_eq!(server.send("PUT", &path, &[TOKEN, json], "[1, 2]").unwrap().status, 417);
    for strange in [
        r#"{"items": [{"item_code": "A", "qty": 1e400}]}"#,
        r#"{"items": [{"item_code": "A", "qty": 99999999999999999999, "rate": 99999999999999999999}]}"#,
        r#"{"items": "none", "docstatus": {"a": 1}, "idx": [1]}"#,
        r#"{"items": [{}], "name": 5, "customer": [], "naming_series": 1}"#,
    ] {
        let answer = server.send("PUT", &path, &[TOKEN, json], strange).unwrap();
        assert_ne!(answer.text, "the server made a mistake", "{strange}");
    }
    assert_eq!(server.get(&path).status, 200);
}

#[test]
fn the_second_api_has_its_own_envelope() {
    let server = Server::start();
    let file = "40_api_v2";
    let made = server.call("POST", "/api/v2/document/Sales%20Invoice", &sale()).json();
    let path =
        format!("/api/v2/document/Sales%20Invoice/{}", made["data"]["name"].as_str().unwrap());
    let stamp = made["data"]["modified"].clone();
    let patch = server.call("PATCH", &path, &json!({"modified": stamp, "remarks": "a"}));
    assert_eq!(patch.status, 200);
    let refusals = [
        ("PUT stale", server.call("PUT", &path, &json!({"modified": stamp}))),
        ("missing", server.get("/api/v2/document/Sales%20Invoice/NOPE")),
        (
            "validation error",
            server.call("PATCH", &path, &json!({"items": [{"item_code": "SKU001", "qty": 0}]})),
        ),
        (
            "v2 frappe.client.save stale",
            server.call("POST", "/api/v2/method/frappe.client.save", &json!({"doc": made["data"]})),
        ),
    ];
    for (note, answer) in refusals {
        let (status, theirs) = recorded(file, note);
        assert_eq!(answer.status, status, "{note}");
        let ours = answer.json();
        assert_eq!(keys(&ours), ["errors"]);
        assert_eq!(keys(&ours["errors"][0]), keys(&theirs["errors"][0]), "{note}");
        assert_eq!(ours["errors"][0]["type"], theirs["errors"][0]["type"], "{note}");
    }
    let submitted = server.call("POST", &format!("{path}/method/submit"), &json!({}));
    assert_eq!(submitted.json()["data"]["docstatus"], 1);
}

#[test]
fn values_can_be_read_and_set_one_by_one() {
    let server = Server::start();
    let read = server.two_rows();
    let name = read["name"].as_str().unwrap();
    let probe = format!("/api/method/frappe.client.get_value?doctype=Sales%20Invoice&fieldname=modified&filters={name}");
    assert_eq!(server.get(&probe).json()["message"], json!({"modified": read["modified"]}));
    let set = |fieldname: Value, value: Value| {
        let body = json!({"doctype": "Sales Invoice", "name": name, "fieldname": fieldname, "value": value});
        server.method("frappe.client.set_value", &body)
    };
    assert_eq!(set(json!("remarks"), json!("blind")).json()["message"]["remarks"], "blind");
    let stale = set(json!({"remarks": "x", "modified": read["modified"]}), Value::Null);
    assert_eq!(stale.exc_type(), "TimestampMismatchError");
    assert!(set(json!("modified"), json!("2020")).text.contains("Cannot edit standard fields"));
}

#[test]
fn the_desks_form_save_checks_the_stamp() {
    let server = Server::start();
    let read = server.two_rows();
    let form = [TOKEN, ("Content-Type", "application/x-www-form-urlencoded")];
    let path = "/api/method/frappe.desk.form.save.savedocs";
    let doc: String = read.to_string().bytes().map(|byte| format!("%{byte:02x}")).collect();
    let body = format!("doc={doc}&action=Submit");
    let saved = server.send("POST", path, &form, &body).unwrap();
    assert_eq!(keys(&saved.json()), ["docs", "docinfo", "_server_messages"]);
    assert_eq!(saved.json()["docs"][0]["docstatus"], 1);
    let stale = server.send("POST", path, &form, &body).unwrap();
    assert_eq!(stale.exc_type(), "TimestampMismatchError");
}

#[test]
fn strict_items_must_be_in_the_price_list() {
    let server = Server::with(&["--strict-items"]);
    let mut body = sale();
    assert_eq!(server.call("POST", INVOICES, &body).status, 200);
    body["items"][0]["item_code"] = json!("NO-SUCH");
    assert_eq!(server.call("POST", INVOICES, &body).exc_type(), "LinkValidationError");
    let duplicate = json!({"item_code": "SKU001"});
    assert_eq!(server.call("POST", "/api/resource/Item", &duplicate).status, 200);
    let refused = server.call("POST", "/api/resource/Item", &duplicate);
    assert_eq!((refused.status, refused.exc_type().as_str()), (409, "DuplicateEntryError"));
}
