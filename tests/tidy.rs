//! The rules of the house that no compiler checks: who may name whom, file lengths, names, and
//! what must never be committed. A rule worth keeping is a line here or in `clippy.toml`.
#![cfg(not(target_arch = "wasm32"))]

use std::fs;
use std::path::Path;
use std::process::Command;

/// Lines that a source file may have; a longer one is more than one thing.
const FILE_LINES_MAX: usize = 600;
/// Crates that reach the browser.
const BROWSER_CRATES: [&str; 5] =
    ["wasm_bindgen", "wasm_bindgen_futures", "js_sys", "web_sys", "gloo_timers"];
/// Modules of the core that an adapter needs to turn calls into requests and answers into outcomes,
/// and to say what its backend guarantees (`policy`); `defect` is there for tests only.
const CORE_FOR_ADAPTERS: [&str; 8] =
    ["call", "defect", "document", "error", "json", "policy", "stamp", "time"];

struct File {
    path: String,
    text: String,
}

/// Every text file that is committed or about to be, below the given folders.
fn files(folders: &[&str]) -> Vec<File> {
    let output = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard", "-z", "--"])
        .args(folders)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("the tidy test asks git which files there are");
    assert!(output.status.success(), "git ls-files: {}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout).expect("file names are UTF-8");
    let read = |path: &str| {
        let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()?;
        Some(File { path: path.to_owned(), text })
    };
    names.split_terminator('\0').filter_map(read).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).expect(path)
}

fn ends_in(file: &File, endings: &[&str]) -> bool {
    endings.iter().any(|ending| file.path.ends_with(ending))
}

/// The lines of a Rust file, numbered from 1, less their comments.
fn code(file: &File) -> impl Iterator<Item = (usize, &str)> {
    file.text.lines().enumerate().map(|(index, line)| {
        let end = line.find("//").filter(|&at| !line[..at].ends_with(':')).unwrap_or(line.len());
        (index + 1, &line[..end])
    })
}

/// The words (identifiers) of a line.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Fails with one line for each place where `complain` has something to say.
fn check(
    files: &[File],
    reason: &str,
    mut complain: impl FnMut(&File, usize, &str) -> Option<String>,
) {
    let complaints: Vec<String> = files
        .iter()
        .flat_map(|file| code(file).map(move |(number, line)| (file, number, line)))
        .filter_map(|(file, number, line)| {
            let complaint = complain(file, number, line)?;
            Some(format!("{}:{number}: {complaint}", file.path))
        })
        .collect();
    assert!(complaints.is_empty(), "{reason}\n{}", complaints.join("\n"));
}

/// Whether others wrote it: recorded answers, scenarios, inputs of the fuzz targets.
fn is_data(path: &str) -> bool {
    ["tests/transcripts/", "tests/data/", "fuzz/corpus/"]
        .iter()
        .any(|folder| path.starts_with(folder))
}

fn rust(folders: &[&str]) -> Vec<File> {
    files(folders).into_iter().filter(|file| ends_in(file, &[".rs"])).collect()
}

#[test]
fn core_knows_nobody() {
    let reason =
        "src/core names neither the other folders nor a backend, a protocol or the browser";
    check(&rust(&["src/core"]), reason, |_, _, line| {
        let forbidden_word = words(line).find(|word| {
            ["adapters", "shell", "async", "await"].contains(word) || BROWSER_CRATES.contains(word)
        });
        let lower = line.to_lowercase();
        let forbidden_part =
            ["frappe", "http", "indexeddb", "localstorage"].into_iter().find(|w| lower.contains(w));
        forbidden_word.or(forbidden_part).map(str::to_owned)
    });
}

#[test]
fn core_computes_without_floats() {
    check(&rust(&["src/core"]), "amounts are exact decimals", |_, _, line| {
        words(line).find(|word| ["f32", "f64"].contains(word)).map(str::to_owned)
    });
}

