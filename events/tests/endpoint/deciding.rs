//! The rules that the table cannot show, and properties.

use proptest::prelude::*;
use punchcard_events::delivery;
use punchcard_events::endpoint::*;
use punchcard_events::{EndpointId, EventId};
use uuid::Uuid;

use crate::samples::*;

fn after(history: &[EndpointEvent]) -> EndpointState {
    EndpointState::replay(history)
}

fn rotate(until_ms: u64, now_ms: u64) -> Command {
    Command::RotateSecret {
        until: at(until_ms),
        act: punchcard_events::act::Act {
            at: at(now_ms),
            ..act()
        },
    }
}

#[test]
fn two_secrets_are_live_until_the_overlap_ends() {
    let mut history = vec![registered()];
    history.extend(decide(&after(&history), rotate(1_000, 0)).unwrap());
    let state = after(&history);
    let endpoint = state.live().unwrap();
    assert_eq!(endpoint.generations(at(0)), [2, 1]);
    assert_eq!(endpoint.generations(at(999)), [2, 1]);
    assert_eq!(endpoint.generations(at(1_000)), [2]);
    let early = decide(&state, rotate(5_000, 999));
    assert_eq!(early, Err(Rejection::RotationUnderWay { until: at(1_000) }));
    assert!(decide(&state, rotate(5_000, 1_000)).is_ok());
    // A leak cannot wait: without an overlap only the newest is left.
    history.extend(decide(&state, rotate(10, 10)).unwrap());
    assert_eq!(after(&history).live().unwrap().generations(at(10)), [3]);
}

#[test]
fn an_overlap_has_a_bound_and_may_be_none() {
    let state = after(&[registered()]);
    assert!(decide(&state, rotate(MAX_OVERLAP_MS, 0)).is_ok());
    let long = decide(&state, rotate(MAX_OVERLAP_MS + 1, 0));
    assert_eq!(long, Err(Rejection::OverlapTooLong));
    let events = decide(&state, rotate(0, 0)).unwrap();
    let mut history = vec![registered()];
    history.extend(events);
    assert_eq!(after(&history).live().unwrap().generations(at(0)), [2]);
}

#[test]
fn a_change_that_changes_nothing_is_none() {
    let change = Command::Change {
        url: Some("https://hooks.example/h".to_owned()),
        event_types: None,
        description: None,
        act: act(),
    };
    assert_eq!(decide(&after(&[registered()]), change), Ok(vec![]));
}

#[test]
fn an_endpoint_asks_for_something_within_limits() {
    let register = |url: &str, types: &[EventType], description: Option<String>| {
        let command = Command::Register {
            tenant: tenant(),
            url: url.to_owned(),
            event_types: types.iter().copied().collect(),
            description,
            act: act(),
        };
        decide(&EndpointState::default(), command).map_err(|rejection| rejection.code())
    };
    let url = "https://hooks.example/h";
    let on = [EventType::TicketFailed];
    assert_eq!(register(url, &[], None), Err("event_types"));
    assert_eq!(
        register(url, &[EventType::WebhookTest], None),
        Err("event_types")
    );
    assert_eq!(register("", &on, None), Err("url_length"));
    assert_eq!(
        register(&"x".repeat(MAX_URL_BYTES + 1), &on, None),
        Err("url_length")
    );
    let long = "x".repeat(MAX_DESCRIPTION_BYTES + 1);
    assert_eq!(register(url, &on, Some(long)), Err("description_too_long"));
    assert!(register(url, &on, Some(String::new())).is_ok());
}

#[test]
fn an_empty_range_is_not_sent_again() {
    let which = Resend::Range {
        from: at(5),
        until: at(5),
        acknowledged_too: true,
        limit: 1,
    };
    let resend = Command::Resend { which, act: act() };
    assert_eq!(
        decide(&after(&[registered()]), resend),
        Err(Rejection::EmptyRange)
    );
}

#[test]
fn a_message_has_one_id_and_it_stays_the_same_for_ever() {
    let (event, endpoint) = (EventId(Uuid::from_u128(1)), EndpointId(Uuid::from_u128(2)));
    let id = delivery::id(event, endpoint);
    assert_eq!(id.to_string(), "e907eae6-a7d2-89a8-968a-c6a2eda22cef");
    assert_ne!(
        id,
        delivery::id(EventId(Uuid::from_u128(2)), EndpointId(Uuid::from_u128(1)))
    );
    let text = delivery::webhook_id(id);
    assert_eq!(delivery::of_webhook_id(&text), Some(id));
    assert_eq!(delivery::of_stream(&delivery::stream(id)), Some(id));
    assert_eq!(delivery::of_webhook_id("msg_x"), None);
}

proptest! {
    #[test]
    fn every_legal_history_folds_the_same_live_as_replayed(choices in prop::collection::vec(0..8_usize, 0..40)) {
        let (mut state, mut history) = (EndpointState::default(), Vec::new());
        for choice in choices {
            let (_, command) = commands().swap_remove(choice);
            if let Ok(events) = decide(&state, command) {
                for event in events {
                    state.apply(&event);
                    history.push(event);
                }
            }
            prop_assert_eq!(&EndpointState::replay(&history), &state);
        }
        // A prefix of a legal history is one.
        for end in 0..history.len() {
            let _ = EndpointState::replay(&history[..end]);
        }
    }
}
