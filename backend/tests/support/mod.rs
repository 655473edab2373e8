//! The running binary and a plain HTTP/1.1 client: one connection per request, no retries,
//! so that a dropped answer is seen as one.

// Every test file uses its own part of this.
#![allow(dead_code)]

pub mod databases;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::{json, Value};

pub const INVOICES: &str = "/api/resource/Sales%20Invoice";
pub const TOKEN: (&str, &str) = ("Authorization", "token till-1:secret");

pub struct Server {
    child: Child,
    pub port: u16,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub text: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    pub fn exc_type(&self) -> String {
        self.json()["exc_type"].as_str().unwrap_or_default().to_owned()
    }
}

/// The server's binary. Some cargos say where it is when they compile, others when they run.
fn program() -> String {
    let compiled = option_env!("CARGO_BIN_EXE_restamp-backend").map(str::to_owned);
    compiled.or_else(|| std::env::var("CARGO_BIN_EXE_restamp-backend").ok()).unwrap()
}

impl Server {
    pub fn start() -> Self {
        Self::with(&["--test-endpoints"])
    }

    pub fn with(arguments: &[&str]) -> Self {
        let mut child =
            Command::new(program()).args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().rsplit(':').next().unwrap().parse().unwrap();
        assert_eq!(line, format!("listening on http://127.0.0.1:{port}\n"));
        Self { child, port }
    }

    /// Asks it to end, and tells how it ended.
    pub fn terminate(mut self) -> Option<i32> {
        Command::new("kill").arg(self.child.id().to_string()).status().unwrap();
        self.child.wait().unwrap().code()
    }

    /// Kills it in whatever it is doing.
    pub fn kill(&self) {
        Command::new("kill").args(["-9", &self.child.id().to_string()]).status().unwrap();
    }

    pub fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> io::Result<Answer> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        let mut head = format!("{method} {path} HTTP/1.1\r\nHost: t\r\nConnection: close\r\n");
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("Content-Length: {}\r\n\r\n", body.len());
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        read_answer(stream)
    }

    /// As till-1 with a JSON body.
    pub fn call(&self, method: &str, path: &str, body: &Value) -> Answer {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        let headers = [TOKEN, ("Content-Type", "application/json")];
        self.send(method, path, &headers, &text).unwrap()
    }

    pub fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &Value::Null)
    }

    pub fn method(&self, name: &str, body: &Value) -> Answer {
        self.call("POST", &format!("/api/method/{name}"), body)
    }

    /// Creates an invoice and returns it as a GET shows it.
    pub fn invoice(&self, body: &Value) -> Value {
        let made = self.call("POST", INVOICES, body);
        assert_eq!(made.status, 200, "{}", made.text);
        self.get(&path_of(&made.json()["data"])).json()["data"].clone()
    }

    pub fn two_rows(&self) -> Value {
        self.invoice(&sale())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn sale() -> Value {
    json!({
        "customer": "Walk-in Customer",
        "items": [
            {"item_code": "SKU001", "qty": 2, "rate": 10},
            {"item_code": "SKU002", "qty": 1, "rate": 25.5},
        ],
        "payments": [{"mode_of_payment": "Cash", "amount": 45.5}],
    })
}

pub fn path_of(document: &Value) -> String {
    format!("{INVOICES}/{}", document["name"].as_str().unwrap())
}

/// A recorded exchange of the real server, by its note.
pub fn recorded(file: &str, note: &str) -> (u16, Value) {
    let path = format!("{}/tests/data/{file}.json", env!("CARGO_MANIFEST_DIR"));
    let all: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let exchanges = all["exchanges"].as_array().unwrap();
    let found = exchanges.iter().find(|one| one["note"] == note).unwrap();
    let response = &found["response"];
    let status = response["status"].as_u64().unwrap() as u16;
    (status, serde_json::from_str(response["body"].as_str().unwrap()).unwrap())
}

pub fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

/// The decoded entries of `_server_messages`.
pub fn messages(body: &Value) -> Vec<Value> {
    let list: Vec<String> =
        serde_json::from_str(body["_server_messages"].as_str().unwrap_or("[]")).unwrap();
    list.iter().map(|one| serde_json::from_str(one).unwrap()).collect()
}

fn read_answer(stream: TcpStream) -> io::Result<Answer> {
    let cut = || io::Error::new(io::ErrorKind::UnexpectedEof, "no whole answer");
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Err(cut());
    }
    let status = line.split(' ').nth(1).and_then(|code| code.parse().ok()).ok_or_else(cut)?;
    let mut headers = Vec::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.map_or(0, |(_, value)| value.parse::<usize>().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).map_err(|_| cut())?;
    Ok(Answer { status, headers, text: String::from_utf8(body).unwrap() })
}