#[test]
fn adapters_know_the_core_s_calls_and_their_own_dialect() {
    let reason =
        "an adapter knows calls, documents, stamps and JSON; not the shell, nor another dialect";
    let dialects: Vec<String> = files(&["src/adapters"])
        .iter()
        .filter_map(|file| {
            Some(file.path.strip_prefix("src/adapters/")?.split_once('/')?.0.to_owned())
        })
        .collect();
    check(&rust(&["src/adapters"]), reason, |file, _, line| {
        let own = file.path.trim_start_matches("src/adapters/").trim_end_matches(".rs");
        let own = own.split('/').next().unwrap_or(own);
        let other_dialect = dialects.iter().find(|dialect| {
            let is_dialect = dialects.iter().any(|name| name == own);
            is_dialect && *dialect != own && line.contains(&format!("{dialect}::"))
        });
        let core =
            line.split("core::").skip(1).filter_map(|rest| words(rest).next()).find(|module| {
                line.contains("crate::core::") && !CORE_FOR_ADAPTERS.contains(module)
            });
        let word = words(line).find(|word| *word == "shell" || *word == "async");
        other_dialect.cloned().or(core.or(word).map(str::to_owned))
    });
}

#[test]
fn the_shell_alone_names_the_browser() {
    let mut sources = rust(&["src"]);
    sources.retain(|file| !file.path.starts_with("src/shell/"));
    check(&sources, "only src/shell names the browser's crates", |_, _, line| {
        words(line).find(|word| BROWSER_CRATES.contains(word)).map(str::to_owned)
    });
}

#[test]
fn the_reference_server_s_dialects_share_no_code_with_the_library() {
    let mut sources = rust(&["backend"]);
    let merges = "backend/src/rest/apply.rs";
    assert!(sources.iter().any(|file| file.path == merges), "{merges} merges at the server");
    sources.retain(|file| file.path != merges);
    let reason =
        "the reference server must be able to disagree with src: only its endpoint that merges \
                  at the server uses the core";
    check(&sources, reason, |_, _, line| {
        let is_word = |at: usize| !line[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let path = line.match_indices("restamp::").find(|(at, _)| is_word(*at));
        let whole = ["use restamp;", "use restamp ", "extern crate restamp"];
        let source = line.contains("../../src/").then_some("the library's sources");
        path.map(|(_, name)| name)
            .or(whole.into_iter().find(|import| line.contains(import)))
            .or(source)
            .map(str::to_owned)
    });
    let own = read("backend/src/rest/apply.rs");
    let modules = own.split("restamp::").skip(1).filter_map(|rest| rest.split("::").next());
    let outside: Vec<&str> = modules.filter(|module| *module != "core").collect();
    assert!(outside.is_empty(), "{merges} uses the core only, not {}", outside.join(", "));
}

#[test]
fn the_demo_uses_the_package_only() {
    let mut pages = files(&["www"]);
    pages.retain(|file| ends_in(file, &[".js", ".mjs", ".html"]));
    check(
        &pages,
        "www imports its own files and the package, nothing from src",
        |file, _, line| {
            let import = ["from \"", "import \"", "import(\""].iter().find_map(|start| {
                line.split_once(start).and_then(|(_, rest)| rest.split('"').next())
            })?;
            let is_test = file.path.starts_with("www/tests/");
            let depth = file.path.matches('/').count() - 1;
            let inside = import.starts_with("./")
                || import.starts_with("../") && import.matches("../").count() <= depth;
            let package = import == "restamp"
                || import.starts_with("restamp/")
                || import.starts_with("/restamp/");
            let for_tests = is_test && !import.contains("src/");
            // An example of a server runs in Node.
            let for_node = file.path.starts_with("www/examples/") && import.starts_with("node:");
            (!inside && !package && !for_tests && !for_node).then(|| import.to_owned())
        },
    );
}

#[test]
fn files_are_short() {
    let mut sources = files(&["src", "backend/src", "scripts", "www", "tests/tidy.rs"]);
    sources.retain(|file| ends_in(file, &[".rs", ".js", ".mjs", ".ts", ".css", ".html", ".sh"]));
    let long: Vec<String> = sources
        .iter()
        .map(|file| (file.text.lines().count(), &file.path))
        .filter(|(lines, _)| *lines > FILE_LINES_MAX)
        .map(|(lines, path)| format!("{path}: {lines}"))
        .collect();
    assert!(long.is_empty(), "more than {FILE_LINES_MAX} lines: {}", long.join(", "));
}

#[test]
fn names_say_something() {
    let empty = ["util", "utils", "helper", "helpers", "common", "manager", "misc"];
    let found: Vec<String> = files(&["."])
        .into_iter()
        .map(|file| file.path)
        .filter(|path| !is_data(path))
        .filter(|path| path.split(['/', '.']).any(|part| empty.contains(&part)))
        .collect();
    assert!(found.is_empty(), "name files after what is in them: {}", found.join(", "));
    let modules = rust(&["src", "backend", "tests"]);
    check(&modules, "name modules after what is in them", |_, _, line| {
        let name = line.trim_start().trim_start_matches("pub ").strip_prefix("mod ")?;
        words(name).next().filter(|word| empty.contains(word)).map(str::to_owned)
    });
}

#[test]
fn nothing_is_left_for_later() {
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("#[ig", "nore"),
        concat!(".sk", "ip(\""),
    ];
    let mut sources = files(&["."]);
    sources.retain(|file| !is_data(&file.path));
    let found: Vec<String> = sources
        .iter()
        .flat_map(|file| {
            file.text.lines().enumerate().map(move |(index, line)| (file, index + 1, line))
        })
        .filter(|(_, _, line)| marks.iter().any(|mark| line.contains(mark)))
        .map(|(file, number, line)| format!("{}:{number}: {}", file.path, line.trim()))
        .collect();
    assert!(found.is_empty(), "unfinished work and tests that do not run:\n{}", found.join("\n"));
}

