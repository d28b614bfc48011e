//! The rules that never bend, one sentence each.

use std::sync::Arc;

use punchcard_events::ticket::*;
use serde_json::json;

use crate::harness::given;
use crate::samples::*;

fn in_flight() -> Vec<TicketEvent> {
    vec![requested(), pre_processed(), sent(1)]
}

fn wait(attempt: u32, kind: AttemptErrorKind) -> TicketEvent {
    attempt_failed(attempt, kind, Some(at(1)))
}

fn persisted_life() -> Vec<TicketEvent> {
    [in_flight(), vec![answered(1), persisted()]].concat()
}

fn asked_to_wait(ms: u64) -> AttemptError {
    AttemptError {
        retry_after_ms: Some(ms),
        ..attempt_error(AttemptErrorKind::RateLimited)
    }
}

#[test]
fn an_answer_is_not_delivered_before_it_is_persisted() {
    let answered = [in_flight(), vec![answered(1)]].concat();
    assert_eq!(given(&answered).state().final_answer(), None);
    given(&answered)
        .when(acknowledge())
        .then_rejected(Rejection::WrongState {
            command: "Acknowledge",
            state: StateName::Answered,
        });
    let delivered = given(persisted_life())
        .when(acknowledge())
        .then([delivered()]);
    assert_eq!(
        delivered.final_answer(),
        Some(Arc::new(json!("Well done.")))
    );
}

#[test]
fn an_answer_is_read_as_the_prompt_says_that_it_was_prepared_with() {
    let life = |prepared| {
        [
            requested(),
            prepared,
            sent(1),
            answered_json(1),
            persisted(),
        ]
    };
    let by_terms = given(life(pre_processed())).state();
    assert_eq!(
        by_terms.final_answer(),
        Some(Arc::new(json!("{\"score\":4}")))
    );
    let by_prompt = given(life(pre_processed_by_canary())).state();
    assert_eq!(
        by_prompt.final_answer(),
        Some(Arc::new(json!({ "score": 4 })))
    );
    let TicketState::Persisted(persisted) = by_prompt else {
        panic!("it is not persisted");
    };
    let answered = Answered {
        request: persisted.request,
        prepared: persisted.prepared,
        answered: persisted.answered,
        callback: Tries::default(),
        fallback: None,
        prepared_again: 0,
    };
    assert_eq!(answered.provisional_answer(), json!({ "score": 4 }));
}

#[test]
fn a_second_tab_that_acknowledges_causes_nothing() {
    let life = [persisted_life(), vec![delivered()]].concat();
    given(life).when(acknowledge()).then_nothing();
}

#[test]
fn the_same_request_again_causes_nothing_and_another_is_refused() {
    let again = Command::Request(request());
    given([requested()]).when(again).then_nothing();
    let mut other = request();
    other.input = Arc::new(json!({}));
    given([requested()])
        .when(Command::Request(other))
        .then_rejected(Rejection::AlreadyRequested);
}

#[test]
fn the_same_request_again_causes_nothing_even_after_a_redrive() {
    let life = [
        requested(),
        failed(Stage::PreProcess),
        redriven(deadlines_from(99)),
    ];
    given(life).when(Command::Request(request())).then_nothing();
}

#[test]
fn another_answer_than_the_recorded_one_is_refused() {
    let mut other = answer(1);
    other.content = "Redo it.".into();
    given([in_flight(), vec![answered(1)]].concat())
        .when(Command::RecordAnswer(other))
        .then_rejected(Rejection::WrongState {
            command: "RecordAnswer",
            state: StateName::Answered,
        });
}

#[test]
fn an_answer_of_an_earlier_attempt_comes_too_late() {
    let life = [
        in_flight(),
        vec![wait(1, AttemptErrorKind::Timeout), sent(2)],
    ]
    .concat();
    given(life)
        .when(Command::RecordAnswer(answer(1)))
        .then_rejected(Rejection::WrongAttempt { given: 1, due: 2 });
}

#[test]
fn an_attempt_number_can_neither_be_skipped_nor_repeated() {
    for attempt in [0, 1, 3] {
        given([in_flight(), vec![wait(1, AttemptErrorKind::Server)]].concat())
            .when(send_to("gpt-x", attempt))
            .then_rejected(Rejection::WrongAttempt {
                given: attempt,
                due: 2,
            });
    }
}

#[test]
fn a_transient_error_is_retried_after_the_backoff() {
    given(in_flight())
        .when(fail_attempt(
            1,
            attempt_error(AttemptErrorKind::Server),
            at(10),
        ))
        .then([attempt_failed(1, AttemptErrorKind::Server, Some(at(11)))]);
}

