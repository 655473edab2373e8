//! The same tills against the real backend: `restamp-contention-real http://127.0.0.1:PORT`.
//!
//! Real time, HTTP on the loopback, one thread a till. Prints a Markdown table: parked conflicts and
//! merging at the server, with and without a way to go and faults (1 % of requests lost, 1 % of answers lost, 1 % 5xx).
//! The bound is the number of tills times one undisturbed save, measured here.
#![allow(clippy::print_stdout, clippy::expect_used)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::rc::Rc;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use restamp::core::op::Op;
use restamp::core::retry::Schedule;
use restamp_contention::chance::Chance;
use restamp_contention::plan::{MERGED, PARKED};
use restamp_contention::server::Response;
use restamp_contention::station::Station;
use restamp_contention::world::{policy, Turns};

/// A till gives an answer up after this long.
const TIMEOUT: Duration = Duration::from_secs(2);
/// What is not stored by then has failed.
const END: Duration = Duration::from_secs(120);
const HEADERS: [&str; 4] = ["fence", "lease-ttl", "retry-after", "retry-after-ms"];

struct Server {
    address: String,
    /// So that every run has documents of its own.
    run: u128,
}

/// What is in the way of a request.
#[derive(Clone, Copy)]
struct Trouble {
    /// 1 % of requests lost, 1 % of answers lost, 1 % 5xx.
    faults: bool,
    /// How long the server waits before it takes a request up, for the loopback has no way to go.
    delay_ms: u32,
}

/// What one till did.
struct Done {
    stored: bool,
    /// How often the edit is in the stored document.
    found: u32,
    requests: u64,
    at: Duration,
}

impl Server {
    /// One request on a connection of its own; status 0 if there is no answer.
    fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: Option<&[u8]>,
    ) -> Response {
        self.try_send(method, path, headers, body).unwrap_or_else(|_| Response::bare(0, b""))
    }

    fn try_send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, String)],
        body: Option<&[u8]>,
    ) -> std::io::Result<Response> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        let length = body.map_or(0, <[u8]>::len);
        let mut request = format!(
            "{method} /rest{path} HTTP/1.1\r\nHost: loopback\r\nConnection: close\r\nContent-Length: {length}\r\n"
        );
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += "\r\n";
        let mut bytes = request.into_bytes();
        bytes.extend_from_slice(body.unwrap_or_default());
        stream.write_all(&bytes)?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let mut response = Response::bare(status, b"");
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim().split_once(": ") else { break };
            let name = name.to_ascii_lowercase();
            if name == "etag" {
                response.etag = Some(value.to_owned());
            }
            if let Some(name) = HEADERS.into_iter().find(|known| *known == name) {
                response.headers.push((name, value.to_owned()));
            }
        }
        let mut body = Vec::new();
        reader.read_to_end(&mut body)?;
        response.body = Rc::new(body);
        Ok(response)
    }

    fn create(&self, number: usize) -> u64 {
        let id = self.run as u64 % 1_000_000_000 * 1_000 + number as u64;
        let text = format!(
            r#"{{"id":"{id}","creation":"c{id}","customer":"Walk-in Customer","custom_mutation_id":"","items":[],"payments":[]}}"#
        );
        let none =
            [("If-None-Match", "*".to_owned()), ("Content-Type", "application/json".to_owned())];
        let made = self.send("PUT", &format!("/bills/{id}"), &none, Some(text.as_bytes()));
        assert_eq!(made.status, 201, "{}", String::from_utf8_lossy(&made.body));
        id
    }

    /// One till's edit, from the moment when all begin until the till knows that it is stored.
    fn till(&self, id: u64, till: usize, turns: Turns, trouble: Trouble, begin: &Barrier) -> Done {
        let mut chance = Chance::new(id * 1_000 + till as u64);
        let copy = self.send("GET", &format!("/bills/{id}"), &[], None);
        let policy = policy(Schedule::CONTENTION, turns);
        let mut station = Station::open(policy, id as usize, &copy, &mut chance);
        let op = format!(
            r#"[{{"op":"insert","table":"items","row":{{"posa_row_id":"{till}","item_code":"TEA","qty":1,"rate":3}}}}]"#
        );
        let op = Op::parse_list(op.as_bytes()).expect("an op").remove(0);
        begin.wait();
        let start = Instant::now();
        let now = || start.elapsed().as_micros() as u64;
        let mut requests = 0;
        let mut line = station.save(op, now(), &mut chance);
        while !station.is_clean() && start.elapsed() < END {
            if line.is_empty() {
                let due = station.wakes_at().unwrap_or_else(now);
                std::thread::sleep(Duration::from_micros(due.saturating_sub(now()).max(200)));
                line = station.wake(now(), &mut chance);
                continue;
            }
            let sent = line.remove(0);
            requests += u64::from(sent.for_a_save);
            let mut headers = sent.request.headers.clone();
            let fault = ["lost-request", "lost-answer", "502-html"];
            match fault.into_iter().find(|_| trouble.faults && chance.happens(10)) {
                Some(fault) => headers.push(("X-Fault", fault.to_owned())),
                None if trouble.delay_ms > 0 => {
                    headers.push(("X-Fault", format!("delay={}", trouble.delay_ms)));
                }
                None => {}
            }
            let request = &sent.request;
            let body = request.body.as_deref();
            let response = self.send(request.method, &request.path, &headers, body);
            line.extend(station.answered(sent.id, &response, now(), &mut chance));
        }
        let done = station.is_clean() && station.refused.is_empty();
        Done { stored: done, found: 0, requests, at: start.elapsed() }
    }

    fn moment(&self, number: usize, tills: usize, turns: Turns, trouble: Trouble) -> Vec<Done> {
        let id = self.create(number);
        let begin = Barrier::new(tills);
        let begin = &begin;
        let mut done = Vec::new();
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..tills)
                .map(|till| scope.spawn(move || self.till(id, till, turns, trouble, begin)))
                .collect();
            done.extend(threads.into_iter().map(|thread| thread.join().expect("a till")));
        });
        let stored = self.send("GET", &format!("/bills/{id}"), &[], None);
        let stored: serde_json::Value = serde_json::from_slice(&stored.body).expect("JSON");
        let rows = stored["items"].as_array().expect("rows");
        for row in rows {
            let till = row["posa_row_id"].as_str().and_then(|name| name.parse::<usize>().ok());
            done[till.expect("a till's row")].found += 1;
        }
        done
    }
}

