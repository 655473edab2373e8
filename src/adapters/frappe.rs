//! Frappe and ERPNext, versions 14 to 16, over `/api/resource` or `/api/v2/document`.
//!
//! The stamp is `modified`: a text in the site's local time, compared by the server as text, so
//! it goes back as it came (transcript 14). It is checked only if it is sent: a PUT without it
//! overwrites unseen (13), which is why an update without a stamp cannot be expressed.
//!
//! A PUT is a patch of the top level: fields left out stay, a table that is sent is replaced
//! whole. `frappe.client.submit` replaces the whole document: fields left out are emptied (20).
//!
//! **The trap of the rows** (26, 29): a row sent with a `name` that the server has no more is
//! answered with 200 and counted in the totals, but not stored; a `name` of another document
//! moves the row out of that one; `idx` is stored as sent. This adapter only cuts slices out of
//! the document: dead row names must be gone and positions renumbered before.

mod answer;

use super::wire::{each_member, overlay, push_percent, push_percent_but};
use super::{
    Adapter, CompareAndSet, FindOutcome, Guarantees, HttpRequest, HttpResponse, SaveKind,
    TokenSupport,
};
use crate::core::call::{
    Call, CommitCall, CommitOutcome, CreateCall, LoadOutcome, Missing, NotSupported, SaveOutcome,
    UpdateCall, Write,
};
use crate::core::json::{self, quoted, ObjectWriter};

/// Which of Frappe's two HTTP interfaces is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Api {
    /// `/api/resource`, `/api/method`: versions 14 and later.
    #[default]
    V1,
    /// `/api/v2/document`, `/api/v2/method`: versions 15 and later.
    V2,
}

/// HTTP methods that a [`MethodTemplate`] may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Arguments go into the query.
    Get,
    /// Arguments go into the body.
    Post,
    /// Arguments go into the body.
    Put,
}

/// How a [`MethodTemplate`] sends its arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encode {
    /// A JSON object; the document is a JSON value in it.
    #[default]
    Json,
    /// A JSON object; the document is a string that holds JSON.
    JsonString,
    /// A form; the document is a field that holds JSON.
    Form,
}

/// A front-end's own server method in place of Frappe's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodTemplate {
    /// POST if absent; GET for a load or a search.
    pub verb: Option<Verb>,
    /// `pos.api.save`, or a path that begins with a slash.
    pub path: String,
    /// Names and values of the arguments, in order. `$doc`, `$key`, `$stamp`, `$token`, and in a
    /// search `$field` and `$value`, stand for the call's; anything else is constant text.
    ///
    /// If there are none: `doc` = `$doc` for a save, `doctype` and `name` for a load,
    /// `doctype`, `field` and `value` for a search.
    pub args: Vec<(String, String)>,
    /// How the arguments are sent.
    pub encode: Encode,
    /// Where the document is in the answer, such as `message.data`. Absent: `data`, `message`
    /// or `docs.0`, the first that holds one. It may hold only `name` and `docstatus`.
    pub answer: Option<String>,
}

/// Own methods by kind of call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Methods {
    /// In place of `POST /api/resource/DOCTYPE`.
    pub create: Option<MethodTemplate>,
    /// In place of `PUT /api/resource/DOCTYPE/NAME`.
    pub update: Option<MethodTemplate>,
    /// In place of `frappe.client.submit`.
    pub submit: Option<MethodTemplate>,
    /// In place of `GET /api/resource/DOCTYPE/NAME`.
    pub load: Option<MethodTemplate>,
    /// In place of `GET /api/resource/DOCTYPE?filters=…`.
    pub find: Option<MethodTemplate>,
    /// Several documents, all or nothing: Frappe has nothing of its own for that. Its arguments
    /// are `doctype`, `writes` (a list of `{"name", "modified", "doc"}`, without a name for a new
    /// document) and `token`; a token that is known is answered as it was. The answer holds
    /// `documents`. `examples/frappe` is such a method.
    pub commit: Option<MethodTemplate>,
}

/// The Frappe dialect.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frappe {
    /// The DocType, for example `Sales Invoice`.
    pub doctype: String,
    /// Which interface.
    pub api: Api,
    /// Name of a unique field that carries the create token. Without one a create whose answer
    /// was lost makes a second document when sent again (33).
    pub token_field: Option<String>,
    /// Own methods.
    pub methods: Methods,
}

impl Adapter for Frappe {
    fn request(&self, call: &Call) -> Result<HttpRequest, NotSupported> {
        let missing = |what| Err(NotSupported { what });
        Ok(match call {
            Call::Create(create) => self.create(create),
            Call::Update(update) => self.update(update),
            Call::Load { key } => self.load(key),
            Call::Find { field, value } => self.find(field, value),
            Call::Commit(commit) => match &self.methods.commit {
                Some(own) => self.commit(own, commit),
                None => return missing(Missing::Transactions),
            },
            Call::Lease(_) | Call::Release(_) => return missing(Missing::Leases),
            Call::Batch(_) => return missing(Missing::Batches),
            Call::Next(_) => return missing(Missing::Sequences),
            Call::Apply(_) => return missing(Missing::Apply),
        })
    }

