//! Faults, the request log, static files and the end of the process.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{json, Value};
use support::{path_of, Server, TOKEN};

#[test]
fn a_lost_answer_is_a_committed_save() {
    let server = Server::start();
    let read = server.two_rows();
    let path = path_of(&read);
    let put = |fault: &str| {
        server.send("PUT", &path, &[TOKEN, ("X-Fault", fault)], r#"{"remarks":"landed"}"#)
    };
    assert!(put("lost-request").is_err());
    assert_eq!(server.get(&path).json()["data"]["modified"], read["modified"]);
    assert!(put("lost-answer").is_err());
    assert_eq!(server.get(&path).json()["data"]["remarks"], "landed");
    let log = server.get("/_test/log").json();
    let dropped = log.as_array().unwrap().iter().filter(|entry| entry["status"] == "dropped");
    assert_eq!(dropped.count(), 2);
}

#[test]
fn answers_can_be_replaced_without_doing_anything() {
    let server = Server::start();
    let read = server.two_rows();
    let path = path_of(&read);
    let put = |fault: &str| {
        server.send("PUT", &path, &[TOKEN, ("X-Fault", fault)], r#"{"remarks":"x"}"#).unwrap()
    };
    let unavailable = put("503=7");
    assert_eq!((unavailable.status, unavailable.header("retry-after")), (503, Some("7")));
    assert_eq!(put("503").header("retry-after"), Some("1"));
    assert_eq!(
        (put("429=5").status, put("429=5").exc_type().as_str()),
        (429, "TooManyRequestsError")
    );
    assert_eq!((put("502-html").status, put("502-html").text.starts_with("<html>")), (502, true));
    assert_eq!(
        (put("deadlock").status, put("deadlock").exc_type().as_str()),
        (500, "QueryDeadlockError")
    );
    assert_eq!((put("garbage").status, put("garbage").text.as_str()), (200, "{\"data\":"));
    assert_eq!((put("html").status, put("html").text.contains("Login")), (200, true));
    assert_eq!(put("session-expired").json()["session_expired"], 1);
    assert!(put("big").text.len() > 30_000_000);
    assert_eq!(put("no-such-fault").status, 400);
    assert_eq!(server.get(&path).json()["data"]["modified"], read["modified"]);
}

#[test]
fn answers_can_be_spoiled_after_the_save() {
    let server = Server::start();
    let read = server.two_rows();
    let path = path_of(&read);
    let put = |fault: &str, remark: &str| {
        let body = json!({"remarks": remark}).to_string();
        server.send("PUT", &format!("{path}?_fault={fault}"), &[TOKEN], &body)
    };
    let remarks = || server.get(&path).json()["data"]["remarks"].clone();
    assert_eq!(put("504-applied", "one").unwrap().status, 504);
    assert_eq!(remarks(), "one");
    assert!(put("truncate", "two").is_err());
    assert_eq!(remarks(), "two");
    let started = Instant::now();
    assert_eq!(put("delay=80,delay-after=80", "three").unwrap().status, 200);
    assert!(started.elapsed() >= Duration::from_millis(160));
}

#[test]
fn armed_faults_hit_as_often_as_told() {
    let server = Server::start();
    let read = server.two_rows();
    let path = path_of(&read);
    let trap =
        json!({"match": "PUT /api/resource/Sales Invoice", "fault": "lost-answer", "times": 2});
    server.call("POST", "/_test/faults", &trap);
    let put = || server.send("PUT", &path, &[TOKEN], "{}");
    assert_eq!(server.get(&path).status, 200);
    assert!(put().is_err() && put().is_err());
    assert_eq!(put().unwrap().status, 200);
    server.call("POST", "/_test/faults", &json!({"match": "GET", "fault": "503", "times": 0}));
    assert_eq!((server.get(&path).status, server.get(&path).status), (503, 503));
    server.call("DELETE", "/_test/faults", &Value::Null);
    assert_eq!(server.get(&path).status, 200);
}

#[test]
fn a_save_is_finished_although_the_client_has_left() {
    let server = Server::start();
    let path = path_of(&server.two_rows());
    let body = r#"{"remarks":"after all"}"#;
    let head = format!(
        "PUT {path}?_fault=delay=150 HTTP/1.1\r\nHost: t\r\n{}: {}\r\nContent-Length: {}\r\n\r\n{body}",
        TOKEN.0,
        TOKEN.1,
        body.len()
    );
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    drop(stream);
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(server.get(&path).json()["data"]["remarks"], "after all");
}

#[test]
fn no_connection_is_reused_while_an_answer_may_be_lost() {
    let server = Server::start();
    let path = path_of(&server.two_rows());
    let mut idle = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    idle.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    write!(idle, "GET {path} HTTP/1.1\r\nHost: t\r\n\r\n").unwrap();
    let mut first = [0; 64];
    assert!(idle.read(&mut first).unwrap() > 0);
    server.call("POST", "/_test/faults", &json!({"match": "PUT", "fault": "lost-request"}));
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).unwrap();
    assert_eq!(server.get(&path).header("connection"), Some("close"));
}

#[test]
fn a_background_touch_moves_the_stamp_without_an_edit() {
    let server = Server::start();
    let read = server.two_rows();
    server.call("POST", "/_test/touch", &json!({"doctype": "Sales Invoice", "name": read["name"]}));
    let stale = server.call("PUT", &path_of(&read), &json!({"modified": read["modified"]}));
    assert_eq!(stale.exc_type(), "TimestampMismatchError");
}

#[test]
fn test_endpoints_are_closed_unless_asked_for() {
    let server = Server::with(&[]);
    assert_eq!(server.get("/_test/log").status, 404);
}

#[test]
fn files_are_served_with_their_types_and_nothing_above_them() {
    let folder = std::env::temp_dir().join(format!("restamp-site-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for (name, content) in [("index.html", "<p>"), ("a.wasm", "x"), ("b.mjs", "1"), ("c.svg", "s")]
    {
        std::fs::write(folder.join(name), content).unwrap();
    }
    let path = folder.to_str().unwrap();
    let server = Server::with(&["--www", path, "--package", path]);
    let kind = |path: &str| server.get(path).header("content-type").unwrap().to_owned();
    assert_eq!(kind("/"), "text/html; charset=utf-8");
    assert_eq!(kind("/restamp/a.wasm"), "application/wasm");
    assert_eq!(kind("/b.mjs"), "text/javascript; charset=utf-8");
    assert_eq!(kind("/c.svg"), "image/svg+xml");
    assert_eq!(server.get("/../Cargo.toml").status, 404);
    assert_eq!(server.get("/%2e%2e/%2fetc/passwd").status, 404);
    assert_eq!(server.get("/none.js").status, 404);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn data_outlives_the_process_when_it_has_a_file() {
    let file = std::env::temp_dir().join(format!("restamp-data-{}.sqlite", std::process::id()));
    let arguments = ["--data", file.to_str().unwrap()];
    let server = Server::with(&arguments);
    let read = server.two_rows();
    assert_eq!(server.terminate(), Some(0));
    let server = Server::with(&arguments);
    assert_eq!(server.get(&path_of(&read)).json()["data"], read);
    drop(server);
    for ending in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{ending}", file.display()));
    }
}

#[test]
fn one_origin_may_call_across_origins() {
    let server = Server::with(&["--cors", "http://localhost:8080"]);
    let asked = [("Access-Control-Request-Headers", "authorization,x-fault")];
    let preflight = server.send("OPTIONS", "/rest/sales/1", &asked, "").unwrap();
    assert_eq!(preflight.header("access-control-allow-origin"), Some("http://localhost:8080"));
    assert_eq!(preflight.header("access-control-allow-headers"), Some("authorization,x-fault"));
    assert_eq!(
        preflight.header("access-control-expose-headers"),
        Some("ETag, Retry-After, Retry-After-Ms, Location, Fence, Lease-Ttl")
    );
    let frappe = server.get("/api/method/ping");
    assert_eq!(frappe.header("access-control-expose-headers"), None);
    assert_eq!(Server::start().get("/api/method/ping").header("access-control-allow-origin"), None);
}
