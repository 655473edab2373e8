//! What a plain object of the page answers, and the options that adapters are made of.

use restamp::adapters::{options, verdict, Meaning};
use restamp::core::json;

/// Any text in place of a verdict or of options.
pub fn run(data: &[u8]) {
    let save = verdict::save_outcome(data);
    let load = verdict::load_outcome(data);
    let find = verdict::find_outcome(data);
    let _ = (options::frappe(data), options::rest(data));
    // The shell hands over what JSON.stringify wrote.
    if json::check(data).is_ok() {
        super::answer::check_meaning(&Meaning::Save(save));
        super::answer::check_meaning(&Meaning::Load(load));
        super::answer::check_meaning(&Meaning::Find(find));
    }
}
