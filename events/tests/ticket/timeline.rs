//! What is told of a ticket's past: which steps it took, when, and how they ended.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use punchcard_events::Timestamp;
use punchcard_events::ticket::timeline::{Outcome, Step, StepName, Timeline, explain};
use punchcard_events::ticket::*;

use crate::golden;
use crate::samples::*;
use crate::strategies;

/// So many milliseconds after the request.
fn ms(milliseconds: u64) -> Timestamp {
    at(0).plus(Duration::from_millis(milliseconds))
}

/// A past whose events were recorded at these milliseconds.
#[track_caller]
fn past(events: impl IntoIterator<Item = (u64, TicketEvent)>) -> Vec<Happened> {
    let events = events.into_iter().map(|(time, event)| (ms(time), event));
    unfold(events).expect("a legal past")
}

#[track_caller]
fn told(events: impl IntoIterator<Item = (u64, TicketEvent)>, now: u64) -> Timeline {
    explain(&past(events), ms(now)).expect("there is a past")
}

/// A step in one line: `streaming #1 2310..3000 done`.
fn line(step: &Step) -> String {
    let name = step.step.as_str();
    let number = match (step.attempt, step.try_number) {
        (Some(number), _) | (None, Some(number)) => format!(" #{number}"),
        (None, None) => String::new(),
    };
    let ends = step.ends_ms.map(|ends| ends.to_string());
    let (begins, ends) = (step.begins_ms, ends.unwrap_or_default());
    format!("{name}{number} {begins}..{ends} {}", step.outcome.as_str())
}

fn lines(timeline: &Timeline) -> Vec<String> {
    timeline.steps.iter().map(line).collect()
}

/// What is said of each golden life when its events came a second apart and nothing happens after that
/// for half a second.
#[rustfmt::skip]
const LIVES: &[(&str, &[&str])] = &[
    ("delivered", &[
        "pre_process #1 0..1000 done",
        "model_queue #1 1000..2000 done",
        "first_token #1 2000..3000 failed",
        // It was sent two seconds after its time.
        "model_queue #2 3000..4000 done",
        "first_token #2 4000..4310 done",
        "streaming #2 4310..5000 done",
        "post_process #1 5000..6000 done",
        "delivery 6000..7000 done",
    ]),
    ("failed", &[
        "pre_process #1 0..1000 done",
        "model_queue #1 1000..2000 done",
        "first_token #1 2000..3000 failed",
    ]),
    ("cancelled", &[
        "pre_process #1 0..1000 done",
        "model_queue #1 1000..2000 done",
        "streaming #1 2000..3000 failed",
    ]),
    ("redriven", &[
        "pre_process #1 0..1000 done",
        "model_queue #1 1000..2000 done",
        "first_token #1 2000..3000 failed",
        // It failed at 4000; the pause until the redrive at 5000 is no step.
        "model_queue #2 5000..6000 done",
        "first_token #2 6000..6310 done",
        "streaming #2 6310..7000 done",
        "post_process #1 7000..8000 done",
        "delivery 8000..9000 done",
    ]),
    ("fallbacks", &[
        "pre_process #1 0..1000 done",
        "model_queue #1 1000..2000 done",
        "first_token #1 2000..3000 failed",
        "model_queue #2 3000..4000 done",
        "first_token #2 4000..5000 failed",
        "model_queue #3 5000..6000 done",
        "first_token #3 6000..7000 failed",
        "model_queue #4 7000..8000 done",
        "first_token #4 8000..8310 done",
        "streaming #4 8310..9000 done",
        "post_process #1 9000..10000 done",
        "delivery 10000..11000 done",
    ]),
    ("breaker_open", &[
        "pre_process #1 0..1000 done",
        "model_queue #1 1000..2000 done",
        "first_token #1 2000..3000 failed",
        "retry_wait #2 3000.. waiting",
    ]),
    ("redriven_anew", &[
        "pre_process #1 0..1000 done",
        "model_queue #1 1000..2000 done",
        "first_token #1 2000..2310 done",
        "streaming #1 2310..3000 done",
        "post_process #1 3000..4000 failed",
        // It is prepared anew; attempts go on counting, tries of callbacks do not.
        "pre_process #1 5000..6000 done",
        "model_queue #2 6000..7000 done",
        "first_token #2 7000..7310 done",
        "streaming #2 7310..8000 done",
        "post_process #1 8000..9000 done",
        "delivery 9000..10000 done",
    ]),
    ("failed_anew", &[
        "pre_process #1 0..1000 done",
        "model_queue #1 1000..2000 done",
        "first_token #1 2000..2310 done",
        "streaming #1 2310..3000 done",
        "post_process #1 3000..4000 failed",
        // It is prepared anew; attempts go on counting, tries of callbacks do not.
        "pre_process #1 5000..6000 done",
        "model_queue #2 6000..7000 done",
        "first_token #2 7000..7310 done",
        "streaming #2 7310..8000 done",
        "post_process #1 8000..9000 failed",
    ]),
    ("fork", &[
        "pre_process 0..1000 done",
        "model_queue #1 1000..2000 done",
        "first_token #1 2000..2310 done",
        "streaming #1 2310..3000 done",
        "post_process 3000..4000 done",
        "delivery 4000..5000 done",
    ]),
    ("by_canary", &[
        "pre_process #1 0..1000 done",
        "model_queue #1 1000..2000 done",
        "first_token #1 2000..2310 done",
        "streaming #1 2310..3000 done",
        "post_process #1 3000..4000 done",
        "delivery 4000..5000 done",
    ]),
];

