//! Runs the five systems and Restamp, prints the table, and writes `bench/results/systems.md`.
//!
//! `--quick` takes a few seeds and writes nothing.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use restamp_systems::table::{markdown, scenarios, wrong};

const ABOUT: &str = include_str!("about.md");

fn main() -> ExitCode {
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let scenarios = scenarios(if is_quick { 8 } else { 200 });
    let tables = markdown(&scenarios);
    println!("{tables}");
    let wrong = wrong(&scenarios);
    for row in &wrong {
        println!("lost or doubled: {row}");
    }
    if !is_quick {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/systems.md");
        fs::write(path, format!("# The five systems\n\n{ABOUT}{tables}")).expect("a report");
        println!("written: bench/results/systems.md");
    }
    ExitCode::from(u8::from(!wrong.is_empty()))
}