    fn classify_save(&self, kind: SaveKind, response: &HttpResponse<'_>) -> SaveOutcome {
        let method = match kind {
            SaveKind::Create => &self.methods.create,
            SaveKind::Update => &self.methods.update,
            SaveKind::Submit => &self.methods.submit,
            SaveKind::Delete => &None,
        };
        answer::save(kind, response, answer_path(method), self.token_field.as_deref())
    }

    fn classify_load(&self, response: &HttpResponse<'_>) -> LoadOutcome {
        answer::load(response, answer_path(&self.methods.load))
    }

    fn classify_find(&self, _: &str, _: &str, response: &HttpResponse<'_>) -> FindOutcome {
        // Frappe refuses a filter on a field that it does not know, so a list was filtered.
        answer::find(response, answer_path(&self.methods.find), self.methods.find.is_some())
    }

    fn classify_commit(&self, response: &HttpResponse<'_>) -> CommitOutcome {
        match &self.methods.commit {
            Some(own) => answer::commit(response, own.answer.as_deref()),
            None => CommitOutcome::NotSupported,
        }
    }

    fn guarantees(&self) -> Guarantees {
        // A method that is given neither the document nor the stamp cannot compare. One that is
        // given them may still ignore them: that cannot be seen from here.
        let blind = [&self.methods.update, &self.methods.submit].into_iter().flatten().any(|own| {
            !own.args.is_empty() && !own.args.iter().any(|(_, v)| v == "$doc" || v == "$stamp")
        });
        Guarantees {
            transactions: self.methods.commit.is_some(),
            ..Guarantees::plain(
                if blind { CompareAndSet::None } else { CompareAndSet::Atomic },
                if self.token_field.is_some() { TokenSupport::Field } else { TokenSupport::None },
            )
        }
    }
}

/// What the `$…` arguments of a template stand for.
#[derive(Default)]
struct Facts<'a> {
    doc: &'a [u8],
    key: &'a str,
    stamp: &'a str,
    token: &'a str,
    field: &'a str,
    value: &'a str,
}

impl Frappe {
    fn create(&self, call: &CreateCall) -> HttpRequest {
        let Some(own) = &self.methods.create else {
            return json_request("POST", self.document_path(None), call.document.clone());
        };
        let doc = overlay(&call.document, &[("doctype", &quoted(&self.doctype))]);
        let facts = Facts { doc: &doc, token: &call.token, ..Facts::default() };
        self.custom(own, Verb::Post, &[("doc", "$doc")], &facts)
    }

    fn update(&self, call: &UpdateCall) -> HttpRequest {
        let own = if call.submit { &self.methods.submit } else { &self.methods.update };
        if own.is_none() && !call.submit {
            return json_request("PUT", self.document_path(Some(&call.key)), patch(call));
        }
        let doc = overlay(
            &call.document,
            &[
                ("doctype", &quoted(&self.doctype)),
                ("name", &quoted(&call.key)),
                ("modified", &quoted(&call.stamp.0)),
            ],
        );
        let Some(own) = own else {
            let body = ObjectWriter::new().raw("doc", &doc).finish();
            return json_request("POST", self.method_path("frappe.client.submit"), body);
        };
        let facts = Facts {
            doc: &doc,
            key: &call.key,
            stamp: &call.stamp.0,
            token: &call.token,
            ..Facts::default()
        };
        self.custom(own, Verb::Post, &[("doc", "$doc")], &facts)
    }

    fn load(&self, key: &str) -> HttpRequest {
        let Some(own) = &self.methods.load else {
            return get_request(self.document_path(Some(key)));
        };
        let facts = Facts { key, ..Facts::default() };
        self.custom(own, Verb::Get, &[("doctype", &self.doctype), ("name", "$key")], &facts)
    }

    fn find(&self, field: &str, value: &str) -> HttpRequest {
        if let Some(own) = &self.methods.find {
            let usual =
                [("doctype", self.doctype.as_str()), ("field", "$field"), ("value", "$value")];
            let facts = Facts { field, value, ..Facts::default() };
            return self.custom(own, Verb::Get, &usual, &facts);
        }
        let mut filters = b"[[".to_vec();
        json::push_text(&mut filters, field);
        filters.extend_from_slice(b",\"=\",");
        json::push_text(&mut filters, value);
        filters.extend_from_slice(b"]]");
        let mut path = self.document_path(None);
        path.push_str("?filters=");
        push_percent(&mut path, &String::from_utf8_lossy(&filters));
        path.push_str("&fields=%5B%22name%22%5D");
        get_request(path)
    }

    fn commit(&self, own: &MethodTemplate, call: &CommitCall) -> HttpRequest {
        let writes = json::list(call.writes.iter().map(|write| self.write(write)));
        let facts = Facts { doc: &writes, token: &call.token, ..Facts::default() };
        let usual = [("doctype", self.doctype.as_str()), ("writes", "$doc"), ("token", "$token")];
        self.custom(own, Verb::Post, &usual, &facts)
    }

