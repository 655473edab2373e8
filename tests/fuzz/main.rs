//! Every input that fuzzing found worth keeping goes through its target once more.
//!
//! scripts/fuzz.sh looks for new ones; an input that broke a law stays in the corpus, named after
//! what it showed.
#![cfg(not(target_arch = "wasm32"))]
#![allow(unreachable_pub)]
#![allow(clippy::expect_used, clippy::panic, missing_docs)]

use std::collections::BTreeSet;
use std::fs;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::path::{Path, PathBuf};

#[path = "../../fuzz/src/lib.rs"]
mod targets;

use targets::{Target, TARGETS};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz").join(name)
}

/// The files of a folder in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let read = |folder: &Path| fs::read_dir(folder).unwrap_or_else(|e| panic!("{folder:?}: {e}"));
    let mut files: Vec<PathBuf> = read(folder).map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    files
}

fn replay(name: &str) {
    let run: Target = TARGETS.iter().find(|(known, _)| *known == name).expect("a target").1;
    let files = files(&folder("corpus").join(name));
    assert!(files.len() >= 20, "{name}: {} inputs", files.len());
    for file in files {
        let input = fs::read(&file).expect("a file");
        let outcome = catch_unwind(AssertUnwindSafe(|| run(&input)));
        assert!(outcome.is_ok(), "{}", file.display());
    }
}

#[test]
fn answers_of_frappe() {
    replay("frappe");
}

#[test]
fn answers_of_rest_servers() {
    replay("rest");
}

#[test]
fn verdicts() {
    replay("verdict");
}

#[test]
fn journals() {
    replay("journal");
}

#[test]
fn profiles() {
    replay("profile");
}

#[test]
fn edits_and_paths() {
    replay("ops");
}

#[test]
fn json() {
    replay("json");
}

#[test]
fn merges() {
    replay("merge");
}

#[test]
fn tills() {
    replay("till");
}

/// A target that is missing in one of the lists would not be run, and nobody would notice.
#[test]
fn every_target_is_everywhere() {
    let known: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let names = |list: Vec<PathBuf>| -> BTreeSet<String> {
        list.iter().map(|f| f.file_stem().expect("a name").to_string_lossy().into_owned()).collect()
    };
    assert_eq!(names(files(&folder("corpus"))), known);
    assert_eq!(names(files(&folder("fuzz_targets"))), known);
    let manifest = fs::read_to_string(folder("Cargo.toml")).expect("a manifest");
    let tests = include_str!("main.rs");
    for name in known {
        assert!(manifest.contains(&format!("fuzz_targets/{name}.rs")), "{name} in fuzz/Cargo.toml");
        assert!(tests.contains(&format!("replay(\"{name}\")")), "{name} has no test here");
        let target = folder("fuzz_targets").join(&name).with_extension("rs");
        let run = format!("|data: &[u8]| restamp_fuzz::{name}::run(data)");
        let text = format!("#![no_main]\nlibfuzzer_sys::fuzz_target!({run});\n");
        assert_eq!(fs::read_to_string(target).expect("a target"), text);
    }
}
