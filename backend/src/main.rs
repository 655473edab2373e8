//! A POS server to try Restamp against: Frappe's dialect and a REST dialect over SQLite, with
//! faults on demand. But for one endpoint, which merges at the server, it shares no code with Restamp,
//! so that the two can disagree.

#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod app;
mod cli;
mod clock;
mod exchange;
mod faults;
mod frappe;
mod json;
mod number;
mod record;
mod rest;
mod server;
mod session;
mod site;
mod store;
mod test_endpoints;

use std::process::ExitCode;
use std::sync::Arc;

use crate::app::App;
use crate::cli::{Options, USAGE};

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(reason) => {
            eprintln!("{reason}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<(), Box<dyn std::error::Error>> {
    // Closed after the runtime has ended: connections to PostgreSQL block while they are closed.
    let app = Arc::new(App::open(options)?);
    tokio::runtime::Runtime::new()?.block_on(server::run(Arc::clone(&app)))?;
    Ok(())
}
