//! Frappe's manners: string stamps in the body, a PUT that patches the named fields and replaces
//! tables whole, a submit that replaces the whole document, nearly every refusal a 417, null
//! fields absent from answers.

use super::*;

const COLLECTION: &str = "/api/resource/Sales%20Invoice";
const SUBMIT: &str = "/api/method/frappe.client.submit";

impl Server {
    pub(super) fn frappe(
        &mut self,
        request: &HttpRequest,
        who: &str,
        signed_in: bool,
    ) -> (Answer, Option<Stored>) {
        if !signed_in {
            let body = json!({"exc_type": "PermissionError", "session_expired": 1});
            return (answer(403, &body), None);
        }
        if request.path == SUBMIT {
            let mut body = body(request);
            let Some(Value::Object(document)) = body.remove("doc") else { panic!("no doc") };
            return self.frappe_submit(document, who);
        }
        let rest = request.path.strip_prefix(COLLECTION).expect("a known path");
        match (request.method, rest.strip_prefix('/')) {
            ("GET", Some(key)) => (self.frappe_load(&decoded(key)), None),
            ("GET", None) => (self.frappe_find(&decoded(rest)), None),
            ("PUT", Some(key)) => self.frappe_update(&decoded(key), body(request), who),
            ("POST", None) => self.frappe_create(body(request), who),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn frappe_load(&self, key: &str) -> Answer {
        match self.docs.get(key) {
            Some(document) => shown("data", document),
            None => not_found(),
        }
    }

    /// `?filters=[["field","=","value"]]&fields=["name"]`
    fn frappe_find(&self, query: &str) -> Answer {
        let filters = query.strip_prefix("?filters=").and_then(|text| text.split_once('&'));
        let filters: Value = serde_json::from_str(filters.expect("filters").0).expect("JSON");
        let word = |at: usize| filters[0][at].as_str().expect("a text");
        let found = self.with_token(word(0), word(2)).map(|key| json!({ "name": key }));
        answer(200, &json!({ "data": found.into_iter().collect::<Vec<_>>() }))
    }

    fn frappe_create(&mut self, document: Document, who: &str) -> (Answer, Option<Stored>) {
        let token = document.get(CREATE_TOKEN).and_then(Value::as_str);
        if let Some(token) = token {
            if self.with_token(CREATE_TOKEN, token).is_some() {
                let words = format!(
                    "pymysql.err.IntegrityError: (1062, \"Duplicate entry '{token}' for key \
                     '{CREATE_TOKEN}'\")"
                );
                let body = json!({"exc_type": "UniqueValidationError", "exception": words});
                return (answer(409, &body), None);
            }
        }
        let stored = self.keep_new(document, who, true);
        (shown("data", &self.docs[&stored.key]), Some(stored))
    }

    fn frappe_update(
        &mut self,
        key: &str,
        mut patch: Document,
        who: &str,
    ) -> (Answer, Option<Stored>) {
        let stamp = patch.remove("modified");
        let document = match self.checked(key, stamp) {
            Ok(document) => document,
            Err(refused) => return (refused, None),
        };
        let mut document = document.clone();
        assert!(!patch.contains_key("docstatus"), "a PUT does not submit");
        for (name, value) in patch {
            document.insert(name, value);
        }
        let stored = self.keep_update(key, document, who);
        (shown("data", &self.docs[key]), Some(stored))
    }

    /// Fields left out are emptied.
    fn frappe_submit(&mut self, mut document: Document, who: &str) -> (Answer, Option<Stored>) {
        let key = document["name"].as_str().expect("a name").to_owned();
        let stored = match self.checked(&key, document.remove("modified")) {
            Ok(stored) => stored,
            Err(refused) => return (refused, None),
        };
        for name in ["name", "creation", "owner"] {
            document.insert(name.into(), stored[name].clone());
        }
        document.remove("doctype");
        document.insert("docstatus".into(), json!(1));
        let stored = self.keep_update(&key, document, who);
        (shown("message", &self.docs[&key]), Some(stored))
    }

    /// The stored document, if it may be changed by who knows this stamp.
    fn checked(&self, key: &str, stamp: Option<Value>) -> Result<&Document, Answer> {
        let stamp = stamp.expect("an update without a stamp");
        assert!(stamp.as_str().is_some_and(|stamp| !stamp.is_empty()), "an empty stamp");
        let Some(document) = self.docs.get(key) else { return Err(not_found()) };
        if document["modified"] != stamp {
            return Err(answer(417, &json!({"exc_type": "TimestampMismatchError"})));
        }
        if document["docstatus"] != json!(0) {
            return Err(answer(417, &json!({"exc_type": "UpdateAfterSubmitError"})));
        }
        Ok(document)
    }
}

fn not_found() -> Answer {
    answer(404, &json!({"exc_type": "DoesNotExistError"}))
}

/// A null field is absent.
fn shown(member: &str, document: &Document) -> Answer {
    let mut document = document.clone();
    document.retain(|_, value| !value.is_null());
    answer(200, &json!({ member: document }))
}
