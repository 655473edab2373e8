//! Requests of the REST dialect, shortly.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{json, Value};

use crate::support::{Answer, Server};

pub fn send(
    server: &Server,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Answer {
    let text = if body.is_null() { String::new() } else { body.to_string() };
    server.send(method, &format!("/rest/{path}"), headers, &text).unwrap()
}

/// Creates a document and returns its stamp.
pub fn create(server: &Server, path: &str, body: &Value) -> String {
    let made = send(server, "PUT", path, &[("If-None-Match", "*")], body);
    assert_eq!(made.status, 201, "{}", made.text);
    made.header("etag").unwrap().to_owned()
}

pub fn put(server: &Server, path: &str, stamp: &str, body: &Value) -> Answer {
    send(server, "PUT", path, &[("If-Match", stamp)], body)
}

pub fn put_fenced(server: &Server, path: &str, stamp: &str, fence: &str, body: &Value) -> Answer {
    send(server, "PUT", path, &[("If-Match", stamp), ("Fence", fence)], body)
}

pub fn commit(server: &Server, collection: &str, token: &str, writes: &Value) -> Answer {
    let headers = [("Idempotency-Key", token), ("Prefer", "return=representation")];
    send(server, "POST", &format!("{collection}/_commit"), &headers, &json!({ "writes": writes }))
}

/// Asks for a lease without waiting.
pub fn lease(server: &Server, path: &str, holder: &str, ttl: u64) -> Answer {
    send(server, "POST", &format!("{path}/_lease"), &[], &json!({"holder": holder, "ttl": ttl}))
}

/// Asks for a lease and waits.
pub fn await_lease(server: &Server, path: &str, holder: &str, ttl: u64, seconds: u64) -> Answer {
    let wait = format!("wait={seconds}");
    let body = json!({"holder": holder, "ttl": ttl});
    send(server, "POST", &format!("{path}/_lease"), &[("Prefer", &wait)], &body)
}

pub fn release(server: &Server, path: &str, fence: &str) {
    let released =
        send(server, "DELETE", &format!("{path}/_lease"), &[("Fence", fence)], &Value::Null);
    assert_eq!(released.status, 204);
}

pub fn fence(granted: &Answer) -> String {
    assert_eq!(granted.status, 200, "{}", granted.text);
    granted.json()["fence"].as_str().unwrap().to_owned()
}

pub fn stamp_of(answer: &Answer) -> String {
    answer.header("etag").unwrap().to_owned()
}

/// The document and its stamp.
pub fn get(server: &Server, path: &str) -> (Value, String) {
    let got = send(server, "GET", path, &[], &Value::Null);
    assert_eq!(got.status, 200, "{}", got.text);
    (got.json(), stamp_of(&got))
}

/// A request of which only the sending is done; the connection is the caller's.
pub fn begin(
    server: &Server,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> TcpStream {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut stream = TcpStream::connect(("127.0.0.1", server.port)).unwrap();
    let mut head = format!("{method} /rest/{path} HTTP/1.1\r\nHost: t\r\n");
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    stream
}

/// Runs `count` threads at once and gathers what they return.
pub fn at_once<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let start = std::sync::Barrier::new(count);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..count)
            .map(|number| {
                let (start, work) = (&start, &work);
                let run = move || {
                    start.wait();
                    work(number)
                };
                std::thread::Builder::new().stack_size(256 * 1024).spawn_scoped(scope, run).unwrap()
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Waits until something holds. It is given up after a time that only a broken server takes.
pub fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("never: {what}");
}

/// One client's change feed.
pub struct Feed(BufReader<TcpStream>);

#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub number: String,
    pub kind: String,
    pub data: Value,
}

impl Feed {
    /// Opens a feed; it listens once this returns.
    pub fn open(server: &Server, path: &str, headers: &[(&str, &str)]) -> Self {
        let stream = begin(server, "GET", path, headers, &Value::Null);
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut feed = Self(BufReader::new(stream));
        assert!(feed.line().contains(" 200 "));
        while !feed.line().is_empty() {}
        feed
    }

    fn line(&mut self) -> String {
        self.try_line().expect("the feed has ended")
    }

    fn try_line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.0.read_line(&mut line).ok()?;
        (read > 0).then(|| line.trim_end().to_owned())
    }

    /// The next event.
    pub fn next(&mut self) -> Event {
        self.try_next().expect("the feed has ended")
    }

    /// The next event, or none if the feed ends, or only says twice that it is still there. The sizes of
    /// chunks are passed over.
    pub fn try_next(&mut self) -> Option<Event> {
        let mut event = Event { number: String::new(), kind: String::new(), data: Value::Null };
        let mut comments = 0;
        loop {
            let line = self.try_line()?;
            comments += usize::from(line == ": still here");
            if comments == 2 {
                return None;
            }
            if let Some(number) = line.strip_prefix("id: ") {
                event.number = number.to_owned();
            } else if let Some(kind) = line.strip_prefix("event: ") {
                event.kind = kind.to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                event.data = serde_json::from_str(data).unwrap();
                return Some(event);
            }
        }
    }
}