#[test]
fn every_golden_life_is_told_step_by_step() {
    let lives = golden::lives();
    assert_eq!(lives.len(), LIVES.len(), "a life is not told");
    for (name, events) in lives {
        let events = (0..).step_by(1_000).zip(events);
        let now = 1_000 * events.clone().count() as u64 - 500;
        let expected = LIVES.iter().find(|(known, _)| *known == name);
        let (_, expected) = expected.unwrap_or_else(|| panic!("{name} is not told"));
        assert_eq!(lines(&told(events, now)), *expected, "{name}");
    }
}

#[test]
fn a_wait_for_a_time_is_a_step_and_so_is_what_follows_it() {
    let life = |now| {
        let failed = |number, retry_at| {
            TicketEvent::CallbackFailed(CallbackFailed {
                callback: CallbackKind::PreProcess,
                try_number: number,
                error: callback_error(CallbackErrorKind::Timeout),
                retry_at: Some(retry_at),
                call: Some(call_made(number, None)),
            })
        };
        let events = [
            (3, requested_for_later()),
            (20_100, failed(1, ms(22_100))),
            (22_200, failed(2, ms(26_200))),
        ];
        lines(&told(events, now))
    };
    let until_then = [
        "scheduled #1 0..20000 done",
        "pre_process #1 20000..20100 failed",
        "retry_wait #2 20100..22100 done",
        "pre_process #2 22100..22200 failed",
    ];
    let waiting = [&until_then[..], &["retry_wait #3 22200.. waiting"]].concat();
    let running = [
        "retry_wait #3 22200..26200 done",
        "pre_process #3 26200.. running",
    ];
    assert_eq!(life(26_199), waiting);
    assert_eq!(life(26_200), [&until_then[..], &running].concat());
}

#[test]
fn what_goes_on_now_is_waiting_or_running() {
    let begun = [
        requested(),
        pre_processed(),
        sent(1),
        answered(1),
        persisted(),
    ];
    let going_on = [
        "pre_process #1 0.. running",
        "model_queue #1 10.. waiting",
        "first_token #1 20.. running",
        "post_process #1 30.. running",
        "delivery 40.. waiting",
    ];
    for (count, expected) in (1..).zip(going_on) {
        let events = (0..).step_by(10).zip(begun[..count].to_vec());
        let timeline = told(events, 1_000);
        assert_eq!(timeline.steps.last().map(line).as_deref(), Some(expected));
        assert_eq!((timeline.ended_at, timeline.total_ms), (None, 1_000));
    }
}

#[test]
fn text_that_comes_now_makes_the_call_under_way_a_streaming_one() {
    let events = [(0, requested()), (1, pre_processed()), (2, sent(1))];
    let mut timeline = told(events, 10);
    timeline.text_comes(2);
    assert_eq!(
        lines(&timeline).last().map(String::as_str),
        Some("first_token #1 2.. running")
    );
    timeline.text_comes(1);
    assert_eq!(
        lines(&timeline).last().map(String::as_str),
        Some("streaming #1 2.. running")
    );
}

