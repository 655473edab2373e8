//! A server that compares stamps and keeps tokens, in a few lines: what fuzzing needs of one.

use restamp::core::call::{Call, FindOutcome, LoadOutcome, Loaded, SaveOutcome};
use restamp::core::change::Changes;
use restamp::core::document::Document;
use restamp::core::json;
use restamp::core::op::Op;
use restamp::core::profile::Profile;
use restamp::core::render::{render, Audience};
use restamp::core::stamp::Stamp;

/// A document of the server.
#[derive(Debug)]
pub struct Stored {
    /// Its key.
    pub key: String,
    /// The token of its creation.
    pub token: String,
    /// Its text.
    pub text: Vec<u8>,
    version: u32,
}

/// See the module.
#[derive(Debug, Default)]
pub struct Server {
    /// All documents.
    pub documents: Vec<Stored>,
    series: u32,
    version: u32,
}

impl Server {
    /// A new document.
    pub fn put(&mut self, key: &str, token: &str, text: Vec<u8>) {
        self.version += 1;
        let (key, token) = (key.to_owned(), token.to_owned());
        self.documents.push(Stored { key, token, text, version: self.version });
    }

    fn find(&mut self, key: &str) -> Option<&mut Stored> {
        self.documents.iter_mut().find(|stored| stored.key == key)
    }

    /// Another client makes this edit; whether it could.
    pub fn edit(&mut self, key: &str, op: &Op, profile: &Profile) -> bool {
        let version = self.version + 1;
        let Some(stored) = self.find(key) else { return false };
        let base = Document::parse(stored.text.clone(), profile).expect("a document");
        let mut changes = Changes::none(profile);
        if changes.apply(op, &base, profile).is_err() {
            return false;
        }
        stored.text = render(&base, &changes, profile, Audience::Server);
        stored.version = version;
        self.version = version;
        true
    }

    /// Carries out a create or an update.
    pub fn save(&mut self, call: &Call) -> Option<SaveOutcome> {
        match call {
            Call::Create(create) => {
                if let Some(known) = self.documents.iter().find(|s| s.token == create.token) {
                    return Some(SaveOutcome::Exists { key: Some(known.key.clone()) });
                }
                self.series += 1;
                let key = format!("N{}", self.series);
                self.put(&key, &create.token, create.document.clone());
                Some(self.saved(&key))
            }
            Call::Update(update) => {
                let version = self.version + 1;
                let Some(stored) = self.find(&update.key) else {
                    return Some(SaveOutcome::Gone);
                };
                if stored.version.to_string() != update.stamp.0 {
                    return Some(SaveOutcome::Stale {
                        current: None,
                        document: None,
                        fence: None,
                        retry_after: None,
                    });
                }
                stored.text.clone_from(&update.document);
                stored.version = version;
                self.version = version;
                Some(self.saved(&update.key))
            }
            Call::Load { .. }
            | Call::Find { .. }
            | Call::Commit(_)
            | Call::Lease(_)
            | Call::Release(_)
            | Call::Batch(_)
            | Call::Next(_)
            | Call::Apply(_) => None,
        }
    }

    /// A third of the answers carry the document, a third the stamp only, a third neither.
    fn saved(&mut self, key: &str) -> SaveOutcome {
        let told = self.version % 3;
        let stored = self.find(key).expect("just stored");
        SaveOutcome::Saved {
            key: Some(key.to_owned()),
            stamp: (told > 0).then(|| Stamp(stored.version.to_string())),
            document: (told > 1).then(|| stored.text.clone()),
        }
    }

    /// Answers a load.
    pub fn load(&mut self, key: &str) -> LoadOutcome {
        let Some(stored) = self.find(key) else { return LoadOutcome::Gone };
        LoadOutcome::Loaded(Loaded {
            key: Some(stored.key.clone()),
            stamp: Some(Stamp(stored.version.to_string())),
            document: stored.text.clone(),
        })
    }

    /// Answers a search by the token of a creation: the key, or the document itself.
    pub fn search(&mut self, field: &str, value: &str) -> FindOutcome {
        let holds = |stored: &&Stored| {
            let held = json::member(&stored.text, field).and_then(json::text);
            held.as_deref() == Some(value)
        };
        match self.documents.iter().find(holds).map(|stored| stored.key.clone()) {
            None => FindOutcome::Load(LoadOutcome::Gone),
            Some(key) if self.version % 2 == 0 => FindOutcome::Key(key),
            Some(key) => FindOutcome::Load(self.load(&key)),
        }
    }
}
