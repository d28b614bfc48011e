//! What holds for every life a ticket can have.

use std::borrow::Cow;

use proptest::prelude::*;
use punchcard_events::ticket::*;
use punchcard_events::{EventId, NewEvent, Revision, Timestamp};
use uuid::Uuid;

use crate::samples;
use crate::strategies::{Life, events, lives};

/// `TicketX` may only come after the one before it.
const ORDER: [&str; 6] = [
    "TicketRequested",
    "TicketPreProcessed",
    "TicketSent",
    "TicketAnswered",
    "TicketPersisted",
    "TicketDelivered",
];

proptest! {
    // Enough to reach every state many times over (see the last test), in a few seconds.
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_replay_gives_the_state_that_was_lived(life in lives()) {
        let replayed = replay(&life.events);
        prop_assert_eq!(replayed.as_ref(), Ok(&life.state));
    }

    #[test]
    fn a_replay_of_what_was_stored_gives_the_state_and_fingerprint_that_were_lived(life in lives()) {
        let stored: Vec<_> = life.events.iter().map(|event| decoded(&encoded(event))).collect();
        for _ in 0..2 {
            let replayed = replay(&stored).expect("a stored life is legal");
            prop_assert_eq!(&replayed, &life.state);
            prop_assert_eq!(replayed.fingerprint(), life.state.fingerprint());
        }
    }

    #[test]
    fn every_prefix_of_a_life_is_legal_and_owes_something_exactly_while_open(life in lives()) {
        for end in 0..=life.events.len() {
            let state = replay(&life.events[..end]).expect("a prefix is legal");
            let open = end > 0 && !state.name().is_terminal();
            prop_assert_eq!(next_effect(&state).is_some(), open);
            prop_assert_eq!(state.deadline().is_some(), open);
            prop_assert_eq!(state.stage().is_some(), open);
            let shown = matches!(state.name(), StateName::Persisted | StateName::Delivered);
            prop_assert_eq!(state.final_answer().is_some(), shown);
        }
    }

    #[test]
    fn nothing_is_owed_before_its_time_and_only_a_redrive_forgets_it(life in lives()) {
        let Some(TicketEvent::TicketRequested(first)) = life.events.first() else {
            return Ok(());
        };
        let mut state = TicketState::Unrequested;
        let mut asked = first.not_before;
        for event in &life.events {
            state = evolve(state, event);
            if matches!(event, TicketEvent::TicketRedriven(_)) {
                asked = None;
            }
            if let Some(Effect::PreProcess { not_before, .. }) = next_effect(&state) {
                prop_assert!(not_before >= asked);
                prop_assert_eq!(state.not_before(), asked);
            } else {
                prop_assert_eq!(state.not_before(), None);
            }
        }
    }

    #[test]
    fn a_fork_calls_nobody_sends_what_it_was_made_with_and_is_kept_once_it_is_answered(life in lives()) {
        let mut state = TicketState::Unrequested;
        for (at, event) in life.events.iter().enumerate() {
            state = evolve(state, event);
            let Some(fork) = state.request().and_then(|request| request.fork.clone()) else {
                prop_assert_ne!(event, &samples::kept(), "only a fork is kept");
                continue;
            };
            match next_effect(&state) {
                Some(Effect::PreProcess { callback, .. } | Effect::PostProcess { callback, .. }) => {
                    prop_assert!(!callback);
                }
                Some(Effect::Deliver) => {
                    // Never as the last event of what was decided at once.
                    let next = life.events.get(at + 1).map(TicketEvent::kind);
                    prop_assert_eq!(next, Some("TicketDelivered"));
                }
                Some(Effect::Send { .. } | Effect::CallModel { .. }) | None => {}
            }
            if let Some(prepared) = state.prepared() {
                prop_assert_eq!(&**prepared, &fork.prepared);
            }
            if let TicketEvent::TicketDelivered(delivered) = event {
                prop_assert_eq!(delivered.channel, Channel::Kept);
                prop_assert_eq!(&delivered.acknowledged_by, "planner");
            }
        }
    }

    #[test]
    fn each_step_of_a_life_comes_after_the_one_before_it(life in lives()) {
        let kinds: Vec<_> = life.events.iter().map(TicketEvent::kind).collect();
        for (at, kind) in kinds.iter().enumerate() {
            if let Some(step @ 1..) = ORDER.iter().position(|name| name == kind) {
                prop_assert!(kinds[..at].contains(&ORDER[step - 1]), "{:?}", kinds);
            }
        }
    }

    #[test]
    fn a_life_ends_once_and_only_a_redrive_opens_it_again(life in lives()) {
        let mut ended = false;
        for event in &life.events {
            let redriven = matches!(event, TicketEvent::TicketRedriven(_));
            prop_assert_eq!(ended, redriven, "{}", event.kind());
            ended = matches!(
                event,
                TicketEvent::TicketFailed(_)
                    | TicketEvent::TicketCancelled(_)
                    | TicketEvent::TicketDelivered(_)
            );
        }
        prop_assert_eq!(ended, life.state.name().is_terminal());
    }

    #[test]
    fn attempts_are_numbered_one_by_one_over_the_whole_life(life in lives()) {
        let sent = life.events.iter().filter_map(|event| match event {
            TicketEvent::TicketSent(sent) => Some(sent.attempt),
            _ => None,
        });
        let sent: Vec<_> = sent.collect();
        let counted: Vec<_> = (1..).take(sent.len()).collect();
        prop_assert_eq!(sent, counted);
    }

    #[test]
    fn no_more_tries_fail_than_the_terms_allow(life in lives()) {
        let mut state = TicketState::Unrequested;
        for event in &life.events {
            state = evolve(state, event);
            match &state {
                TicketState::Sent(s) => {
                    prop_assert!(s.failures <= s.request.terms.model_retry.max_tries);
                    prop_assert!(s.earlier_attempts <= s.attempt);
                }
                TicketState::Requested(Requested { request, callback, .. })
                | TicketState::Answered(Answered { request, callback, .. }) => {
                    prop_assert!(callback.failed <= request.terms.callback_retry.max_tries);
                }
                _ => {}
            }
        }
    }

    #[test]
    fn models_are_asked_in_their_order_and_never_again_until_a_redrive(life in lives()) {
        let mut state = TicketState::Unrequested;
        let mut turn = 0;
        for event in &life.events {
            state = evolve(state, event);
            if matches!(event, TicketEvent::TicketRedriven(_)) {
                turn = 0;
            }
            let (Some(request), Some(prepared)) = (state.request(), state.prepared()) else {
                continue;
            };
            let fallbacks = request.terms.fallback_models.iter();
            let order: Vec<_> = std::iter::once(&prepared.model).chain(fallbacks).collect();
            let asked = match event {
                TicketEvent::TicketSent(sent) => Some((&sent.model, sent.fallback.as_ref())),
                _ => None,
            };
            if let Some((model, fallback)) = asked {
                let place = order.iter().position(|named| *named == model);
                prop_assert!(place.is_some_and(|place| place >= turn), "{model} after {turn}");
                turn = place.unwrap_or_default();
                prop_assert_eq!(fallback.is_some(), turn > 0, "a fallback says why");
                let from = fallback.map(|why| order.iter().position(|m| **m == why.from));
                prop_assert!(from.is_none_or(|from| from < Some(turn)), "it comes from before");
                prop_assert_eq!(state.model(), Some(model.as_str()));
            }
            if let Some(Effect::Send { model, .. }) = next_effect(&state) {
                let due = order.iter().position(|named| **named == model);
                prop_assert!(due >= Some(turn), "the next is not one that was left");
                prop_assert_eq!(state.models_in_turn()[0], model);
            }
        }
    }

    #[test]
    fn a_model_has_no_more_tries_than_the_terms_allow(life in lives()) {
        let mut state = TicketState::Unrequested;
        let mut counted = std::collections::HashMap::new();
        for event in &life.events {
            let model = state.model().unwrap_or_default().to_owned();
            state = evolve(state, event);
            match event {
                TicketEvent::TicketRedriven(_) => counted.clear(),
                TicketEvent::AttemptFailed(failed) => {
                    let counts = failed.error.kind != AttemptErrorKind::Interrupted;
                    let tries = counted.entry(model).or_insert(0);
                    *tries += u32::from(counts);
                    let most = state.request().expect("a request").terms.model_retry.max_tries;
                    prop_assert!(*tries <= most, "{tries} of {most}");
                }
                _ => {}
            }
        }
    }

    #[test]
    fn no_next_try_is_due_at_or_after_the_deadline(life in lives()) {
        let mut state = TicketState::Unrequested;
        for event in &life.events {
            let (TicketEvent::AttemptFailed(AttemptFailed { retry_at, .. })
            | TicketEvent::CallbackFailed(CallbackFailed { retry_at, .. })) = event
            else {
                state = evolve(state, event);
                continue;
            };
            prop_assert!(retry_at.is_none_or(|at| Some(at) < state.deadline()));
            state = evolve(state, event);
        }
    }

    #[test]
    fn the_ticket_list_agrees_with_the_state_after_every_event(life in lives()) {
        let id = "0192f0c0-0000-7000-8000-000000000001".parse().expect("an id");
        let (mut summary, mut state) = (None, TicketState::Unrequested);
        for (revision, event) in (0..).map(Revision).zip(&life.events) {
            state = evolve(state, event);
            let stored = new_event(event, revision);
            summary = TicketSummary::fold(summary, id, revision, &stored).expect("a body that fits");
            let line = summary.as_ref().expect("a ticket that was requested");
            prop_assert_eq!(line.state, state.name());
            prop_assert_eq!(line.attempt, state.attempt());
            prop_assert_eq!(line.revision, revision);
            prop_assert_eq!(line.deadline(), state.deadline());
            prop_assert_eq!(line.updated_at, stored.recorded_at);
            let failure = match &state {
                TicketState::Failed(failed) => Some((failed.failure.stage, failed.failure.code.clone())),
                _ => None,
            };
            prop_assert_eq!(line.failed_stage.zip(line.failure_code.clone()), failure);
        }
    }

    #[test]
    fn an_event_that_cannot_happen_changes_nothing(life in lives(), event in events()) {
        let evolved = evolve(life.state.clone(), &event);
        match apply(life.state.clone(), &event) {
            Ok(next) => prop_assert_eq!(evolved, next),
            Err(illegal) => {
                prop_assert_eq!(&illegal.state, &life.state);
                prop_assert_eq!(illegal.event, event.kind());
                prop_assert_eq!(evolved, life.state);
            }
        }
    }

    #[test]
    fn every_event_is_read_back_as_it_was_written(event in events()) {
        let body = encoded(&event);
        let read = decoded(&body);
        prop_assert_eq!(&read, &event);
        prop_assert_eq!(encoded(&read), body);
    }
}