#[test]
fn a_ticket_that_asks_nobody_but_the_model_has_no_steps_for_hooks() {
    let mut request = request();
    (request.terms.pre_process, request.terms.post_process) = (false, false);
    let events = [
        (0, TicketEvent::TicketRequested(request.clone())),
        (0, pre_processed()),
        (0, sent(1)),
        (900, answered(1)),
        (900, persisted()),
        (905, delivered()),
    ];
    let expected = [
        "model_queue #1 0..0 done",
        "first_token #1 0..210 done",
        "streaming #1 210..900 done",
        "delivery 900..905 done",
    ];
    let timeline = told(events, 2_000);
    assert_eq!(lines(&timeline), expected);
    assert!(timeline.callbacks.is_empty(), "{:?}", timeline.callbacks);
    // A prompt that cannot be rendered is worth telling, however fast that was found.
    let failed = [
        (0, TicketEvent::TicketRequested(request)),
        (0, failed(Stage::PreProcess)),
    ];
    assert_eq!(lines(&told(failed, 5)), ["pre_process 0..0 failed"]);
}

#[test]
fn a_deadline_cuts_short_whatever_went_on() {
    let begun = [(0, requested()), (10, pre_processed()), (20, sent(1))];
    let deadline = (60_000, failed(Stage::Model));
    for (more, expected) in [
        (vec![], "first_token #1 20..60000 failed"),
        (
            vec![(
                30,
                attempt_failed(1, AttemptErrorKind::Server, Some(ms(50_000))),
            )],
            "model_queue #2 50000..60000 failed",
        ),
        (
            vec![(
                30,
                attempt_failed(1, AttemptErrorKind::Server, Some(ms(70_000))),
            )],
            "retry_wait #2 30..60000 failed",
        ),
    ] {
        let events = begun.iter().cloned().chain(more).chain([deadline.clone()]);
        let timeline = told(events, 90_000);
        let last = timeline.steps.last().expect("a step");
        assert_eq!(line(last), expected);
        assert_eq!(last.note.as_deref(), Some("it crashed three times"));
        assert_eq!(timeline.total_ms, 60_000);
        let failure = timeline.failure.expect("why it failed");
        assert_eq!(failure.code, "poison");
        let attempt = &timeline.attempts[0];
        assert_eq!(attempt.outcome, Outcome::Failed);
        assert!(attempt.ended_at.is_some());
    }
}

#[test]
fn the_time_that_was_spent_is_added_up_by_what_it_was_spent_on() {
    let events = (0..).step_by(1_000).zip(golden_life("delivered"));
    let timeline = told(events, 9_000);
    let spent: Vec<_> = timeline.spent.iter().map(|s| (s.step, s.ms)).collect();
    let expected = [
        (StepName::ModelQueue, 2_000),
        (StepName::FirstToken, 1_310),
        (StepName::PreProcess, 1_000),
        (StepName::PostProcess, 1_000),
        (StepName::Delivery, 1_000),
        (StepName::Streaming, 690),
    ];
    assert_eq!(spent, expected);
    assert_eq!(
        spent.iter().map(|(_, ms)| ms).sum::<u64>(),
        timeline.total_ms
    );
}

#[test]
fn attempts_are_told_with_their_errors_and_what_they_used() {
    let events = (0..).step_by(1_000).zip(golden_life("fallbacks"));
    let attempts = told(events, 20_000).attempts;
    let models: Vec<_> = attempts
        .iter()
        .map(|a| (a.attempt, a.model.as_str()))
        .collect();
    assert_eq!(
        models,
        [(1, "gpt-x"), (2, "gpt-x"), (3, "gpt-y"), (4, "gpt-z")]
    );
    let kinds = attempts.iter().map(|a| a.error.as_ref().map(|e| e.kind));
    use AttemptErrorKind as K;
    let expected = [
        Some(K::Server),
        Some(K::Unauthorized),
        Some(K::TooLarge),
        None,
    ];
    assert_eq!(kinds.collect::<Vec<_>>(), expected);
    let answered = &attempts[3];
    assert_eq!(answered.outcome, Outcome::Done);
    assert_eq!(
        (answered.first_token_ms, answered.total_ms),
        (Some(210), Some(900))
    );
    assert_eq!(answered.usage.map(|u| u.prompt_tokens), Some(120));
    assert_eq!(
        answered.fallback.as_ref().map(|f| f.from.as_str()),
        Some("gpt-y")
    );
    assert_eq!(
        (attempts[0].first_token_ms, attempts[0].total_ms),
        (None, Some(1_000))
    );
    assert_eq!(attempts[0].retry_at, Some(at(2)));
}

