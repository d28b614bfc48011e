//! When a ticket leaves a model for the next, and when it does not.

use punchcard_events::ticket::AttemptErrorKind as Kind;
use punchcard_events::ticket::FallbackReason::{BreakerOpen, Failed};
use punchcard_events::ticket::*;

use crate::harness::given;
use crate::samples::*;

const KINDS: [Kind; 13] = [
    Kind::Connection,
    Kind::Timeout,
    Kind::RateLimited,
    Kind::Server,
    Kind::Incomplete,
    Kind::SchemaViolation,
    Kind::Interrupted,
    Kind::Protocol,
    Kind::TooLarge,
    Kind::QuotaExceeded,
    Kind::Unauthorized,
    Kind::InvalidRequest,
    Kind::ContentFiltered,
];

fn prepared_life() -> Vec<TicketEvent> {
    let request = TicketEvent::TicketRequested(request_with_fallbacks());
    vec![request, pre_processed()]
}

/// Attempt 1 at the first model is in flight.
fn in_flight() -> Vec<TicketEvent> {
    [prepared_life(), vec![sent(1)]].concat()
}

/// The last try of the first model is in flight.
fn last_try() -> Vec<TicketEvent> {
    let wait = |attempt| attempt_failed(attempt, Kind::Server, Some(at(1)));
    [in_flight(), vec![wait(1), sent(2), wait(2), sent(3)]].concat()
}

/// The last fallback is in flight, on attempt 3.
fn last_model() -> Vec<TicketEvent> {
    let moved = vec![
        attempt_gave_way(1, Kind::QuotaExceeded, at(1), "gpt-y"),
        sent_to("gpt-y", 2, Some(("gpt-x", Failed))),
        attempt_gave_way(2, Kind::Unauthorized, at(1), "gpt-z"),
        sent_to("gpt-z", 3, Some(("gpt-y", Failed))),
    ];
    [in_flight(), moved].concat()
}

fn due(state: &TicketState) -> Option<Effect> {
    next_effect(state)
}

fn send_at(model: &str, attempt: u32, seconds: u64) -> Effect {
    Effect::Send {
        attempt,
        model: model.to_owned(),
        not_before: Some(at(seconds)),
    }
}

/// What becomes of a ticket with fallbacks whose attempt fails for each cause: with tries left,
/// and with none.
#[test]
fn each_cause_has_its_way() {
    let next = |kind| {
        let first = given(in_flight())
            .when(fail_attempt(1, attempt_error(kind), at(10)))
            .folded();
        let last = given(last_try())
            .when(fail_attempt(3, attempt_error(kind), at(10)))
            .folded();
        (due(&first), due(&last))
    };
    for kind in KINDS {
        let same = Some(send_at("gpt-x", 2, 11));
        let other = |attempt| Some(send_at("gpt-y", attempt, 10));
        let expected = match kind {
            Kind::Connection
            | Kind::Timeout
            | Kind::RateLimited
            | Kind::Server
            | Kind::Incomplete
            | Kind::SchemaViolation
            | Kind::Protocol => (same, other(4)),
            Kind::TooLarge | Kind::QuotaExceeded | Kind::Unauthorized | Kind::InvalidRequest => {
                (other(2), other(4))
            }
            Kind::Interrupted => (Some(send_at("gpt-x", 2, 10)), Some(send_at("gpt-x", 4, 10))),
            Kind::ContentFiltered => (None, None),
        };
        assert_eq!(next(kind), expected, "{kind:?}");
    }
}

#[test]
fn the_event_says_which_model_is_next_and_the_attempt_says_why() {
    let waiting = given(last_try())
        .when(fail_attempt(3, attempt_error(Kind::Server), at(10)))
        .then([attempt_gave_way(3, Kind::Server, at(10), "gpt-y")]);
    assert_eq!(waiting.model(), Some("gpt-y"));
    let asked = given(
        [
            last_try(),
            vec![attempt_gave_way(3, Kind::Server, at(10), "gpt-y")],
        ]
        .concat(),
    )
    .when(send_to("gpt-y", 4))
    .then([sent_to("gpt-y", 4, Some(("gpt-x", Failed)))]);
    let TicketState::Sent(sent) = asked else {
        panic!("the ticket is not at the model");
    };
    assert_eq!((sent.model(), sent.failures), ("gpt-y", 0));
}

#[test]
fn a_fallback_has_all_the_tries_of_its_own() {
    let mut life = last_try();
    life.push(attempt_gave_way(3, Kind::Server, at(10), "gpt-y"));
    for attempt in 4..6 {
        life.push(sent_to("gpt-y", attempt, Some(("gpt-x", Failed))));
        given(&life)
            .when(fail_attempt(attempt, attempt_error(Kind::Server), at(10)))
            .then_kinds(&["AttemptFailed"]);
        life.push(attempt_failed(attempt, Kind::Server, Some(at(11))));
    }
    life.push(sent_to("gpt-y", 6, Some(("gpt-x", Failed))));
    given(life)
        .when(fail_attempt(6, attempt_error(Kind::Server), at(12)))
        .then([attempt_gave_way(6, Kind::Server, at(12), "gpt-z")]);
}

