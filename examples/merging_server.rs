//! A Rust server that merges: edits since a stamp come in, the merged document goes out.
//!
//!     cargo run --example merging_server
//!
//! The server keeps the versions of each document by stamp and the answers by token (in your database,
//! in one transaction with the save). Here two tills save at once, without a network.

#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::print_stdout)] // it shows what it does

use std::collections::BTreeMap;

use restamp::core::op::Op;
use restamp::core::profile::Profile;
use restamp::core::reapply::ReapplyError;
use restamp::core::serve::{apply_edits, Applied, Edits};

/// One order, all its versions, and what was answered by token.
struct Order {
    versions: Vec<Vec<u8>>,
    answers: BTreeMap<String, Answer>,
}

#[derive(Clone)]
enum Answer {
    /// Stored with this stamp.
    Stored { stamp: usize, document: Vec<u8> },
    /// A person has to decide: so many questions.
    Conflict(usize),
    /// The order has ended.
    Ended,
    /// That version is not kept any more.
    Stale,
}

impl Order {
    /// One save. Nothing else may save the order meanwhile: lock its row.
    fn apply(
        &mut self,
        ops: &[Op],
        stamp: usize,
        token: &str,
        profile: &Profile,
    ) -> Result<Answer, ReapplyError> {
        if let Some(answer) = self.answers.get(token) {
            return Ok(answer.clone());
        }
        let base = stamp.checked_sub(1).and_then(|at| self.versions.get(at));
        let (Some(base), Some(newest)) = (base, self.versions.last()) else {
            return Ok(Answer::Stale);
        };
        let edits = Edits { ops, token: Some(token), ..Edits::default() };
        let answer = match apply_edits(base, newest, &edits, profile)? {
            Applied::Merged { text, .. } => {
                self.versions.push(text.clone());
                Answer::Stored { stamp: self.versions.len(), document: text }
            }
            Applied::Asked { conflicts } => return Ok(Answer::Conflict(conflicts.len())),
            Applied::Ended { .. } => return Ok(Answer::Ended),
        };
        self.answers.insert(token.to_owned(), answer.clone());
        Ok(answer)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let profile = r#"{"tables": {"lines": {"row": ["line"], "counter": ["qty"]}}}"#;
    let profile = Profile::parse(profile.as_bytes()).map_err(|error| format!("{error:?}"))?;
    let first = br#"{"id":"T7","lines":[{"line":"a","item":"TEA","qty":"1.50"}]}"#.to_vec();
    let mut order = Order { versions: vec![first], answers: BTreeMap::new() };
    let step = br#"[{"op": "increment", "path": "lines[a].qty", "by": "0.75"}]"#;
    let ops = Op::parse_list(step).map_err(|error| format!("{error:?}"))?;
    // Two tills on the same version, and the first one's answer was lost: it asks again.
    for token in ["bar-1", "terrace-1", "bar-1"] {
        let answer = order.apply(&ops, 1, token, &profile).map_err(|error| format!("{error:?}"))?;
        let said = match answer {
            Answer::Stored { stamp, document } => {
                format!("stored as {stamp}: {}", String::from_utf8_lossy(&document))
            }
            Answer::Conflict(questions) => format!("{questions} to ask"),
            Answer::Ended => "ended".to_owned(),
            Answer::Stale => "load it again".to_owned(),
        };
        println!("{token}: {said}");
    }
    Ok(())
}