#[test]
fn callbacks_are_told_as_they_were_measured_and_for_what_they_were_called() {
    let events = [
        (0, requested()),
        (100, callback_failed_measured()),
        (2_100, pre_processed_by_call()),
        (2_200, sent(1)),
        (3_100, answered(1)),
        (3_200, persisted_by_call()),
    ];
    let callbacks = told(events, 4_000).callbacks;
    let [first, second, third] = callbacks.as_slice() else {
        panic!("{callbacks:?}");
    };
    assert_eq!(
        (first.try_number, first.outcome, first.status),
        (1, Outcome::Failed, None)
    );
    assert_eq!((first.waited_ms, first.took_ms), (Some(15), Some(85)));
    assert_eq!((first.at, first.retry_at), (ms(15), Some(at(2))));
    assert_eq!((second.try_number, second.outcome), (2, Outcome::Done));
    assert_eq!(second.status, Some(200));
    assert_eq!(second.replaced, prepared().input);
    assert_eq!(second.called_for.name(), StateName::Requested);
    assert_eq!(
        (third.callback, third.try_number),
        (CallbackKind::PostProcess, 1)
    );
    assert_eq!(third.called_for.name(), StateName::Answered);
    assert_eq!(third.replaced, None);
}

#[test]
fn a_call_that_was_not_measured_is_told_all_the_same() {
    let events = (0..).step_by(1_000).zip(golden_life("delivered"));
    let callbacks = told(events, 9_000).callbacks;
    let [first, second] = callbacks.as_slice() else {
        panic!("{callbacks:?}");
    };
    for (callback, at) in [(first, ms(1_000)), (second, ms(6_000))] {
        assert_eq!((callback.try_number, callback.outcome), (1, Outcome::Done));
        assert_eq!(
            (callback.waited_ms, callback.took_ms, callback.status),
            (None, None, None)
        );
        assert_eq!(callback.at, at);
    }
}

#[test]
fn the_chain_says_where_a_ticket_came_from() {
    let events = (0..).step_by(1_000).zip(golden_life("redriven"));
    let chain = told(events, 20_000).chain;
    assert_eq!(chain.idempotency_key.as_deref(), Some("submit-42"));
    assert!(
        chain
            .traceparent
            .is_some_and(|trace| trace.starts_with("00-4bf92f35"))
    );
    let redrives: Vec<_> = chain
        .redrives
        .iter()
        .map(|r| (r.by.as_str(), r.at))
        .collect();
    assert_eq!(redrives, [("admin", ms(5_000))]);
    assert!(!chain.conversation);
    let batch = told([(0, requested_for_later())], 1).chain.batch;
    assert_eq!(batch.map(|line| line.line), Some(17));
    assert!(
        told([(0, requested_as_conversation())], 1)
            .chain
            .conversation
    );
}

#[test]
fn nothing_is_told_of_nothing() {
    assert_eq!(explain(&[], ms(5)), None);
}

#[test]
fn a_clock_that_goes_back_makes_no_step_end_before_it_begins() {
    let events = [
        (50, requested()),
        (40, pre_processed()),
        (90, sent(1)),
        (20, answered(1)),
        (95, persisted()),
    ];
    let expected = [
        "pre_process #1 0..50 done",
        "model_queue #1 50..90 done",
        "first_token #1 90..90 done",
        "streaming #1 90..90 done",
        "post_process #1 90..95 done",
        "delivery 95.. waiting",
    ];
    let timeline = told(events, 0);
    assert_eq!(lines(&timeline), expected);
    assert_eq!((timeline.now_ms, timeline.total_ms), (95, 95));
}

