//! The command line, parsed by hand: a dozen options do not need a crate.

use std::path::PathBuf;

/// How to use the binary; printed for `--help` and after a mistake.
pub const USAGE: &str = "\
restamp-backend [--port N] [--data FILE] [--database postgres://...] [--redis redis://...]
                [--unique COLLECTION.FIELD]... [--profile COLLECTION=PROFILE]... [--www DIR] [--package DIR]
                [--token KEY:SECRET[:USER]]... [--cors ORIGIN]
                [--strict-items] [--no-keep-alive] [--test-endpoints]";

/// One user: the API key and secret, and the name the server writes into `modified_by`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// API key, the part before the colon of `Authorization: token KEY:SECRET`.
    pub key: String,
    /// API secret; also the password of `/api/method/login`.
    pub secret: String,
    /// The user's name, an e-mail address as in Frappe.
    pub user: String,
}

/// Everything the command line can say.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// TCP port on 127.0.0.1; 0 takes a free one.
    pub port: u16,
    /// SQLite file; in memory when absent.
    pub data: Option<PathBuf>,
    /// PostgreSQL for the REST dialect, by a URL; SQLite when absent.
    pub database: Option<String>,
    /// Redis for the leases of the REST dialect, by a URL; its database when absent.
    pub redis: Option<String>,
    /// Fields of the REST dialect whose values two documents of a collection never share.
    pub unique: Vec<(String, String)>,
    /// How documents of a collection of the REST dialect are merged: a profile's name or file.
    pub profiles: Vec<(String, String)>,
    /// Folder served at `/`.
    pub www: Option<PathBuf>,
    /// Folder served at `/restamp/`.
    pub package: Option<PathBuf>,
    /// Who may sign in; never empty.
    pub accounts: Vec<Account>,
    /// The one origin that may call across origins.
    pub cors: Option<String>,
    /// Refuse item codes that the price list does not have.
    pub strict_items: bool,
    /// Close every connection after one answer, so that no client reuses one.
    pub no_keep_alive: bool,
    /// Open `/_test/*`.
    pub test_endpoints: bool,
}

impl Options {
    /// Reads the arguments after the program's name. The error is a sentence for a person.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::default();
        while let Some(name) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{name} needs a value"));
            match name.as_str() {
                "--port" => {
                    let text = value()?;
                    options.port = text.parse().map_err(|_| format!("{text} is not a port"))?;
                }
                "--data" => options.data = Some(value()?.into()),
                "--database" => options.database = Some(value()?),
                "--redis" => options.redis = Some(value()?),
                "--unique" => options.unique.push(pair(&name, &value()?, '.')?),
                "--profile" => options.profiles.push(pair(&name, &value()?, '=')?),
                "--www" => options.www = Some(value()?.into()),
                "--package" => options.package = Some(value()?.into()),
                "--token" => options.accounts.push(account(&value()?)?),
                "--cors" => options.cors = Some(value()?),
                "--strict-items" => options.strict_items = true,
                "--no-keep-alive" => options.no_keep_alive = true,
                "--test-endpoints" => options.test_endpoints = true,
                _ => return Err(format!("unknown argument {name}")),
            }
        }
        if options.accounts.is_empty() {
            options.accounts = ["till", "till-1", "till-2"].map(till).to_vec();
        }
        Ok(options)
    }
}

fn pair(name: &str, text: &str, between: char) -> Result<(String, String), String> {
    match text.split_once(between) {
        Some((left, right)) if !left.is_empty() && !right.is_empty() => {
            Ok((left.to_owned(), right.to_owned()))
        }
        _ => Err(format!("{name} wants COLLECTION{between}…, not {text}")),
    }
}

fn account(text: &str) -> Result<Account, String> {
    let mut parts = text.splitn(3, ':');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(key), Some(secret), user) if !key.is_empty() && !secret.is_empty() => Ok(Account {
            key: key.to_owned(),
            secret: secret.to_owned(),
            user: user.map_or_else(|| format!("{key}@example.test"), str::to_owned),
        }),
        _ => Err(format!("--token wants KEY:SECRET or KEY:SECRET:USER, not {text}")),
    }
}

fn till(key: &str) -> Account {
    Account {
        key: key.to_owned(),
        secret: "secret".to_owned(),
        user: format!("{key}@example.test"),
    }
}