    fn write(&self, write: &Write) -> Vec<u8> {
        let mut out = ObjectWriter::new();
        let (key, stamp, document) = match write {
            Write::Create { key, document, token: _, fence: _ } => (key.as_deref(), None, document),
            Write::Update(update) => {
                (Some(update.key.as_str()), Some(&update.stamp.0), &update.document)
            }
        };
        // A document is new if no stamp is sent, whatever its name.
        if let (Some(key), Some(stamp)) = (key, stamp) {
            out.text("name", key).text("modified", stamp);
        }
        let doctype = quoted(&self.doctype);
        let name = key.map(quoted);
        let modified = stamp.map(|stamp| quoted(stamp));
        let mut heads: Vec<(&str, &[u8])> = vec![("doctype", &doctype)];
        heads.extend(name.as_deref().map(|name| ("name", name)));
        heads.extend(modified.as_deref().map(|modified| ("modified", modified)));
        out.raw("doc", &overlay(document, &heads)).finish()
    }

    fn document_path(&self, key: Option<&str>) -> String {
        let mut path = String::from(match self.api {
            Api::V1 => "/api/resource/",
            Api::V2 => "/api/v2/document/",
        });
        push_percent(&mut path, &self.doctype);
        if let Some(key) = key {
            path.push('/');
            push_percent(&mut path, key);
        }
        path
    }

    fn method_path(&self, method: &str) -> String {
        let mut path = String::new();
        if !method.starts_with('/') {
            path.push_str(match self.api {
                Api::V1 => "/api/method/",
                Api::V2 => "/api/v2/method/",
            });
        }
        push_percent_but(&mut path, method, b"/%?=&:@!$'()*+,;");
        path
    }

    /// The request to a front-end's own method.
    fn custom(
        &self,
        own: &MethodTemplate,
        usual_verb: Verb,
        usual: &[(&str, &str)],
        facts: &Facts<'_>,
    ) -> HttpRequest {
        let verb = own.verb.unwrap_or(usual_verb);
        let form = own.encode == Encode::Form || verb == Verb::Get;
        let mut fields = String::new();
        let mut object = ObjectWriter::new();
        let mut add = |name: &str, template: &str| {
            let doc = String::from_utf8_lossy(facts.doc);
            let value = match template {
                "$doc" => &*doc,
                "$key" => facts.key,
                "$stamp" => facts.stamp,
                "$token" => facts.token,
                "$field" => facts.field,
                "$value" => facts.value,
                constant => constant,
            };
            if form {
                if !fields.is_empty() {
                    fields.push('&');
                }
                push_percent(&mut fields, name);
                fields.push('=');
                push_percent(&mut fields, value);
            } else if template == "$doc" && own.encode == Encode::Json {
                object.raw(name, facts.doc);
            } else {
                object.text(name, value);
            }
        };
        for (name, template) in &own.args {
            add(name, template);
        }
        for (name, template) in if own.args.is_empty() { usual } else { &[] } {
            add(name, template);
        }
        let mut path = self.method_path(&own.path);
        let method = match verb {
            Verb::Get => {
                path.push(if path.as_bytes().contains(&b'?') { '&' } else { '?' });
                path.push_str(&fields);
                return get_request(path);
            }
            Verb::Post => "POST",
            Verb::Put => "PUT",
        };
        if !form {
            return json_request(method, path, object.finish());
        }
        let mut request = json_request(method, path, fields.into_bytes());
        if let Some((_, content_type)) = request.headers.last_mut() {
            *content_type = String::from("application/x-www-form-urlencoded");
        }
        request
    }
}

/// The body of a PUT: the stamp and the changed fields, each cut out of the document.
///
/// A changed field that the document does not have is sent as null: Frappe leaves null fields
/// out of its answers (10, 34), so absent means null, and a field left out of a PUT would stay.
fn patch(call: &UpdateCall) -> Vec<u8> {
    let document = call.document.as_slice();
    let mut values: Vec<Option<&[u8]>> = vec![None; call.changed.len()];
    // The core hands over an object it wrote itself; were it none, only the stamp would go out.
    let whole = each_member(document, &mut |key, found| {
        for (value, name) in values.iter_mut().zip(&call.changed) {
            if json::key_is(key, name) {
                *value = Some(found);
            }
        }
    });
    let mut body = ObjectWriter::new();
    body.text("modified", &call.stamp.0);
    for (value, name) in values.iter().zip(&call.changed) {
        if whole && name != "modified" {
            body.raw(name, value.unwrap_or(b"null"));
        }
    }
    body.finish()
}

/// Without `Accept: application/json` Frappe may answer HTML, version 14 even with 200 (41).
fn get_request(path: String) -> HttpRequest {
    let headers = vec![("Accept", String::from("application/json"))];
    HttpRequest { method: "GET", path, headers, body: None }
}

fn json_request(method: &'static str, path: String, body: Vec<u8>) -> HttpRequest {
    let mut request = get_request(path);
    request.method = method;
    request.headers.push(("Content-Type", String::from("application/json")));
    request.body = Some(body);
    request
}

fn answer_path(method: &Option<MethodTemplate>) -> Option<&str> {
    method.as_ref().and_then(|own| own.answer.as_deref())
}