fn golden_life(name: &str) -> Vec<TicketEvent> {
    let life = golden::lives()
        .into_iter()
        .find(|(known, _)| *known == name);
    life.expect("a golden life").1
}

/// The same life with random times, which may go back. What is decided together is recorded together.
fn timed(events: &[TicketEvent], times: &[u32]) -> Vec<(Timestamp, TicketEvent)> {
    let mut time = ms(0);
    let mut is_the_last_try = false;
    let each = events
        .iter()
        .zip(times.iter().cycle())
        .map(|(event, random)| {
            if !is_the_last_try {
                time = match random % 8 {
                    0 => Timestamp::from_millis(
                        time.as_millis().saturating_sub(u64::from(random % 3_000)),
                    ),
                    _ => time.plus(Duration::from_millis(u64::from(random % 20_000))),
                };
            }
            is_the_last_try = matches!(
                event,
                TicketEvent::AttemptFailed(AttemptFailed { retry_at: None, .. })
                    | TicketEvent::CallbackFailed(CallbackFailed { retry_at: None, .. })
            );
            (time, event.clone())
        });
    each.collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn the_steps_of_any_life_follow_one_another_without_a_hole(
        life in strategies::lives(), times in vec(any::<u32>(), 1..32), later in 0_u64..100_000,
    ) {
        let past = unfold(timed(&life.events, &times)).expect("a legal life");
        let last = past.last().expect("a request");
        let timeline = explain(&past, last.at.plus(Duration::from_millis(later))).expect("told");
        let ended = last.state.name().is_terminal();
        let redriven = timeline.chain.redrives.len();
        let (mut until, mut pauses) = (Some(0), 0);
        for step in &timeline.steps {
            let before = until.expect("only the last step goes on");
            prop_assert!(step.begins_ms >= before, "{:?}", lines(&timeline));
            pauses += usize::from(step.begins_ms > before);
            prop_assert!(step.ends_ms.is_none_or(|ends| ends >= step.begins_ms));
            prop_assert!(step.ends_ms.unwrap_or(step.begins_ms) <= timeline.total_ms);
            let goes_on = matches!(step.outcome, Outcome::Waiting | Outcome::Running);
            prop_assert_eq!(step.ends_ms.is_none(), goes_on);
            until = step.ends_ms;
        }
        prop_assert!(pauses <= redriven, "a hole: {:?}", lines(&timeline));
        prop_assert_eq!(until.is_some(), ended, "{:?}", lines(&timeline));
        prop_assert_eq!(until.unwrap_or(timeline.total_ms), timeline.total_ms);
        let spent: u64 = timeline.spent.iter().map(|share| share.ms).sum();
        prop_assert!(spent <= timeline.total_ms);
        let sent = life.events.iter().filter(|e| matches!(e, TicketEvent::TicketSent(_))).count();
        prop_assert_eq!(timeline.attempts.len(), sent);
        let running = timeline.attempts.iter().filter(|a| a.ended_at.is_none()).count();
        let in_flight = matches!(&last.state, TicketState::Sent(s) if s.status == AttemptStatus::InFlight);
        prop_assert_eq!(running, usize::from(in_flight));
    }

    #[test]
    fn what_was_told_of_a_life_stays_told_when_it_goes_on(
        life in strategies::lives(), times in vec(any::<u32>(), 1..32),
    ) {
        let past = unfold(timed(&life.events, &times)).expect("a legal life");
        let now = past.last().expect("a request").at;
        let whole = explain(&past, now).expect("told");
        for count in 1..=past.len() {
            let (before, _) = past.split_at(count);
            // The state is the one that a replay of the events up to there gives.
            let replayed = replay(&life.events[..count]).expect("a legal life");
            let state = &before.last().expect("an event").state;
            prop_assert_eq!(state.fingerprint(), replayed.fingerprint());
            prop_assert_eq!(state, &replayed);
            let then = explain(before, ms(0)).expect("told");
            let over: Vec<_> = then.steps.iter().filter(|step| step.ends_ms.is_some()).collect();
            prop_assert_eq!(&over[..], &whole.steps.iter().take(over.len()).collect::<Vec<_>>()[..]);
        }
    }
}
