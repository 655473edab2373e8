//! What the REST dialect runs on: SQLite, or a PostgreSQL and a Redis that the tests start themselves
//! (`database-servers.sh`), once for all tests of a program.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::OnceLock;

use postgres::{Client, NoTls};

use super::Server;

/// The database below a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Sqlite,
    /// PostgreSQL, and leases in Redis.
    PostgresAndRedis,
    /// PostgreSQL, and leases there too.
    Postgres,
}

/// An empty database of a test's own.
pub struct Place {
    pub kind: Kind,
    /// PostgreSQL's URL, if it is there.
    pub url: Option<String>,
    arguments: Vec<String>,
}

struct Servers {
    postgres: String,
    redis: String,
    /// They end when its standard input does, which is held here.
    _script: Child,
}

static MADE: AtomicUsize = AtomicUsize::new(0);

fn servers() -> &'static Servers {
    static SERVERS: OnceLock<Servers> = OnceLock::new();
    SERVERS.get_or_init(|| {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/database-servers.sh");
        let mut child = Command::new("bash")
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let (postgres, redis) = line.trim().split_once(' ').expect("database-servers.sh failed");
        Servers { postgres: postgres.to_owned(), redis: redis.to_owned(), _script: child }
    })
}

impl Place {
    pub fn new(kind: Kind) -> Self {
        if kind == Kind::Sqlite {
            return Self { kind, url: None, arguments: Vec::new() };
        }
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let servers = servers();
        let mut client = Client::connect(&format!("{}/postgres", servers.postgres), NoTls).unwrap();
        client.batch_execute(&format!("CREATE DATABASE test_{number}")).unwrap();
        let url = format!("{}/test_{number}", servers.postgres);
        let mut arguments = vec!["--database".to_owned(), url.clone()];
        if kind == Kind::PostgresAndRedis {
            arguments.extend(["--redis".to_owned(), format!("{}/{number}", servers.redis)]);
        }
        Self { kind, url: Some(url), arguments }
    }

    /// A server on this database; with PostgreSQL there may be several.
    pub fn server(&self, more: &[&str]) -> Server {
        let mut arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        arguments.push("--test-endpoints");
        arguments.extend(more);
        Server::with(&arguments)
    }

    /// A connection of the test's own to PostgreSQL.
    pub fn client(&self) -> Option<Client> {
        self.url.as_ref().map(|url| Client::connect(url, NoTls).unwrap())
    }

    /// The URL of the leases' Redis.
    pub fn redis(&self) -> Option<&str> {
        let at = self.arguments.iter().position(|argument| argument == "--redis")?;
        self.arguments.get(at + 1).map(String::as_str)
    }
}
