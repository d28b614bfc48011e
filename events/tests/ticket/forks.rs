//! Forks: past tickets that are run again, and of which nobody outside hears.

use std::sync::Arc;

use punchcard_events::ticket::*;
use punchcard_events::{EventId, NewEvent, Position, Recorded, Revision};
use serde_json::json;
use uuid::Uuid;

use crate::harness::given;
use crate::samples::*;

fn answered_fork() -> Vec<TicketEvent> {
    vec![requested_as_fork(), pre_processed(), sent(1), answered(1)]
}

#[test]
fn a_fork_is_at_its_end_with_its_answer() {
    let ended = given(answered_fork())
        .when(Command::RecordPersisted {
            answer: None,
            call: None,
        })
        .then([persisted(), kept()]);
    assert_eq!(ended.name(), StateName::Delivered);
    assert_eq!(ended.final_answer(), Some(Arc::new(json!("Well done."))));
    assert_eq!(next_effect(&ended), None);
}

#[test]
fn the_end_of_a_fork_that_is_told_again_causes_nothing() {
    let life = [answered_fork(), vec![persisted(), kept()]].concat();
    given(life)
        .when(Command::RecordPersisted {
            answer: None,
            call: None,
        })
        .then_nothing();
}

#[test]
fn a_ticket_that_is_no_fork_waits_for_whoever_it_is_for() {
    let life = [requested(), pre_processed(), sent(1), answered(1)];
    given(life)
        .when(Command::RecordPersisted {
            answer: None,
            call: None,
        })
        .then([persisted()]);
}

#[test]
fn a_fork_sends_what_it_was_made_with_whatever_is_found_now() {
    let other = TicketPreProcessed {
        model: "gpt-other".to_owned(),
        input: None,
        ..prepared()
    };
    given([requested_as_fork()])
        .when(Command::RecordPreProcessed(other))
        .then([pre_processed()]);
}

#[test]
fn a_fork_calls_nobody_even_where_its_terms_say_so() {
    let mut request = fork_request();
    request.terms.pre_process = true;
    request.terms.post_process = true;
    let request = TicketEvent::TicketRequested(request);
    let first = given([request.clone()]).state();
    assert_eq!(
        next_effect(&first),
        Some(Effect::PreProcess {
            callback: false,
            not_before: None,
        })
    );
    let last = given([request, pre_processed(), sent(1), answered(1)]).state();
    assert_eq!(
        next_effect(&last),
        Some(Effect::PostProcess {
            callback: false,
            not_before: None,
        })
    );
}

#[test]
fn a_failed_fork_that_is_redriven_is_still_one() {
    let life = [
        requested_as_fork(),
        pre_processed(),
        sent(1),
        attempt_failed(1, AttemptErrorKind::Unauthorized, None),
        failed(Stage::Model),
        redriven(deadlines_from(5_000)),
        sent(2),
        answered(2),
    ];
    given(life)
        .when(Command::RecordPersisted {
            answer: None,
            call: None,
        })
        .then([persisted(), kept()]);
}

#[test]
fn the_events_of_a_fork_are_told_from_their_envelopes() {
    let Some(fork) = fork_request().fork else {
        panic!("it is a fork");
    };
    let own = punchcard_events::TicketId(Uuid::from_u128(99));
    let recorded = |correlation_id| Recorded {
        stream: own.stream(),
        revision: Revision::FIRST,
        position: Position(1),
        event: NewEvent {
            id: EventId(Uuid::from_u128(1)),
            kind: "TicketRequested".into(),
            schema_version: 1,
            tenant: fork_request().tenant,
            correlation_id,
            causation_id: None,
            recorded_at: at(0),
            data: "{}".to_owned(),
        },
    };
    assert!(recorded(fork.parent.0).is_of_fork());
    assert!(!recorded(own.0).is_of_fork());
}