#[test]
fn random_lives_reach_every_state_and_every_event() {
    use proptest::strategy::ValueTree as _;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut states, mut kinds, mut reasons) = (vec![], vec![], vec![]);
    for _ in 0..400 {
        let Life { events, state } = lives().new_tree(&mut runner).expect("a life").current();
        states.push(state.name());
        kinds.extend(events.iter().map(TicketEvent::kind));
        reasons.extend(events.iter().filter_map(|event| match event {
            TicketEvent::TicketSent(sent) => Some(sent.fallback.as_ref()?.reason),
            _ => None,
        }));
    }
    for reason in [FallbackReason::BreakerOpen, FallbackReason::Failed] {
        let times = reasons.iter().filter(|seen| **seen == reason).count();
        assert!(times >= 5, "{reason:?} only {times} times");
    }
    for name in StateName::ALL {
        assert!(states.contains(&name), "no life ends {}", name.as_str());
    }
    for (kind, _) in TicketEvent::KINDS {
        assert!(kinds.contains(kind), "no life has a {kind}");
    }
}

#[derive(PartialEq)]
struct Body(&'static str, u16, String);

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} v{}: {}", self.0, self.1, self.2)
    }
}

fn encoded(event: &TicketEvent) -> Body {
    let data = event.encode().expect("finite numbers");
    Body(event.kind(), event.schema_version(), data)
}

fn decoded(body: &Body) -> TicketEvent {
    TicketEvent::decode(body.0, body.1, &body.2).expect("what was written can be read")
}

fn new_event(event: &TicketEvent, revision: Revision) -> NewEvent {
    let Body(kind, schema_version, data) = encoded(event);
    NewEvent {
        id: EventId(Uuid::from_u128(u128::from(revision.0))),
        kind: Cow::Borrowed(kind),
        schema_version,
        tenant: samples::request().tenant,
        correlation_id: Uuid::nil(),
        causation_id: None,
        recorded_at: Timestamp::from_millis(revision.0),
        data,
    }
}
