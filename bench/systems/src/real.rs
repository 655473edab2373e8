//! Transfers against the real backend: real time, HTTP on the loopback, a thread a till.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Barrier;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use restamp::adapters::rest::{Offers, Rest};
use restamp::adapters::{Adapter, HttpRequest, HttpResponse};
use restamp::core::call::Call;
use restamp::core::event::CallId;
use restamp::core::policy::TokenSupport;
use restamp::core::time::Millis;
use restamp::core::transaction::{Outcome, Strategy, Terms, Transaction};
use restamp::core::transfer::{Transfer, FIELD};
use restamp_contention::chance::Chance;

use crate::figures::Figures;
use crate::task::{Ended, Task, Wanted};

const TILLS: usize = 50;
const EACH: usize = 6;
const WALLETS: u64 = 20;
const BEGIN: i64 = 1_000;
/// A till gives an answer up after this long, as in a page.
const TIMEOUT: Duration = Duration::from_secs(15);

/// A server, and wallets of one run at it.
struct Server {
    address: String,
    run: String,
    faults: bool,
}

/// Status, headers and body.
type Answer = (u16, Vec<(String, String)>, Vec<u8>);

/// What one till did: its figures, and the transfers that it holds for done.
type Done = (Figures, Vec<(u64, u64)>);

fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis().try_into().unwrap_or(u64::MAX)
}

