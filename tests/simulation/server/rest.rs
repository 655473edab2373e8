//! A REST server's manners: ETag and If-Match (RFC 9110), 428 without it, 412 when it is old, a
//! PUT that replaces the whole document, 409 for a taken unique value, `Idempotency-Key`.

use super::*;

pub const COLLECTION: &str = "/v1/invoices";

impl Server {
    pub(super) fn rest(
        &mut self,
        request: &HttpRequest,
        who: &str,
        signed_in: bool,
        manners: Manners,
    ) -> (Answer, Option<Stored>) {
        if !signed_in {
            return (answer(401, &json!({"message": "sign in"})), None);
        }
        let rest = request.path.strip_prefix(COLLECTION).expect("a known path");
        match (request.method, rest.strip_prefix('/')) {
            ("GET", Some(key)) => (self.rest_load(&decoded(key)), None),
            ("GET", None) => (self.rest_find(&decoded(rest)), None),
            ("PUT", Some(key)) => self.rest_update(&decoded(key), request, who, manners),
            ("POST", None) => self.rest_create(request, who, manners),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn rest_load(&self, key: &str) -> Answer {
        match self.docs.get(key) {
            Some(document) => whole(200, document),
            None => not_found(),
        }
    }

    fn rest_find(&self, query: &str) -> Answer {
        let pair = query.strip_prefix('?').and_then(|query| query.split_once('='));
        let (field, value) = pair.expect("a search");
        let found = self.with_token(field, value).map(|key| Value::Object(self.docs[key].clone()));
        answer(200, &json!({ "items": found.into_iter().collect::<Vec<_>>() }))
    }

    fn rest_create(
        &mut self,
        request: &HttpRequest,
        who: &str,
        manners: Manners,
    ) -> (Answer, Option<Stored>) {
        let document = body(request);
        let key = header(request, "Idempotency-Key").expect("a key").to_owned();
        match manners.creates {
            Creates::IdempotencyKey => {
                if let Some(answer) = self.answered.get(&key) {
                    return (answer.clone(), None);
                }
            }
            Creates::UniqueField => {
                let token = document[CREATE_TOKEN].as_str().expect("a token");
                assert_eq!(token, key, "one token");
                if let Some(known) = self.with_token(CREATE_TOKEN, token) {
                    let mut taken = answer(409, &json!({"message": "taken"}));
                    // Some servers say where it is.
                    if manners.answers_etag {
                        let place = format!("{COLLECTION}/{known}");
                        taken.headers.push(("location".into(), place));
                    }
                    return (taken, None);
                }
            }
            Creates::Twice => {}
        }
        let stored = self.keep_new(document, who, manners.answers_etag);
        let answer = self.rest_saved(201, &stored.key, manners);
        self.answered.insert(key, answer.clone());
        (answer, Some(stored))
    }

    fn rest_update(
        &mut self,
        key: &str,
        request: &HttpRequest,
        who: &str,
        manners: Manners,
    ) -> (Answer, Option<Stored>) {
        let token = header(request, "Idempotency-Key").map(|token| format!("PUT {key} {token}"));
        if let Some((text, answer)) = token.as_ref().and_then(|token| self.updated.get(token)) {
            assert_eq!(Some(text), request.body.as_ref(), "one token, one text");
            return (answer.clone(), None);
        }
        let (answer, stored) = self.rest_replace(key, request, who, manners);
        if let (Some(token), true) = (token, stored.is_some()) {
            let text = request.body.clone().unwrap_or_default();
            self.updated.insert(token, (text, answer.clone()));
        }
        (answer, stored)
    }

    fn rest_replace(
        &mut self,
        key: &str,
        request: &HttpRequest,
        who: &str,
        manners: Manners,
    ) -> (Answer, Option<Stored>) {
        let stamp = header(request, "If-Match").expect("an update without a stamp");
        assert!(stamp.starts_with('"'), "a stamp that was made up: {stamp}");
        let Some(stored) = self.docs.get(key) else { return (not_found(), None) };
        if etag(stored) != stamp {
            let mut stale = match manners.stale_shows_newest {
                true => whole(412, stored),
                false => answer(412, &json!({"message": "stale"})),
            };
            stale.status = 412;
            return (stale, None);
        }
        if stored["docstatus"] != json!(0) {
            return (answer(422, &json!({"message": "closed"})), None);
        }
        let mut document = body(request);
        for name in ["creation", "owner"] {
            assert_eq!(document.get(name), stored.get(name), "{name} is the server's");
        }
        document.retain(|_, value| !value.is_null());
        let stored = self.keep_update(key, document, who);
        (self.rest_saved(200, key, manners), Some(stored))
    }

    fn rest_saved(&self, status: u16, key: &str, manners: Manners) -> Answer {
        let document = &self.docs[key];
        let mut answer = match manners.answers_document {
            true => whole(status, document),
            false => Answer { status, headers: Vec::new(), body: Vec::new() },
        };
        if !manners.answers_etag {
            answer.headers.clear();
        } else if !manners.answers_document {
            answer.headers.push(("etag".into(), etag(document)));
        }
        if status == 201 {
            answer.headers.push(("location".into(), format!("{COLLECTION}/{key}")));
        }
        answer
    }
}

fn etag(document: &Document) -> String {
    let stamp = document["modified"].as_str().expect("a stamp");
    format!("\"{}\"", stamp.rsplit('.').next().expect("digits"))
}

fn not_found() -> Answer {
    answer(404, &json!({"message": "not found"}))
}

fn whole(status: u16, document: &Document) -> Answer {
    let body = Value::Object(document.clone()).to_string().into_bytes();
    Answer { status, headers: vec![("etag".into(), etag(document))], body }
}