fn main() {
    let url = std::env::args().nth(1).expect("http://127.0.0.1:PORT");
    let address = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let server = Server { address, run: since.unwrap_or_default().as_millis() };
    let mut number = 0;
    let mut next = || {
        number += 1;
        number
    };
    println!("| backend offers | delay | faults | tills | success | lost | doubled | requests per save | last till | one save | last till / bound |");
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    let offers = [("parked conflicts", PARKED.turns), ("merge at the server", MERGED.turns)];
    for ((name, turns), delay_ms) in offers.into_iter().flat_map(|it| [(it, 0), (it, 40)]) {
        let undisturbed = Trouble { faults: false, delay_ms };
        let mut alone: Vec<Duration> =
            (0..41).map(|_| server.moment(next(), 1, turns, undisturbed)[0].at).collect();
        alone.sort_unstable();
        let one = alone[20];
        for faults in [false, true] {
            for tills in [5, 20, 100] {
                let trouble = Trouble { faults, delay_ms };
                // The median of five runs.
                let runs = (0..5).map(|_| server.moment(next(), tills, turns, trouble)).collect();
                print_row(&format!("{name} | {delay_ms} ms"), faults, one, runs);
            }
        }
    }
}

/// Prints the row of these runs.
fn print_row(name: &str, faults: bool, one: Duration, mut runs: Vec<Vec<Done>>) {
    let last = |run: &Vec<Done>| run.iter().map(|done| done.at).max();
    runs.sort_unstable_by_key(last);
    let (tills, last) = (runs[0].len(), last(&runs[2]).unwrap_or_default());
    let all = || runs.iter().flatten();
    let stored = all().filter(|done| done.stored).count();
    let requests: u64 = all().map(|done| done.requests).sum();
    let lost = all().filter(|done| done.stored && done.found == 0).count();
    let doubled = all().filter(|done| done.found > 1).count();
    println!(
        "| {name} | {} | {tills} | {:.0} % | {lost} | {doubled} | {:.2} | {:.0} ms | {:.1} ms | {:.1} |",
        if faults { "yes" } else { "no" },
        100.0 * stored as f64 / all().count() as f64,
        requests as f64 / stored.max(1) as f64,
        last.as_secs_f64() * 1_000.0,
        one.as_secs_f64() * 1_000.0,
        last.as_secs_f64() / (one.as_secs_f64() * tills as f64),
    );
}