#[test]
fn the_last_model_that_fails_fails_the_ticket_with_its_own_code() {
    for (kind, code) in [
        (Kind::QuotaExceeded, "model_quota_exceeded"),
        (Kind::ContentFiltered, "content_filtered"),
    ] {
        given(last_model())
            .when(fail_attempt(3, attempt_error(kind), at(5)))
            .then_failed(Stage::Model, code, "attempt 3: the model's server said no");
    }
}

#[test]
fn a_model_that_asks_to_wait_past_the_deadline_is_left_for_the_next() {
    let wait = |ms| AttemptError {
        retry_after_ms: Some(ms),
        ..attempt_error(Kind::RateLimited)
    };
    let asked = |ms| given(in_flight()).when(fail_attempt(1, wait(ms), at(10)));
    assert_eq!(due(&asked(49_999).folded()).map(|e| e.key()), Some("model"));
    for ms in [50_000, u64::MAX] {
        assert_eq!(due(&asked(ms).folded()), Some(send_at("gpt-y", 2, 10)));
    }
    given(last_model())
        .when(fail_attempt(3, wait(50_000), at(10)))
        .then_failed(
            Stage::Model,
            "no_time_for_retry",
            "attempt 3: the model's server said no",
        );
}

#[test]
fn no_fallback_is_asked_at_or_after_the_deadline() {
    for seconds in [60, 61, 9_999] {
        given(in_flight())
            .when(fail_attempt(
                1,
                attempt_error(Kind::QuotaExceeded),
                at(seconds),
            ))
            .then_failed(
                Stage::Model,
                "no_time_for_retry",
                "attempt 1: the model's server said no",
            );
    }
}

#[test]
fn an_open_breaker_sends_the_first_attempt_to_any_fallback_and_says_so() {
    for model in ["gpt-y", "gpt-z"] {
        given(prepared_life())
            .when(send_to(model, 1))
            .then([sent_to(model, 1, Some(("gpt-x", BreakerOpen)))]);
    }
}

#[test]
fn an_open_breaker_between_two_attempts_gives_the_fallback_fresh_tries() {
    let wait = |attempt| attempt_failed(attempt, Kind::Server, Some(at(1)));
    let life = [in_flight(), vec![wait(1), sent(2), wait(2)]].concat();
    let asked = given(&life).when(send_to("gpt-y", 3)).then([sent_to(
        "gpt-y",
        3,
        Some(("gpt-x", BreakerOpen)),
    )]);
    let TicketState::Sent(sent) = asked else {
        panic!("the ticket is not at the model");
    };
    assert_eq!((sent.attempt, sent.failures), (3, 0));
}

#[test]
fn a_breaker_that_is_open_at_a_fallback_names_that_fallback() {
    let life = [
        in_flight(),
        vec![attempt_gave_way(1, Kind::Unauthorized, at(1), "gpt-y")],
    ];
    given(life.concat())
        .when(send_to("gpt-z", 2))
        .then([sent_to("gpt-z", 2, Some(("gpt-y", BreakerOpen)))]);
}

#[test]
fn a_ticket_does_not_go_back_to_a_model_it_left() {
    let waiting = attempt_failed(3, Kind::Server, Some(at(2)));
    for model in ["gpt-x", "gpt-y", "gpt-w", ""] {
        given([last_model(), vec![waiting.clone()]].concat())
            .when(send_to(model, 4))
            .then_rejected(Rejection::WrongModel {
                given: model.to_owned(),
                due: "gpt-z".to_owned(),
            });
    }
}

#[test]
fn an_interrupted_attempt_at_a_fallback_is_repeated_there() {
    let state = given(last_model())
        .when(Command::Resume { now: at(9) })
        .then_kinds(&["AttemptFailed"]);
    assert_eq!(due(&state), Some(send_at("gpt-z", 4, 9)));
}

#[test]
fn a_redrive_begins_with_the_first_model_again() {
    let life = [last_model(), vec![failed(Stage::Model)]].concat();
    let state = given(life)
        .when(redrive(deadlines_from(5_000), at(5_000)))
        .folded();
    assert_eq!(state.models_in_turn(), ["gpt-x", "gpt-y", "gpt-z"]);
    assert_eq!(
        due(&state),
        Some(Effect::Send {
            attempt: 4,
            model: "gpt-x".to_owned(),
            not_before: Some(punchcard_events::Timestamp::default()),
        })
    );
}

#[test]
fn a_fallback_that_is_named_twice_or_is_the_first_model_has_one_turn() {
    let mut request = request();
    let names = ["gpt-x", "gpt-y", "gpt-y", "gpt-x", "gpt-z", "gpt-y"];
    request.terms.fallback_models = names.map(str::to_owned).into();
    let state = given([TicketEvent::TicketRequested(request), pre_processed()]).state();
    assert_eq!(state.models_in_turn(), ["gpt-x", "gpt-y", "gpt-z"]);
}

#[test]
fn who_answered_stays_known_to_the_end() {
    let end = [answered(3), persisted(), delivered()];
    let mut life = last_model();
    for event in end {
        life.push(event);
        let state = given(&life).state();
        assert_eq!(state.model(), Some("gpt-z"));
        assert_eq!(state.fallback().map(|turn| turn.why.reason), Some(Failed));
    }
}
