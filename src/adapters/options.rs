//! Adapters out of their public options, given as JSON text (contract: `frappe()`, `rest()`).

use super::frappe::{Api, Encode, Frappe, MethodTemplate, Methods, Verb};
use super::rest::{Offers, Rest, StampPlace};
use super::wire;
use crate::core::json::{self, Kind};

/// The Frappe dialect with these options: `doctype`, `tokenField`, `methods`, `api` (`"v1"`, `"v2"`).
/// Others (`url`, `headers` …) are the caller's.
///
/// # Errors
/// The name of the option at fault.
pub fn frappe(options: &[u8]) -> Result<Frappe, &'static str> {
    let doctype = text(options, "doctype").ok_or("doctype")?;
    let api = match text(options, "api").as_deref() {
        None | Some("v1") => Api::V1,
        Some("v2") => Api::V2,
        Some(_) => return Err("api"),
    };
    let own = json::member(options, "methods").unwrap_or(b"{}");
    let methods = Methods {
        create: template(own, "create")?,
        update: template(own, "update")?,
        submit: template(own, "submit")?,
        load: template(own, "load")?,
        find: template(own, "find")?,
        commit: template(own, "commit")?,
    };
    Ok(Frappe { doctype, api, token_field: text(options, "tokenField"), methods })
}

/// The REST dialect with these options: `path`, `stamp` (`"etag"` or `{"field": …}`), and beyond
/// the contract `key`, `envelope`, `tokenField` (names of fields), `wholeAnswers`, `racy`, and
/// `offers`: `"all"`, or a list of `"transactions"`, `"leases"`, `"sequences"`, `"changes"`,
/// `"apply"`, `"parking"`, `"batches"`, `"tokens"` (`Idempotency-Key` is heeded on every save); `pushDocuments`:
/// `false` where the feed is not to bring documents.
///
/// # Errors
/// The name of the option at fault.
pub fn rest(options: &[u8]) -> Result<Rest, &'static str> {
    let stamp = match json::member(options, "stamp") {
        None => StampPlace::Etag,
        Some(value) if json::kind(value) == Kind::Object => {
            StampPlace::Field(text(value, "field").ok_or("stamp")?)
        }
        Some(b"\"etag\"" | b"null") => StampPlace::Etag,
        Some(_) => return Err("stamp"),
    };
    Ok(Rest {
        path: text(options, "path").ok_or("path")?,
        stamp,
        key_field: text(options, "key"),
        envelope: text(options, "envelope"),
        token_field: text(options, "tokenField"),
        whole_answers: json::member(options, "wholeAnswers") != Some(b"false"),
        racy: json::member(options, "racy") == Some(b"true"),
        offers: json::member(options, "offers").map_or(Ok(Offers::default()), offers)?,
        push_documents: json::member(options, "pushDocuments") != Some(b"false"),
    })
}

fn offers(value: &[u8]) -> Result<Offers, &'static str> {
    let mut offers = Offers::default();
    match json::kind(value) {
        Kind::Null => {}
        Kind::Text if value == b"\"all\"" => offers = Offers::ALL,
        Kind::Array => {
            let mut known = true;
            wire::each_element(value, &mut |name| {
                known &= json::text(name).is_some_and(|name| offers.add(&name));
            });
            if !known {
                return Err("offers");
            }
        }
        Kind::Text | Kind::Bool | Kind::Number | Kind::Object => return Err("offers"),
    }
    Ok(offers)
}

fn template(methods: &[u8], name: &str) -> Result<Option<MethodTemplate>, &'static str> {
    let Some(own) = json::member(methods, name).filter(|own| json::kind(own) == Kind::Object)
    else {
        return Ok(None);
    };
    let verb = match text(own, "method").as_deref() {
        None => None,
        Some("GET") => Some(Verb::Get),
        Some("POST") => Some(Verb::Post),
        Some("PUT") => Some(Verb::Put),
        Some(_) => return Err("method"),
    };
    let encode = match text(own, "encode").as_deref() {
        None | Some("json") => Encode::Json,
        Some("json-string") => Encode::JsonString,
        Some("form") => Encode::Form,
        Some(_) => return Err("encode"),
    };
    let mut args = Vec::new();
    let given = json::member(own, "args").unwrap_or_default();
    wire::each_member(given, &mut |key, value| {
        if let Some(value) = wire::scalar(value) {
            args.push((json::unescape(key).into_owned(), value));
        }
    });
    let path = text(own, "path").ok_or("path")?;
    Ok(Some(MethodTemplate { verb, path, args, encode, answer: text(own, "answer") }))
}

/// A string option; an empty one counts as absent.
fn text(options: &[u8], name: &str) -> Option<String> {
    wire::text_of(options, name).filter(|text| !text.is_empty()).map(|text| text.into_owned())
}
