//! The journal in IndexedDB: one object store, entries numbered by the database.

use js_sys::{Array, Object, Promise, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen::JsCast;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    IdbDatabase, IdbFactory, IdbIndex, IdbObjectStore, IdbObjectStoreParameters, IdbRequest,
    IdbTransaction, IdbTransactionMode,
};

use super::convert::{get, set};

const NAME: &str = "restamp";
const VERSION: u32 = 1;
const ENTRIES: &str = "entries";
const USER: &str = "user";

/// An open database.
pub(super) struct Database(IdbDatabase);

impl Database {
    pub(super) async fn open() -> Result<Database, JsValue> {
        let factory: IdbFactory = get(&js_sys::global(), "indexedDB").dyn_into()?;
        let request = factory.open_with_u32(NAME, VERSION)?;
        let upgrade = {
            let request = request.clone();
            Closure::once(move || create(&request))
        };
        request.set_onupgradeneeded(Some(upgrade.as_ref().unchecked_ref()));
        // Another tab that holds an older version open: not now.
        let opened = Promise::new(&mut |resolve, reject| {
            request.set_onsuccess(Some(&resolve));
            request.set_onerror(Some(&reject));
            request.set_onblocked(Some(&reject));
        });
        JsFuture::from(opened).await?;
        Ok(Database(request.result()?.dyn_into()?))
    }

    /// Lets go of the database: others may upgrade or delete it.
    pub(super) fn close(&self) {
        self.0.close();
    }

    fn begin(&self, mode: IdbTransactionMode) -> Result<(IdbTransaction, IdbObjectStore), JsValue> {
        let transaction = self.0.transaction_with_str_and_mode(ENTRIES, mode)?;
        let store = transaction.object_store(ENTRIES)?;
        Ok((transaction, store))
    }

    /// Resolves when the transaction is complete: a request's success alone is not on disk.
    pub(super) async fn append(&self, user: &str, entries: &[Vec<u8>]) -> Result<(), JsValue> {
        let (transaction, store) = self.begin(IdbTransactionMode::Readwrite)?;
        put_all(&store, user, entries)?;
        complete(&transaction).await
    }

    pub(super) async fn load(&self, user: &str) -> Result<Vec<Vec<u8>>, JsValue> {
        let (_, store) = self.begin(IdbTransactionMode::Readonly)?;
        let index: IdbIndex = store.index(USER)?;
        let list = done(&index.get_all_with_key(&user.into())?).await?;
        let bytes = |entry: JsValue| Uint8Array::new(&get(&entry, "bytes")).to_vec();
        Ok(Array::from(&list).iter().map(bytes).collect())
    }

    /// Puts `snapshot` in the place of all entries of the user, and of those of `others` (who are
    /// gone), in one transaction: a draft is in one place or the other, never in both.
    pub(super) async fn compact(
        &self,
        user: &str,
        others: &[String],
        snapshot: &[Vec<u8>],
    ) -> Result<(), JsValue> {
        let (transaction, store) = self.begin(IdbTransactionMode::Readwrite)?;
        let index: IdbIndex = store.index(USER)?;
        for name in others.iter().map(String::as_str).chain([user]) {
            let keys = done(&index.get_all_keys_with_key(&name.into())?).await?;
            for key in Array::from(&keys).iter() {
                store.delete(&key)?;
            }
        }
        put_all(&store, user, snapshot)?;
        complete(&transaction).await
    }
}

fn create(request: &web_sys::IdbOpenDbRequest) -> Result<(), JsValue> {
    let database: IdbDatabase = request.result()?.dyn_into()?;
    let parameters = IdbObjectStoreParameters::new();
    parameters.set_auto_increment(true);
    let store = database.create_object_store_with_optional_parameters(ENTRIES, &parameters)?;
    store.create_index_with_str(USER, USER)?;
    Ok(())
}

fn put_all(store: &IdbObjectStore, user: &str, entries: &[Vec<u8>]) -> Result<(), JsValue> {
    for entry in entries {
        let record = Object::new();
        set(&record, USER, &user.into());
        set(&record, "bytes", &Uint8Array::from(entry.as_slice()));
        store.put(&record)?;
    }
    Ok(())
}

async fn done(request: &IdbRequest) -> Result<JsValue, JsValue> {
    let promise = Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    });
    JsFuture::from(promise).await?;
    request.result()
}

async fn complete(transaction: &IdbTransaction) -> Result<(), JsValue> {
    let promise = Promise::new(&mut |resolve, reject| {
        transaction.set_oncomplete(Some(&resolve));
        transaction.set_onerror(Some(&reject));
        transaction.set_onabort(Some(&reject));
    });
    JsFuture::from(promise).await.map(|_| ())
}