#[test]
fn the_last_try_that_fails_fails_the_ticket() {
    let kind = AttemptErrorKind::Server;
    given(
        [
            in_flight(),
            vec![wait(1, kind), sent(2), wait(2, kind), sent(3)],
        ]
        .concat(),
    )
    .when(fail_attempt(3, attempt_error(kind), at(10)))
    .then_failed(
        Stage::Model,
        "attempts_exhausted",
        "attempt 3: the model's server said no",
    );
}

#[test]
fn an_interruption_does_not_count_against_the_retry_limit() {
    let mut life = in_flight();
    for attempt in 1..=10 {
        life.push(wait(attempt, AttemptErrorKind::Interrupted));
        life.push(sent(attempt + 1));
    }
    let TicketState::Sent(sent) = given(&life).state() else {
        panic!("the ticket is not at the model");
    };
    assert_eq!((sent.attempt, sent.failures), (11, 0));
    given(life)
        .when(Command::Resume { now: at(9) })
        .then_kinds(&["AttemptFailed"]);
}

#[test]
fn a_thousand_interruptions_end_the_ticket() {
    let mut life = in_flight();
    for attempt in 1..1_000 {
        life.push(wait(attempt, AttemptErrorKind::Interrupted));
        life.push(sent(attempt + 1));
    }
    given(life)
        .when(Command::Resume { now: at(9) })
        .then_kinds(&["AttemptFailed", "TicketFailed"]);
}

#[test]
fn retry_after_is_obeyed_within_the_deadline() {
    let state = given(in_flight())
        .when(fail_attempt(1, asked_to_wait(30_000), at(10)))
        .then_kinds(&["AttemptFailed"]);
    assert_eq!(
        next_effect(&state),
        Some(Effect::Send {
            attempt: 2,
            model: "gpt-x".to_owned(),
            not_before: Some(at(40)),
        })
    );
}

#[test]
fn a_retry_that_would_pass_the_deadline_fails_the_ticket() {
    for ms in [50_000, u64::MAX] {
        given(in_flight())
            .when(fail_attempt(1, asked_to_wait(ms), at(10)))
            .then_failed(
                Stage::Model,
                "no_time_for_retry",
                "attempt 1: the model's server said no",
            );
    }
}

#[test]
fn permanent_errors_fail_the_ticket_at_once_with_their_code() {
    use AttemptErrorKind as K;
    for (kind, code) in [
        (K::TooLarge, "answer_too_large"),
        (K::QuotaExceeded, "model_quota_exceeded"),
        (K::Unauthorized, "model_unauthorized"),
        (K::InvalidRequest, "model_refused_request"),
        (K::ContentFiltered, "content_filtered"),
    ] {
        given(in_flight())
            .when(fail_attempt(1, attempt_error(kind), at(1)))
            .then_failed(Stage::Model, code, "attempt 1: the model's server said no");
    }
    for (kind, code) in [
        (CallbackErrorKind::Refused, "refused_by_callback"),
        (CallbackErrorKind::Gone, "callback_gone"),
        (CallbackErrorKind::Forbidden, "callback_address_forbidden"),
    ] {
        given([requested()])
            .when(fail_callback(
                CallbackKind::PreProcess,
                1,
                callback_error(kind),
                at(1),
            ))
            .then_failed(Stage::PreProcess, code, "the tenant's API said no");
    }
}

#[test]
fn stop_keeps_the_text_and_void_does_not() {
    given(in_flight())
        .when(cancel(CancelMode::Stop, Some("Well d")))
        .then([cancelled(CancelMode::Stop, Some("Well d"))]);
    given(in_flight())
        .when(cancel(CancelMode::Void, Some("Well d")))
        .then([cancelled(CancelMode::Void, None)]);
}

#[test]
fn stop_keeps_what_the_tenant_put_in_the_answers_place() {
    let replaced = TicketEvent::TicketPersisted(TicketPersisted {
        answer: Some(Arc::new(json!("Removed."))),
        call: None,
    });
    given([in_flight(), vec![answered(1), replaced]].concat())
        .when(cancel(CancelMode::Stop, None))
        .then([cancelled(CancelMode::Stop, Some("Removed."))]);
}

