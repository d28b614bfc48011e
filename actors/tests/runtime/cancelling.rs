//! Tickets that somebody ends, whatever they are at.

use std::collections::HashMap;
use std::time::Duration;

use futures_util::future::join;
use punchcard_actors::guards::Concurrency;
use punchcard_actors::testing::callbacks::Reply;
use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::{TestRuntime, World, in_paused_time, time_passes};
use punchcard_actors::tickets::TicketError;
use punchcard_events::TicketId;
use punchcard_events::ticket::{
    AttemptErrorKind, CallbackErrorKind, CancelMode, Rejection, StateName, TicketState,
};

async fn cancel(run: &TestRuntime, ticket: TicketId, mode: CancelMode) -> Option<String> {
    let cancelled = run.tickets().cancel(ticket, mode, "key".into()).await;
    let news = cancelled.expect("cancelled");
    let TicketState::Cancelled(state) = news.state else {
        unreachable!("{:?}", news.state);
    };
    assert_eq!(state.cancelled.mode, mode);
    assert!(news.live.is_none());
    time_passes(Duration::from_millis(1)).await;
    state.cancelled.text.as_deref().map(str::to_owned)
}

#[test]
fn stopping_mid_stream_keeps_what_was_streamed_and_ends_the_call() {
    in_paused_time(async {
        let world = World::new();
        let mut held = world.model.hold_next();
        let run = world.start().await;
        let ticket = run.issue("review").await;
        held.text("A good ");
        held.text("sta");
        run.await_text(ticket, "A good sta").await;
        let kept = cancel(&run, ticket, CancelMode::Stop).await;
        assert_eq!(kept.as_deref(), Some("A good sta"));
        held.ended().await;
        assert_eq!(run.model_gates().await[0].in_use, 0);
        assert_eq!(run.runtime().active_tickets(), 0);
        run.teardown().await;
    });
}

#[test]
fn voiding_mid_stream_keeps_nothing() {
    in_paused_time(async {
        let world = World::new();
        let mut held = world.model.hold_next();
        let run = world.start().await;
        let ticket = run.issue("review").await;
        held.text("A good ");
        run.await_text(ticket, "A good ").await;
        assert_eq!(cancel(&run, ticket, CancelMode::Void).await, None);
        held.ended().await;
        run.teardown().await;
    });
}

#[test]
fn a_ticket_is_cancelled_while_the_tenant_prepares_it() {
    in_paused_time(async {
        let world = World::new();
        world.callbacks.next_pre_process(Reply::Hangs);
        let run = world.start().await;
        let ticket = run.issue("essay").await;
        world.callbacks.until(|counts| counts.in_flight == 1).await;
        assert_eq!(cancel(&run, ticket, CancelMode::Stop).await, None);
        assert_eq!(world.callbacks.counts().in_flight, 0);
        assert_eq!(world.model.counts().begun, 0);
        run.teardown().await;
    });
}

#[test]
fn a_ticket_is_cancelled_while_it_waits_for_a_permit() {
    in_paused_time(async {
        let mut world = World::new();
        world.options.llm.max_concurrency =
            HashMap::from([("small".to_owned(), Concurrency::fixed(1))]);
        let held = world.model.hold_next();
        let run = world.start().await;
        let first = run.issue("review").await;
        held.text("I have it");
        run.await_text(first, "I have it").await;
        let second = run.issue("review").await;
        let third = run.issue("review").await;
        assert_eq!(run.model_gates().await[0].waiting, 2);
        cancel(&run, second, CancelMode::Stop).await;
        assert_eq!(run.model_gates().await[0].waiting, 1);
        held.complete();
        run.await_state(third, StateName::Persisted).await;
        assert_eq!(world.model.attempts_of(second), [0; 0]);
        run.teardown().await;
    });
}

#[test]
fn a_ticket_is_cancelled_while_it_waits_for_its_next_try() {
    in_paused_time(async {
        let world = World::new();
        let pause = Duration::from_mins(30);
        world
            .model
            .next(Script::refuses_for(AttemptErrorKind::RateLimited, pause));
        let run = world.start().await;
        let ticket = run.issue("review").await;
        run.await_news(ticket, |news| news.revision.0 == 3).await;
        cancel(&run, ticket, CancelMode::Stop).await;
        time_passes(Duration::from_hours(1)).await;
        assert_eq!(world.model.attempts_of(ticket), [1]);
        run.teardown().await;
    });
}

#[test]
fn stopping_an_answered_ticket_keeps_the_whole_answer() {
    in_paused_time(async {
        let world = World::new();
        world.model.next(Script::says(["A good ", "start."]));
        let pause = Duration::from_mins(30);
        world
            .callbacks
            .next_post_process(Reply::FailsFor(CallbackErrorKind::Status, pause));
        let run = world.start().await;
        let ticket = run.issue("essay").await;
        run.await_news(ticket, |news| news.revision.0 == 4).await;
        let kept = cancel(&run, ticket, CancelMode::Stop).await;
        assert_eq!(kept.as_deref(), Some("A good start."));
        time_passes(Duration::from_hours(1)).await;
        assert_eq!(world.callbacks.counts().post_process, 1);
        run.teardown().await;
    });
}

#[test]
fn a_persisted_ticket_is_cancelled_even_after_its_actor_has_left() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let ticket = run.issue("review").await;
        run.await_state(ticket, StateName::Persisted).await;
        time_passes(Duration::from_mins(5)).await;
        assert_eq!(run.runtime().active_tickets(), 0);
        assert!(cancel(&run, ticket, CancelMode::Stop).await.is_some());
        run.teardown().await;
    });
}

#[test]
fn a_cancellation_that_races_with_the_answer_leaves_one_legal_outcome() {
    in_paused_time(async {
        for round in 0..20 {
            let world = World::new();
            let mut held = world.model.hold_next();
            let run = world.start().await;
            let ticket = run.issue("review").await;
            held.begun().await;
            held.text("A good start.");
            for _ in 0..round {
                tokio::task::yield_now().await;
            }
            held.complete();
            let by = "key".to_owned();
            let (cancelled, ()) = join(
                run.tickets().cancel(ticket, CancelMode::Stop, by),
                tokio::task::yield_now(),
            )
            .await;
            let news = cancelled.expect("an undelivered answer can still be cancelled");
            let TicketState::Cancelled(state) = &news.state else {
                unreachable!("{:?}", news.state);
            };
            if state.from.name() != StateName::Sent {
                assert_eq!(state.cancelled.text.as_deref(), Some("A good start."));
            }
            let kinds = world.store.kinds_of(ticket);
            assert_eq!(
                kinds
                    .iter()
                    .filter(|kind| *kind == "TicketCancelled")
                    .count(),
                1
            );
            run.teardown().await;
        }
    });
}

#[test]
fn a_cancelled_ticket_is_not_cancelled_the_other_way() {
    in_paused_time(async {
        let world = World::new();
        world.model.always(Script::hangs());
        let run = world.start().await;
        let ticket = run.issue("review").await;
        cancel(&run, ticket, CancelMode::Void).await;
        let again = run
            .tickets()
            .cancel(ticket, CancelMode::Stop, "key".into())
            .await;
        let ended = Rejection::AlreadyEnded(StateName::Cancelled);
        assert_eq!(again.err(), Some(TicketError::Rejected(ended)));
        run.teardown().await;
    });
}
