//! The backends that worlds have: a dialect of the project's own, what its till is told about it,
//! and how the server behaves.

use std::sync::OnceLock;

use restamp::adapters::frappe::Frappe;
use restamp::adapters::rest::{Offers, Rest};
use restamp::adapters::Adapter;
use restamp::core::policy::{self as sharing, CompareAndSet, Policy, Sharing, TokenSupport};
use restamp::core::profile::Profile;
use restamp::core::retry::Schedule;

use crate::chance::Chance;
use crate::server::{rest, Creates, Dialect, Manners, CREATE_TOKEN, SAVE_TOKEN};

pub struct Backend {
    pub adapter: Box<dyn Adapter>,
    pub policy: Policy,
    pub dialect: Dialect,
    pub has_token_field: bool,
}

pub fn draw(chance: &mut Chance) -> Backend {
    let has_token_field = chance.percent(70);
    let is_racy = chance.percent(15);
    let is_frappe = chance.percent(50);
    let creates = match chance.below(10) {
        0..=5 => Creates::UniqueField,
        6..=8 => Creates::IdempotencyKey,
        _ => Creates::Twice,
    };
    let manners = Manners {
        answers_document: chance.percent(50),
        stale_shows_newest: chance.percent(50),
        answers_etag: chance.percent(70),
        creates,
    };
    // Those that keep the tokens of creates keep those of updates too, half of them.
    let keeps_tokens = creates == Creates::IdempotencyKey && manners.stale_shows_newest;
    let has_create_field = is_frappe || creates == Creates::UniqueField;
    let token_field = has_create_field.then(|| CREATE_TOKEN.to_owned());
    let (adapter, dialect): (Box<dyn Adapter>, Dialect) = if is_frappe {
        let doctype = "Sales Invoice".to_owned();
        (Box::new(Frappe { doctype, token_field, ..Frappe::default() }), Dialect::Frappe)
    } else {
        let path = rest::COLLECTION.to_owned();
        let key_field = Some("name".to_owned());
        let offers = Offers { tokens: keeps_tokens, ..Offers::default() };
        let adapter =
            Rest { path, key_field, token_field, racy: is_racy, offers, ..Rest::default() };
        (Box::new(adapter), Dialect::Rest(manners))
    };
    let guarantees = adapter.guarantees();
    let offers = sharing::Offers { tokens: guarantees.replays, ..sharing::Offers::default() };
    let native = !is_frappe && creates == Creates::IdempotencyKey;
    let policy = Policy {
        profile: profile(has_token_field, has_create_field),
        schedule: Schedule::INTERACTIVE,
        background: Schedule::BACKGROUND,
        contention: Schedule::CONTENTION,
        compare_and_set: if is_racy { CompareAndSet::Racy } else { guarantees.compare_and_set },
        token: if native { TokenSupport::Native } else { guarantees.token },
        can_find: true,
        sharing: Sharing { offers, ..Sharing::default() },
    };
    Backend { adapter, policy, dialect, has_token_field }
}

fn profile(has_token_field: bool, has_create_field: bool) -> Profile {
    static PROFILES: OnceLock<Vec<Profile>> = OnceLock::new();
    let profiles = PROFILES.get_or_init(|| {
        [(false, false), (false, true), (true, false), (true, true)]
            .map(|(token, create)| read(token, create))
            .to_vec()
    });
    profiles[usize::from(has_token_field) * 2 + usize::from(has_create_field)].clone()
}

fn read(has_token_field: bool, has_create_field: bool) -> Profile {
    let mut text = include_str!("../data/sales-invoice.json").to_owned();
    if has_create_field {
        let more = format!(r#"{{"createTokenField":"{CREATE_TOKEN}","#);
        text = text.replacen('{', &more, 1);
    }
    text = text.replacen('{', r#"{"changedBy":"modified_by","#, 1);
    if !has_token_field {
        let without = text.replacen(&format!(r#""tokenField": "{SAVE_TOKEN}","#), "", 1);
        assert_ne!(without, text, "the profile has a token field");
        text = without;
    }
    Profile::parse(text.as_bytes()).expect("a profile")
}
