//! Model calls that fail, and what becomes of their tickets.

use std::time::Duration;

use punchcard_actors::feed::{Frame, Progress};
use punchcard_actors::testing::memory_store::MemoryStore;
use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::{World, in_paused_time, time_passes};
use punchcard_events::ticket::{AttemptErrorKind, StateName, TicketEvent, TicketState};
use punchcard_events::{TicketId, Timestamp};

#[test]
fn a_new_attempt_is_a_new_generation_of_the_text() {
    in_paused_time(async {
        let world = World::new();
        let first = world.model.hold_next();
        let mut second = world.model.hold_next();
        let run = world.start().await;
        let ticket = run.issue("review").await;
        let mut progress = Progress::default();
        first.text("A bad ");
        let mut frames = progress.advance(&run.await_text(ticket, "A bad ").await);
        first.fail(AttemptErrorKind::Server);
        second.begun().await;
        second.text("A good one.");
        frames.extend(progress.advance(&run.await_text(ticket, "A good one.").await));
        second.complete();
        frames.extend(progress.advance(&run.await_state(ticket, StateName::Persisted).await));
        let told: Vec<_> = frames.iter().filter_map(text_or_generation).collect();
        assert_eq!(told, ["1:0 A bad ", "generation 2", "2:0 A good one."]);
        assert!(matches!(
            frames.last(),
            Some(Frame::Answer { generation: 2, .. })
        ));
        run.teardown().await;
    });
}

fn text_or_generation(frame: &Frame) -> Option<String> {
    match frame {
        Frame::Generation { generation, .. } => Some(format!("generation {generation}")),
        Frame::Text {
            generation,
            offset,
            text,
            ..
        } => Some(format!("{generation}:{offset} {text}")),
        Frame::State { .. }
        | Frame::Answer { .. }
        | Frame::Failed { .. }
        | Frame::Cancelled { .. }
        | Frame::Lost { .. } => None,
    }
}

#[test]
fn an_error_that_no_retry_helps_fails_the_ticket_at_once() {
    in_paused_time(async {
        for (kind, code) in [
            (AttemptErrorKind::QuotaExceeded, "model_quota_exceeded"),
            (AttemptErrorKind::ContentFiltered, "content_filtered"),
            (AttemptErrorKind::TooLarge, "answer_too_large"),
        ] {
            let world = World::new();
            world.model.next(Script::refuses(kind));
            let run = world.start().await;
            let ticket = run.issue("review").await;
            let news = run.await_state(ticket, StateName::Failed).await;
            assert_eq!(code_of(&news.state), code);
            assert_eq!(world.model.attempts_of(ticket), [1]);
            run.teardown().await;
        }
    });
}

#[test]
fn a_model_that_never_recovers_is_asked_as_often_as_the_terms_say() {
    in_paused_time(async {
        let world = World::new();
        world
            .model
            .always(Script::refuses(AttemptErrorKind::Connection));
        let run = world.start().await;
        let ticket = run.issue("review").await;
        let news = run.await_state(ticket, StateName::Failed).await;
        assert_eq!(code_of(&news.state), "attempts_exhausted");
        assert_eq!(world.model.attempts_of(ticket), [1, 2, 3, 4]);
        run.teardown().await;
    });
}

#[test]
fn a_stream_that_is_cut_and_an_answer_that_does_not_fit_are_tried_again() {
    in_paused_time(async {
        let world = World::new();
        world.task("review", |task| {
            task.check = std::sync::Arc::new(|text| match text {
                "{}" => Ok(()),
                _ => Err("the answer is not an object".to_owned()),
            });
        });
        world.model.next(Script::default().text(["{"]));
        world.model.next(Script::says(["[]"]));
        world.model.next(Script::says(["{", "}"]));
        let run = world.start().await;
        let ticket = run.issue("review").await;
        let news = run.await_state(ticket, StateName::Persisted).await;
        assert_eq!(news.state.attempt(), 3);
        let kinds = failures(&world.store, ticket);
        let kinds: Vec<_> = kinds.into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(
            kinds,
            [
                AttemptErrorKind::Incomplete,
                AttemptErrorKind::SchemaViolation
            ]
        );
        run.teardown().await;
    });
}

#[test]
fn an_answer_that_nobody_can_check_is_no_misfit_and_is_asked_for_again() {
    in_paused_time(async {
        let world = World::new();
        world.task("review", |task| {
            task.uncheckable = std::sync::Arc::new(1.into());
        });
        world.model.next(Script::says(["one"]));
        world.model.next(Script::says(["two"]));
        let run = world.start().await;
        let ticket = run.issue("review").await;
        let news = run.await_state(ticket, StateName::Persisted).await;
        assert_eq!(news.state.attempt(), 2);
        let kinds = failures(&world.store, ticket).into_iter();
        let kinds: Vec<_> = kinds.map(|(kind, _)| kind).collect();
        assert_eq!(kinds, [AttemptErrorKind::Server]);
        run.teardown().await;
    });
}

