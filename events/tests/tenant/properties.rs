//! What holds for every life a tenant can have, and for every order of events.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use punchcard_events::tenant::limits::MAX_LIVE_KEYS;
use punchcard_events::tenant::*;

use crate::lives::{Life, lives};
use crate::samples::{DAY, at};

/// What must hold of a state, however it came about.
fn sound(state: &TenantState) {
    for (prefix, known) in &state.keys {
        assert_eq!(prefix, &known.key.prefix);
        if let Some(replaced) = &known.replaced {
            assert!(state.keys.contains_key(&replaced.by), "{prefix}");
        }
        if known.revoked.is_some() {
            assert!(!known.is_live(at(0)), "{prefix}");
        }
    }
    assert!(state.exists() || *state == TenantState::default());
    assert!(state.hooks.values().all(|hooks| !hooks.is_empty()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_replay_gives_the_state_that_was_lived(life in lives()) {
        prop_assert_eq!(replay(&life.events), Ok(life.state));
    }

    #[test]
    fn a_replay_of_what_was_stored_gives_the_state_that_was_lived(life in lives()) {
        let stored: Vec<_> = life.events.iter().map(|event| {
            let data = event.encode().expect("finite numbers");
            TenantEvent::decode(event.kind(), event.schema_version(), &data).expect("it is read")
        }).collect();
        prop_assert_eq!(&stored, &life.events);
        prop_assert_eq!(replay(&stored), Ok(life.state));
    }

    #[test]
    fn every_prefix_of_a_life_is_sound(life in lives()) {
        let mut state = TenantState::default();
        for event in &life.events {
            state = evolve(state, event);
            sound(&state);
            prop_assert!(state.hooks.is_empty() || state.callback.is_some());
            prop_assert!(state.live_keys(event.act().at).count() <= 2 * MAX_LIVE_KEYS);
        }
    }

    #[test]
    fn a_key_that_was_over_opens_nothing_ever_after(life in lives()) {
        let mut state = TenantState::default();
        let mut over = BTreeMap::new();
        for event in &life.events {
            state = evolve(state, event);
            for (prefix, known) in &state.keys {
                if known.revoked.is_some() {
                    over.insert(prefix.clone(), known.key.sha256.clone());
                }
            }
            for (prefix, sha256) in &over {
                let known = &state.keys[prefix];
                prop_assert!(!known.is_live(at(0)));
                prop_assert_eq!(&known.key.sha256, sha256);
            }
        }
    }

    #[test]
    fn no_key_outlives_its_successor_by_more_than_a_month(life in lives()) {
        for known in life.state.keys.values() {
            if let Some(replaced) = &known.replaced {
                let most = replaced.act.at.plus(std::time::Duration::from_secs(30 * DAY));
                prop_assert!(!known.is_live(most));
            }
        }
    }

    #[test]
    fn what_the_configuration_said_last_is_remembered(life in lives()) {
        let mut names = None;
        for event in &life.events {
            let by_configuration = event.act().by == punchcard_events::Author::Configuration;
            match event {
                TenantEvent::TenantCreated(body) if by_configuration => names = Some(&body.name),
                TenantEvent::TenantRenamed(body) if by_configuration => names = Some(&body.name),
                _ => {}
            }
        }
        prop_assert_eq!(life.state.said.name.as_ref(), names);
    }

    #[test]
    fn no_order_of_events_breaks_a_fold(
        (one, other) in (lives(), lives()),
        picks in proptest::collection::vec(any::<Index>(), 0..80),
    ) {
        let events = [one.events, other.events].concat();
        prop_assume!(!events.is_empty());
        let mut state = TenantState::default();
        for pick in &picks {
            state = evolve(state, pick.get(&events));
            sound(&state);
        }
    }
}

/// The properties say nothing if the lives are dull.
#[test]
fn random_lives_reach_every_event_and_most_refusals() {
    let mut runner = TestRunner::deterministic();
    let (mut kinds, mut codes) = (BTreeSet::new(), BTreeSet::new());
    for _ in 0..300 {
        let life: Life = lives().new_tree(&mut runner).expect("a life").current();
        kinds.extend(life.events.iter().map(TenantEvent::kind));
        codes.extend(life.refused);
    }
    let all: BTreeSet<_> = TenantEvent::KINDS.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, all);
    for code in [
        "no_such_tenant",
        "tenant_exists",
        "bad_text",
        "prefix_taken",
        "no_such_key",
        "key_revoked",
        "key_expired",
        "key_replaced",
        "overlap_too_long",
        "zero_limit",
        "no_callback",
    ] {
        assert!(codes.contains(code), "{code} is not in {codes:?}");
    }
}
