//! Runs the five systems and Restamp, prints the table, and writes `bench/results/systems.md`.
//!
//! `--quick` takes a few seeds and writes nothing. `--real URL` prints the transfers' figures against a
//! reference backend there instead.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use restamp_systems::table::{markdown, scenarios, wrong as found_wrong};

const ABOUT: &str = include_str!("about.md");

fn main() -> ExitCode {
    if let Some(url) = std::env::args().skip_while(|argument| argument != "--real").nth(1) {
        println!("{}", restamp_systems::real::table(&url));
        return ExitCode::SUCCESS;
    }
    let is_quick = std::env::args().any(|argument| argument == "--quick");
    let seeds = if is_quick { 8 } else { 200 };
    let (calm, rough) = (scenarios(seeds, false), scenarios(seeds, true));
    let tables = [
        "\n# Without faults\n",
        &markdown(&calm),
        "\n# 1 % of requests lost, 1 % of answers lost, 1 % of requests answered with a 5xx\n",
        &markdown(&rough),
    ]
    .concat();
    println!("{tables}");
    let mut wrong = found_wrong(&calm);
    wrong.extend(found_wrong(&rough));
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