#[test]
fn nothing_committed_names_a_registry_or_this_machine() {
    let secrets = [
        concat!("registry.npm", "js.org"),
        concat!("index.crates", ".io"),
        concat!("static.crates", ".io"),
        concat!("deb.debian", ".org"),
        concat!("files.python", "hosted.org"),
        concat!("\"reso", "lved\":"),
        concat!("/ro", "ot/"),
        concat!("/ho", "me/"),
        concat!("/wo", "rk/"),
    ];
    let mut committed = files(&["."]);
    committed.retain(|file| !is_data(&file.path));
    let found: Vec<String> = committed
        .iter()
        .flat_map(|file| {
            file.text.lines().enumerate().map(move |(index, line)| (file, index + 1, line))
        })
        .filter(|(_, _, line)| secrets.iter().any(|secret| line.contains(secret)))
        .map(|(file, number, line)| format!("{}:{number}: {}", file.path, line.trim()))
        .collect();
    assert!(found.is_empty(), "hosts of registries and paths of a machine:\n{}", found.join("\n"));
}

#[test]
fn the_readme_s_example_is_the_compiled_file() {
    let readme = read("README.md");
    let mut rest = readme.as_str();
    while let Some((_, after)) = rest.split_once("<!-- file: ") {
        let (path, after) = after.split_once(" -->").expect("<!-- file: PATH -->");
        let block =
            after.trim_start().strip_prefix("```js\n").expect("a js block follows the comment");
        let (block, after) = block.split_once("```").expect("the block ends");
        assert_eq!(block, read(path), "README.md shows another text than {path}");
        rest = after;
    }
}

#[test]
fn versions_are_written_once() {
    assert!(
        read("pkg.json").contains("\"version\": \"0.0.0\""),
        "pkg.json's version is a placeholder: the build takes the one in Cargo.toml"
    );
    let (used, built) =
        (locked("Cargo.lock", "wasm-bindgen"), locked("tools/Cargo.lock", "wasm-bindgen-cli"));
    assert_eq!(used, built, "Cargo.lock's wasm-bindgen and tools/Cargo.lock's wasm-bindgen-cli");
}

/// The version of a crate in a lock file.
fn locked(lock: &str, name: &str) -> String {
    let text = read(lock);
    let start = format!("name = \"{name}\"\nversion = \"");
    let (_, version) = text.split_once(&start).expect(name);
    version.split('"').next().unwrap_or_default().to_owned()
}