impl Server {
    fn send(&self, request: &HttpRequest) -> std::io::Result<Answer> {
        let mut stream = TcpStream::connect(&self.address)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        let body = request.body.as_deref().unwrap_or_default();
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: loopback\r\nConnection: close\r\nContent-Length: {}\r\n",
            request.method,
            request.path,
            body.len()
        );
        for (name, value) in &request.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        stream.write_all(&[head.as_bytes(), b"\r\n", body].concat())?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        let mut headers = Vec::new();
        loop {
            line.clear();
            reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim().split_once(": ") else { break };
            headers.push((name.to_ascii_lowercase(), value.to_owned()));
        }
        let mut body = Vec::new();
        reader.read_to_end(&mut body)?;
        Ok((status, headers, body))
    }

    fn wallet(&self, number: u64) -> String {
        format!("{}-{number:02}", self.run)
    }

    fn put(&self, number: u64) {
        let path = format!("/rest/wallets/{}", self.wallet(number));
        let headers = vec![("If-None-Match", "*".to_owned())];
        let body = Some(format!(r#"{{"balance":{BEGIN}}}"#).into_bytes());
        let made = self.send(&HttpRequest { method: "PUT", path, headers, body });
        assert_eq!(made.map(|made| made.0).unwrap_or_default(), 201, "a wallet is made");
    }

    fn balance(&self, number: u64) -> i64 {
        let path = format!("/rest/wallets/{}", self.wallet(number));
        let got = self.send(&HttpRequest { method: "GET", path, headers: Vec::new(), body: None });
        let (_, _, body) = got.expect("a wallet");
        let document: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        document["balance"].to_string().trim_matches('"').parse().expect("a balance")
    }

    fn till(&self, till: usize, strategy: Strategy, seed: u64, begin: &Barrier) -> Done {
        let mut chance = Chance::new(seed * 1_000 + till as u64);
        let (mut figures, mut moved) = (Figures::default(), Vec::new());
        begin.wait();
        for _ in 0..EACH {
            let from = chance.bits() % WALLETS;
            let to = (from + 1 + chance.bits() % (WALLETS - 1)) % WALLETS;
            let transfer = Transfer::new(&self.wallet(from), &self.wallet(to), "1", FIELD);
            let transfer = transfer.expect("a transfer");
            let start = Instant::now();
            figures.asked += 1;
            let ended = self.transfer(transfer, till, strategy, &mut chance, &mut figures);
            if matches!(ended, Some(Ended::Transaction(Outcome::Committed { .. }))) {
                figures.succeeded += 1;
                figures.times_us.push(start.elapsed().as_micros().try_into().unwrap_or(u64::MAX));
                moved.push((from, to));
            }
        }
        (figures, moved)
    }

    fn transfer(
        &self,
        transfer: Transfer,
        till: usize,
        strategy: Strategy,
        chance: &mut Chance,
        figures: &mut Figures,
    ) -> Option<Ended> {
        let terms = Terms {
            strategy,
            transactions: true,
            leases: true,
            batches: true,
            token: TokenSupport::Native,
            ..Terms::new(&format!("till-{till}"))
        };
        let keys = transfer.keys();
        let bits = chance.many_bits();
        let (transaction, effects) = Transaction::begin(&keys, terms, Millis(now()), bits);
        let plan = move |seen: crate::task::Seen<'_>| {
            transfer.plan(seen).map_err(|refusal| refusal.code().to_owned())
        };
        let mut task = Task::Transaction(Box::new(transaction), Box::new(plan));
        let mut wanted = Wanted::default();
        task.take(effects, now(), bits, &mut wanted);
        let (mut calls, mut ended) = (Vec::new(), None);
        loop {
            calls.append(&mut wanted.calls);
            ended = ended.or(wanted.ended.take());
            let next = match (calls.is_empty(), &ended) {
                (true, Some(_)) => return ended,
                (true, None) => None,
                (false, _) => Some(calls.remove(0)),
            };
            wanted = match next {
                Some((id, call)) => self.make(&mut task, id, &call, chance, figures),
                None => {
                    let due = task.next_wake()?;
                    std::thread::sleep(Duration::from_millis(due.saturating_sub(now())));
                    task.wake(now(), chance.many_bits())
                }
            };
        }
    }

    fn make(
        &self,
        task: &mut Task,
        id: CallId,
        call: &Call,
        chance: &mut Chance,
        figures: &mut Figures,
    ) -> Wanted {
        let rest = Rest { path: "/rest/wallets".into(), offers: Offers::ALL, ..Rest::default() };
        let mut request = rest.request(call).expect("it is offered");
        figures.requests += 1;
        let fault = ["lost-request", "lost-answer", "502-html"]
            .into_iter()
            .find(|_| self.faults && chance.happens(10));
        if let Some(fault) = fault {
            request.headers.push(("X-Fault", fault.to_owned()));
        }
        let (status, headers, body) = self.send(&request).unwrap_or_default();
        let response = HttpResponse { status, headers: &headers, body: &body };
        let answered = rest.classify(call, &response);
        task.answered(id, answered, now(), chance.many_bits())
    }

    /// The figures of all tills, what the wallets do not account for, and how long it took.
    fn run(&self, strategy: Strategy, seed: u64) -> (Figures, Duration) {
        (0..WALLETS).for_each(|number| self.put(number));
        let begin = Barrier::new(TILLS + 1);
        let (mut figures, mut expected) = (Figures::default(), vec![BEGIN; WALLETS as usize]);
        let took = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..TILLS)
                .map(|till| {
                    let begin = &begin;
                    scope.spawn(move || self.till(till, strategy, seed, begin))
                })
                .collect();
            begin.wait();
            let start = Instant::now();
            for thread in threads {
                let (one, moved) = thread.join().expect("a till");
                figures.add(one);
                for (from, to) in moved {
                    expected[from as usize] -= 1;
                    expected[to as usize] += 1;
                }
            }
            start.elapsed()
        });
        for (number, expected) in (0..).zip(expected) {
            let held = self.balance(number);
            figures.lost += u64::from(held < expected);
            figures.doubled += u64::from(held > expected);
        }
        figures.times_us.sort_unstable();
        (figures, took)
    }
}

/// A Markdown table of the backend at this address.
///
/// # Panics
/// If the backend does not answer as it should.
#[must_use]
pub fn table(url: &str) -> String {
    let address = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let mut out = String::from(
        "| | faults | success | lost | doubled | p50 | p99 | requests | all of them in |\n|---|---|---|---|---|---|---|---|---|\n",
    );
    let strategies = [
        ("optimistic", Strategy::Optimistic),
        ("leases", Strategy::Pessimistic),
        ("adaptive", Strategy::Adaptive { contended: false }),
    ];
    for faults in [false, true] {
        for (number, (name, strategy)) in strategies.into_iter().enumerate() {
            let run = format!("{}-{number}", now());
            let server = Server { address: address.clone(), run, faults };
            // Tokens are made of it, and no run may have those of another.
            let (figures, took) = server.run(strategy, now());
            let faults = if faults { "yes" } else { "no" };
            let row = figures.row();
            let _ = writeln!(out, "| {name} | {faults} | {row} | {:.1} s |", took.as_secs_f64());
        }
    }
    out
}