#[test]
fn a_ticket_expires_at_its_deadline_with_the_stages_message() {
    let life = persisted_life();
    for (events, deadline, stage, code, message) in [
        (
            1,
            60,
            Stage::PreProcess,
            "deadline_exceeded",
            "the request was not prepared",
        ),
        (
            3,
            60,
            Stage::Model,
            "deadline_exceeded",
            "the model did not answer",
        ),
        (
            4,
            600,
            Stage::Persist,
            "deadline_exceeded",
            "the answer was not persisted",
        ),
        (
            5,
            3_600,
            Stage::Deliver,
            "undelivered",
            "nobody took the answer",
        ),
    ] {
        let expire = |now| Command::Expire { now };
        given(&life[..events])
            .when(expire(at(deadline - 1)))
            .then_nothing();
        let message = format!("{message} by {}", at(deadline));
        given(&life[..events])
            .when(expire(at(deadline)))
            .then_failed(stage, code, &message);
    }
}

#[test]
fn a_redrive_goes_on_numbering_attempts_and_gives_fresh_tries() {
    let kind = AttemptErrorKind::Server;
    let life = vec![wait(1, kind), sent(2), wait(2, kind), failed(Stage::Model)];
    let state = given([in_flight(), life].concat())
        .when(redrive(deadlines_from(5_000), at(5_000)))
        .then([redriven(deadlines_from(5_000))]);
    let TicketState::Sent(sent) = &state else {
        panic!("the ticket is not back at the model");
    };
    assert_eq!((sent.attempt, sent.failures), (2, 0));
    assert_eq!(state.deadline(), Some(deadlines_from(5_000).answer_by));
    assert!(matches!(
        next_effect(&state),
        Some(Effect::Send { attempt: 3, .. })
    ));
}

#[test]
fn a_redrive_from_the_request_prepares_anew_and_goes_on_numbering_attempts() {
    let life = [
        in_flight(),
        vec![answered(1), persisted(), failed(Stage::Deliver)],
    ]
    .concat();
    let state = given(&life)
        .when(redrive_from_requested(deadlines_from(5_000), at(5_000)))
        .then_kinds(&["TicketRedriven"]);
    assert_eq!(state.name(), StateName::Requested);
    assert_eq!((state.attempt(), state.attempts_made()), (0, 1));
    assert_eq!(state.prepared_again(), 1);
    assert_eq!(state.prepared(), None);
    assert_eq!(state.deadline(), Some(deadlines_from(5_000).answer_by));
    assert!(matches!(
        next_effect(&state),
        Some(Effect::PreProcess { callback: true, .. })
    ));
    let anew = [
        life,
        vec![
            redriven_from_requested(deadlines_from(5_000)),
            pre_processed(),
        ],
    ]
    .concat();
    assert!(matches!(
        next_effect(&given(&anew).state()),
        Some(Effect::Send { attempt: 2, .. })
    ));
    given(&anew)
        .when(send_to("gpt-x", 1))
        .then_rejected(Rejection::WrongAttempt { given: 1, due: 2 });
    given(&anew)
        .when(send_to("gpt-x", 2))
        .then_kinds(&["TicketSent"]);
}

#[test]
fn a_ticket_that_fails_while_it_is_prepared_anew_keeps_its_numbers_over_any_redrive() {
    let mut life = in_flight();
    life.extend([
        attempt_failed(1, AttemptErrorKind::Unauthorized, None),
        failed(Stage::Model),
        redriven_from_requested(deadlines_from(5_000)),
        failed(Stage::PreProcess),
        redriven(deadlines_from(9_000)),
        pre_processed(),
        failed(Stage::Model),
        redriven(deadlines_from(9_500)),
    ]);
    let state = given(&life).state();
    assert_eq!(state.name(), StateName::PreProcessed);
    assert_eq!((state.attempts_made(), state.prepared_again()), (1, 1));
    life.extend([
        failed(Stage::Model),
        redriven_from_requested(deadlines_from(9_900)),
    ]);
    let state = given(&life).state();
    assert_eq!((state.attempts_made(), state.prepared_again()), (1, 2));
}

#[test]
fn a_redrive_gives_room_for_a_thousand_interruptions_again() {
    let mut life = in_flight();
    for attempt in 1..1_000 {
        life.push(wait(attempt, AttemptErrorKind::Interrupted));
        life.push(sent(attempt + 1));
    }
    life.push(attempt_failed(1_000, AttemptErrorKind::Interrupted, None));
    life.extend([failed(Stage::Model), redriven(deadlines()), sent(1_001)]);
    let resume = || Command::Resume { now: at(9) };
    given(&life).when(resume()).then_kinds(&["AttemptFailed"]);
    for attempt in 1_001..2_000 {
        life.push(wait(attempt, AttemptErrorKind::Interrupted));
        life.push(sent(attempt + 1));
    }
    given(life)
        .when(resume())
        .then_kinds(&["AttemptFailed", "TicketFailed"]);
}

