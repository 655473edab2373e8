//! A hundred tills at once over 20 phone numbers: 20 customers.

use std::collections::{BTreeMap, BTreeSet};

use restamp::core::find_or_create::{Outcome, Terms};
use restamp::core::policy::TokenSupport;
use restamp::core::retry::Schedule;

use crate::task::Ended;
use crate::world::{World, ROUGH};

fn run(seed: u64, token: TokenSupport, token_field: Option<&str>) {
    let mut world = World::new(seed, ROUGH);
    world.server.unique = Some("phone");
    let terms = Terms {
        schedule: Schedule::BACKGROUND,
        can_find: true,
        token,
        token_field: token_field.map(String::from),
    };
    let mut phones = Vec::new();
    for till in 0..100 {
        let at = world.chance.below(500);
        let phone = format!("05{:08}", till % 20);
        world.search(at, "phone", &phone, terms.clone(), r#"{"name":"ü"}"#);
        phones.push(phone);
    }
    world.run();
    let mut keys: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut created = 0;
    for (ended, phone) in world.ended.iter().zip(&phones) {
        let Some(Ended::Find(Outcome::Found { document, created: ours })) = ended else {
            panic!("seed {seed}: {ended:?}");
        };
        created += usize::from(*ours);
        let text = String::from_utf8(document.document.clone()).unwrap();
        assert!(text.starts_with(&format!(r#"{{"name":"ü","phone":"{phone}""#)), "{text}");
        keys.entry(phone).or_default().insert(document.key.clone().unwrap());
    }
    assert_eq!((keys.len(), world.server.created), (20, 20), "seed {seed}");
    assert!(keys.values().all(|keys| keys.len() == 1), "seed {seed}: {keys:?}");
    match token {
        TokenSupport::None => assert!(created <= 20, "seed {seed}: {created}"),
        TokenSupport::Native | TokenSupport::Field => assert_eq!(created, 20, "seed {seed}"),
    }
}

#[test]
fn many_tills_get_one_customer_for_one_phone_number() {
    for seed in 0..30 {
        run(seed, TokenSupport::Native, None);
        run(seed, TokenSupport::Field, Some("client_uuid"));
        run(seed, TokenSupport::None, None);
    }
}
