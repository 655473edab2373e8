//! Where the journal is kept: in memory, or in an object with the contract's `Store` interface,
//! which is the package's own (`src/package`) or the page's.

use js_sys::{Array, Function, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;

use super::convert::{function, get, text};
use super::error::{error, invalid};

#[wasm_bindgen(module = "/src/package/indexed-db.js")]
extern "C" {
    #[wasm_bindgen(js_name = openIndexedDb, catch)]
    async fn open_indexed_db(durability: &JsValue) -> Result<JsValue, JsValue>;
}

#[wasm_bindgen(module = "/src/package/on-demand.js")]
extern "C" {
    #[wasm_bindgen(js_name = openOpfs, catch)]
    async fn open_opfs(durability: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch)]
    async fn seal(store: &JsValue, key: &JsValue) -> Result<JsValue, JsValue>;
}

/// The first byte of an entry that `src/package/sealed.js` has encrypted; others begin with "{".
const SEALED: u8 = 1;

/// Keeps the entries of users.
pub(super) enum Store {
    Memory,
    /// `is_own`: of the package, so that its failures are the disk's and not the page's.
    Object {
        object: JsValue,
        is_own: bool,
    },
}

/// Why the journal is not on a disk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    None,
    /// There is no disk here, and nobody asked for one.
    NoDisk,
    /// The disk takes nothing (for now).
    Lost,
}

impl Store {
    /// The store that the options name; IndexedDB where there is one, unless they say otherwise.
    /// Where it cannot be had (private mode, a blocked or broken database) the till goes on in
    /// memory; the second answer says so.
    pub(super) async fn open(options: &JsValue) -> Result<(Store, Trouble), JsValue> {
        let option = get(options, "store");
        let durability = get(options, "durability");
        let known = ["relaxed", "strict"];
        if !durability.is_undefined()
            && !durability.as_string().is_some_and(|name| known.contains(&name.as_str()))
        {
            return Err(invalid("options.durability", "\"relaxed\" or \"strict\""));
        }
        let key = get(options, "key");
        let named = option.as_string();
        let (object, is_own) = match named.as_deref() {
            Some("memory") => return Ok((Store::Memory, Trouble::None)),
            Some("indexeddb" | "opfs") | None if option.is_undefined() || named.is_some() => {
                if named.is_none() && get(&js_sys::global(), "indexedDB").is_undefined() {
                    return Ok((Store::Memory, Trouble::NoDisk));
                }
                let opened = match named.as_deref() {
                    Some("opfs") => open_opfs(&durability).await,
                    Some(_) | None => open_indexed_db(&durability).await,
                };
                match opened {
                    Ok(object) => (object, true),
                    Err(error) if text(&error, "code").is_some() => return Err(error),
                    Err(_) => return Ok((Store::Memory, Trouble::Lost)),
                }
            }
            Some(_) | None => {
                let whole = |name: &str| function(&option, name).is_some();
                if !(whole("append") && whole("load") && whole("compact")) {
                    let expected = "\"indexeddb\", \"opfs\", \"memory\" or a Store";
                    return Err(invalid("options.store", expected));
                }
                (option, false)
            }
        };
        let object = if key.is_undefined() { object } else { seal(&object, &key).await? };
        Ok((Store::Object { object, is_own }, Trouble::None))
    }

    /// The object, if there is one.
    pub(super) fn object(&self) -> JsValue {
        match self {
            Store::Memory => JsValue::UNDEFINED,
            Store::Object { object, .. } => object.clone(),
        }
    }

    pub(super) async fn append(&self, user: &str, entries: &[Vec<u8>]) -> Result<(), JsValue> {
        match self {
            Store::Memory => Ok(()),
            Store::Object { object, .. } => {
                call(object, "append", user, Some(entries)).await.map(|_| ())
            }
        }
    }

    /// The user's entries, oldest first; `None` where the disk cannot be read.
    pub(super) async fn load(&self, user: &str) -> Result<Option<Vec<Vec<u8>>>, JsValue> {
        let Store::Object { object, is_own } = self else { return Ok(Some(Vec::new())) };
        let list = match call(object, "load", user, None).await {
            Ok(list) => list,
            Err(error) if *is_own && text(&error, "code").is_none() => return Ok(None),
            Err(error) => return Err(error),
        };
        let list: Array = list.dyn_into().map_err(|_| not_entries())?;
        let entries = list.iter().map(|entry| match get(&entry, "byteLength").as_f64() {
            Some(_) => Ok(Uint8Array::new(&entry).to_vec()),
            None => Err(not_entries()),
        });
        let entries: Vec<Vec<u8>> = entries.collect::<Result<_, _>>()?;
        match entries.iter().any(|entry| entry.first() == Some(&SEALED)) {
            true => Err(error("journal-key", &["the journal on this device is encrypted"])),
            false => Ok(Some(entries)),
        }
    }

    /// Whether these are all the entries that the page handed in; false if it may have sent saves
    /// that they do not tell of. A store that cannot say so is taken at its word.
    pub(super) async fn is_whole(&self, user: &str) -> bool {
        match self {
            Store::Object { object, .. } if function(object, "isWhole").is_some() => {
                let whole = call(object, "isWhole", user, None).await;
                whole.is_ok_and(|whole| whole.is_truthy())
            }
            Store::Object { .. } | Store::Memory => true,
        }
    }

    /// Puts `snapshot` in the place of all entries of the user.
    pub(super) async fn compact(&self, user: &str, snapshot: &[Vec<u8>]) -> Result<(), JsValue> {
        match self {
            Store::Memory => Ok(()),
            Store::Object { object, .. } => {
                call(object, "compact", user, Some(snapshot)).await.map(|_| ())
            }
        }
    }

    /// Lets go of the disk; a page's own store is the page's to close.
    pub(super) fn close(&self) {
        if let Store::Object { object, is_own: true } = self {
            let _ = function(object, "close").map(|close| close.call0(object));
        }
    }
}

fn not_entries() -> JsValue {
    invalid("options.store.load()", "a list of Uint8Array")
}

async fn call(
    object: &JsValue,
    name: &str,
    user: &str,
    entries: Option<&[Vec<u8>]>,
) -> Result<JsValue, JsValue> {
    let method: Function = get(object, name).dyn_into()?;
    let user = user.into();
    let promise = match entries {
        Some(entries) => {
            let list: Array =
                entries.iter().map(|entry| Uint8Array::from(entry.as_slice())).collect();
            method.call2(object, &user, &list)?
        }
        None => method.call1(object, &user)?,
    };
    JsFuture::from(Promise::resolve(&promise)).await
}