#[test]
fn a_redrive_needs_deadlines_in_order_and_in_the_future() {
    let broken = [in_flight(), vec![failed(Stage::Model)]].concat();
    let good = deadlines_from(5_000);
    let ask = |deadlines: Deadlines, now| given(&broken).when(redrive(deadlines, now));
    for deadlines in [
        Deadlines {
            answer_by: at(5_601),
            ..deadlines_from(5_000)
        },
        Deadlines {
            persist_by: at(9_000),
            ..deadlines_from(5_000)
        },
    ] {
        ask(deadlines, at(5_000)).then_rejected(Rejection::DeadlinesOutOfOrder);
    }
    for now in [at(5_060), at(9_999)] {
        ask(good.clone(), now).then_rejected(Rejection::DeadlinePassed(at(5_060)));
    }
    ask(good.clone(), at(5_059)).then_kinds(&["TicketRedriven"]);
    let all_at_once = Deadlines {
        persist_by: good.answer_by,
        deliver_by: good.answer_by,
        ..good
    };
    ask(all_at_once, at(5_000)).then_kinds(&["TicketRedriven"]);
}

#[test]
fn a_callback_failure_that_is_reported_twice_counts_once() {
    let fail = |try_number, kind| {
        let error = callback_error(kind);
        fail_callback(CallbackKind::PreProcess, try_number, error, at(1))
    };
    let once = given([requested()])
        .when(fail(1, CallbackErrorKind::Status))
        .then_kinds(&["CallbackFailed"]);
    let life = [
        requested(),
        TicketEvent::CallbackFailed(CallbackFailed {
            callback: CallbackKind::PreProcess,
            try_number: 1,
            error: callback_error(CallbackErrorKind::Status),
            retry_at: Some(at(2)),
            call: None,
        }),
    ];
    assert_eq!(once, given(&life).state());
    given(&life)
        .when(fail(1, CallbackErrorKind::Status))
        .then_nothing();
    for (given_try, kind) in [
        (0, CallbackErrorKind::Status),
        (1, CallbackErrorKind::Timeout),
        (3, CallbackErrorKind::Status),
    ] {
        given(&life)
            .when(fail(given_try, kind))
            .then_rejected(Rejection::WrongTry {
                given: given_try,
                due: 2,
            });
    }
    given(&life)
        .when(fail(2, CallbackErrorKind::Timeout))
        .then_kinds(&["CallbackFailed"]);
}

#[test]
fn a_failure_is_recorded_with_the_stage_the_ticket_is_in() {
    given(persisted_life())
        .when(Command::Fail(failure(Stage::Model)))
        .then([failed(Stage::Deliver)]);
}

fn scheduled(seconds: u64) -> TicketEvent {
    let not_before = Some(at(seconds));
    TicketEvent::TicketRequested(TicketRequested {
        not_before,
        ..request()
    })
}

#[test]
fn a_scheduled_ticket_owes_its_first_effect_from_its_own_time_on() {
    let failed = |seconds| {
        TicketEvent::CallbackFailed(CallbackFailed {
            callback: CallbackKind::PreProcess,
            try_number: 1,
            error: callback_error(CallbackErrorKind::Timeout),
            retry_at: Some(at(seconds)),
            call: None,
        })
    };
    for (history, wanted) in [
        (vec![requested()], None),
        (vec![scheduled(20)], Some(at(20))),
        (vec![scheduled(20), failed(10)], Some(at(20))),
        (vec![scheduled(20), failed(30)], Some(at(30))),
    ] {
        let owed = next_effect(&given(&history).state());
        let callback = true;
        let first = Effect::PreProcess {
            callback,
            not_before: wanted,
        };
        assert_eq!(owed, Some(first), "{history:?}");
    }
    let begun = given([scheduled(20), pre_processed()]).state();
    assert_eq!(begun.not_before(), None, "once begun, it is like any other");
    let owed = next_effect(&begun);
    assert!(matches!(
        owed,
        Some(Effect::Send {
            not_before: None,
            ..
        })
    ));
}

#[test]
fn a_scheduled_ticket_is_cancelled_before_its_time_and_a_redrive_does_not_wait_for_it() {
    let ended = given([scheduled(20)])
        .when(cancel(CancelMode::Void, None))
        .then_kinds(&["TicketCancelled"]);
    assert_eq!(next_effect(&ended), None);
    let failed = TicketEvent::TicketFailed(TicketFailed {
        failure: Failure {
            stage: Stage::PreProcess,
            code: "poison".to_owned(),
            message: "it crashes".to_owned(),
        },
    });
    let again = redriven(request().terms.deadlines);
    let state = given([scheduled(20), failed, again]).state();
    assert_eq!(
        (state.name(), state.not_before()),
        (StateName::Requested, None)
    );
}