#[test]
fn a_ticket_waits_for_a_prompt_that_cannot_be_had_now() {
    in_paused_time(async {
        for callback in [false, true] {
            let world = World::new();
            world.task("review", |task| {
                task.pre_process = callback;
                task.unready = std::sync::Arc::new(5.into());
            });
            world.model.next(Script::says(["one"]));
            let run = world.start().await;
            let ticket = run.issue("review").await;
            run.await_state(ticket, StateName::Persisted).await;
            assert_eq!(world.model.attempts_of(ticket), [1]);
            run.teardown().await;
        }
    });
}

#[test]
fn the_servers_wish_to_be_left_alone_is_obeyed() {
    in_paused_time(async {
        let world = World::new();
        let pause = Duration::from_secs(90);
        world
            .model
            .next(Script::refuses_for(AttemptErrorKind::RateLimited, pause));
        let run = world.start().await;
        let begun = world.now();
        let ticket = run.issue("review").await;
        run.await_state(ticket, StateName::Persisted).await;
        let took = world.now().since(begun);
        assert!(
            took >= pause && took < pause + Duration::from_secs(1),
            "{took:?}"
        );
        run.teardown().await;
    });
}

#[test]
fn a_wish_beyond_the_deadline_fails_the_ticket_at_once() {
    in_paused_time(async {
        let world = World::new();
        let pause = Duration::from_hours(2);
        world
            .model
            .next(Script::refuses_for(AttemptErrorKind::RateLimited, pause));
        let run = world.start().await;
        let begun = world.now();
        let ticket = run.issue("review").await;
        let news = run.await_state(ticket, StateName::Failed).await;
        assert_eq!(code_of(&news.state), "no_time_for_retry");
        assert!(world.now().since(begun) < Duration::from_secs(1));
        run.teardown().await;
    });
}

#[test]
fn a_retry_survives_a_restart_and_keeps_its_time() {
    let store = MemoryStore::new();
    let pause = Duration::from_mins(30);
    let (ticket, stopped_at) = in_paused_time(async {
        let world = World::over(store.clone(), punchcard_actors::testing::clock::START);
        world
            .model
            .next(Script::refuses_for(AttemptErrorKind::RateLimited, pause));
        let run = world.start().await;
        let ticket = run.issue("review").await;
        let waiting = |state: &TicketState| matches!(state, TicketState::Sent(s) if s.attempt == 1);
        run.await_news(ticket, |news| waiting(&news.state) && news.revision.0 == 3)
            .await;
        time_passes(Duration::from_mins(10)).await;
        (ticket, world.now())
    });
    let (_, due) = failures(&store, ticket)[0];
    let due = due.expect("a retry is due");
    in_paused_time(async {
        let world = World::over(store.clone(), stopped_at);
        let run = world.start().await;
        run.runtime().recover(std::num::NonZeroU32::MAX).await;
        run.await_state(ticket, StateName::Persisted).await;
        let sent_at = sent_at(&store, ticket);
        assert_eq!(sent_at.len(), 2);
        assert!(
            sent_at[1] >= due,
            "it was sent at {} and due at {due}",
            sent_at[1]
        );
        assert!(sent_at[1].since(due) < Duration::from_secs(1));
        run.teardown().await;
    });
}

#[test]
fn an_attempt_that_a_crash_interrupted_is_followed_by_a_new_generation() {
    let store = MemoryStore::new();
    let ticket = in_paused_time(async {
        let world = World::over(store.clone(), punchcard_actors::testing::clock::START);
        let held = world.model.hold_next();
        let run = world.start().await;
        let ticket = run.issue("review").await;
        held.text("half an ans");
        run.await_text(ticket, "half an ans").await;
        ticket
    });
    in_paused_time(async {
        let world = World::over(store.clone(), punchcard_actors::testing::clock::START);
        let run = world.start().await;
        run.runtime().recover(std::num::NonZeroU32::MAX).await;
        let news = run.await_state(ticket, StateName::Persisted).await;
        assert_eq!(news.state.attempt(), 2);
        assert_eq!(failures(&store, ticket)[0].0, AttemptErrorKind::Interrupted);
        assert_eq!(world.model.attempts_of(ticket), [2]);
        run.teardown().await;
    });
}

fn code_of(state: &TicketState) -> &str {
    match state {
        TicketState::Failed(failed) => &failed.failure.code,
        other => unreachable!("not failed: {other:?}"),
    }
}

fn failures(store: &MemoryStore, ticket: TicketId) -> Vec<(AttemptErrorKind, Option<Timestamp>)> {
    let events = store.all_events();
    let of = events.iter().filter(|e| e.stream == ticket.stream());
    of.filter_map(|e| {
        let event = TicketEvent::decode(&e.event.kind, e.event.schema_version, &e.event.data);
        match event.expect("readable") {
            TicketEvent::AttemptFailed(failed) => Some((failed.error.kind, failed.retry_at)),
            _ => None,
        }
    })
    .collect()
}

fn sent_at(store: &MemoryStore, ticket: TicketId) -> Vec<Timestamp> {
    let events = store.all_events();
    let of = events.iter().filter(|e| e.stream == ticket.stream());
    of.filter(|e| e.event.kind == "TicketSent")
        .map(|e| e.event.recorded_at)
        .collect()
}
