//! A runtime that stops in order.

use std::num::NonZeroU32;
use std::time::Duration;

use futures_util::future::{join, join_all};
use punchcard_actors::testing::callbacks::Reply;
use punchcard_actors::testing::clock::START;
use punchcard_actors::testing::memory_store::MemoryStore;
use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::{World, in_paused_time, issue, time_passes};
use punchcard_actors::tickets::{IssueError, TicketError};
use punchcard_events::ticket::{Channel, StateName};

#[test]
fn calls_in_flight_may_end_and_everything_else_waits_in_the_store() {
    let store = MemoryStore::new();
    let (answering, waiting) = in_paused_time(async {
        let mut world = World::over(store.clone(), START);
        world.options.llm.default_max_concurrency = 1;
        let slow = Script::default()
            .text(["A good "])
            .wait(Duration::from_secs(3));
        world.model.next(slow.text(["start."]).complete());
        let run = world.start().await;
        let answering = run.issue("essay").await;
        let waiting = run.issue("review").await;
        run.await_text(answering, "A good ").await;
        run.teardown().await;
        assert_eq!(world.model.counts().begun, 1, "nothing new is begun");
        assert_eq!(world.callbacks.counts().post_process, 0);
        (answering, waiting)
    });
    assert_eq!(
        store.kinds_of(answering).last().map(String::as_str),
        Some("TicketAnswered")
    );
    in_paused_time(async {
        let world = World::over(store.clone(), START.plus(Duration::from_secs(5)));
        let run = world.start().await;
        assert_eq!(run.runtime().recover(NonZeroU32::MAX).await.tickets, 2);
        run.await_state(answering, StateName::Persisted).await;
        run.await_state(waiting, StateName::Persisted).await;
        assert_eq!(
            world.model.attempts_of(answering),
            [0; 0],
            "its answer was kept"
        );
        assert_eq!(world.model.attempts_of(waiting), [1]);
        run.teardown().await;
    });
}

#[test]
fn a_call_that_does_not_end_within_the_grace_is_cut_off_and_counted() {
    let store = MemoryStore::new();
    let ticket = in_paused_time(async {
        let world = World::over(store.clone(), START);
        let held = world.model.hold_next();
        let run = world.start().await;
        let ticket = run.issue("review").await;
        held.text("half");
        run.await_text(ticket, "half").await;
        let before = world.now();
        assert_eq!(run.stop(Duration::from_secs(7)).await, 1);
        let took = world.now().since(before).as_secs();
        assert_eq!(took, 7);
        ticket
    });
    in_paused_time(async {
        let world = World::over(store.clone(), START.plus(Duration::from_secs(9)));
        let run = world.start().await;
        run.runtime().recover(NonZeroU32::MAX).await;
        let news = run.await_state(ticket, StateName::Persisted).await;
        assert_eq!(news.state.attempt(), 2);
        run.teardown().await;
    });
}

#[test]
fn a_runtime_that_stops_takes_no_tickets_and_starts_no_work() {
    let store = MemoryStore::new();
    let (asked, crashed) = in_paused_time(async {
        let world = World::over(store.clone(), START);
        let first_run = world.start().await;
        let stored = first_run.issue("review").await;
        first_run.await_state(stored, StateName::Persisted).await;
        first_run.teardown().await;
        let held = world.model.hold_next();
        let crashing = world.model.hold_next();
        world.callbacks.next_pre_process(Reply::Hangs);
        let run = world.start().await;
        let slow = run.issue("review").await;
        let crashed = run.issue("review").await;
        held.text("half");
        crashing.text("half");
        run.await_text(slow, "half").await;
        run.await_text(crashed, "half").await;
        let asked = run.issue("essay").await;
        world.callbacks.until(|counts| counts.in_flight == 1).await;
        let tickets = run.tickets().clone();
        let stop = run.stop(Duration::from_secs(5));
        let meanwhile = async {
            time_passes(Duration::from_secs(1)).await;
            let refused = tickets.issue(issue("review")).await;
            assert!(matches!(refused, Err(IssueError::Stopping)));
            let taken = tickets
                .acknowledge(stored, Channel::Fetch, "key".into())
                .await;
            let news = taken.expect("a question to a stored ticket is still answered");
            assert_eq!(news.state.name(), StateName::Delivered);
            crashing.panic();
            time_passes(Duration::from_secs(1)).await;
            held.complete();
        };
        let (cut, ()) = join(stop, meanwhile).await;
        assert_eq!(cut, 1, "the tenant's API did not answer");
        assert_eq!(world.model.counts().panics, 1);
        assert_eq!(
            world.model.counts().begun,
            3,
            "the crashed one is not run again"
        );
        assert_eq!(world.callbacks.counts().pre_process, 1);
        (asked, crashed)
    });
    in_paused_time(async {
        let world = World::over(store.clone(), START.plus(Duration::from_secs(5)));
        let run = world.start().await;
        run.runtime().recover(NonZeroU32::MAX).await;
        run.await_state(asked, StateName::Persisted).await;
        run.await_state(crashed, StateName::Persisted).await;
        run.teardown().await;
    });
}

#[test]
fn a_question_to_a_ticket_that_owes_work_does_not_start_that_work_while_the_runtime_stops() {
    let store = MemoryStore::new();
    let left = in_paused_time(async {
        let world = World::over(store.clone(), START);
        world.callbacks.next_pre_process(Reply::Hangs);
        let run = world.start().await;
        let left = run.issue("essay").await;
        world.callbacks.until(|counts| counts.in_flight == 1).await;
        left
    });
    in_paused_time(async {
        let world = World::over(store.clone(), START);
        let held = world.model.hold_next();
        let run = world.start().await;
        let slow = run.issue("review").await;
        held.text("half");
        run.await_text(slow, "half").await;
        let tickets = run.tickets().clone();
        let stop = run.stop(Duration::from_secs(5));
        let meanwhile = async {
            time_passes(Duration::from_secs(1)).await;
            let news = tickets.expire(left).await.expect("answered");
            assert_eq!(news.state.name(), StateName::Requested);
            time_passes(Duration::from_secs(1)).await;
            held.complete();
        };
        let (cut, ()) = join(stop, meanwhile).await;
        assert_eq!(cut, 0);
        assert_eq!(
            world.callbacks.counts().pre_process,
            0,
            "it waits for the next run"
        );
    });
}

#[test]
fn an_actor_whose_mailbox_is_full_hears_that_the_runtime_stops_all_the_same() {
    in_paused_time(async {
        let world = World::new();
        let held = world.model.hold_next();
        let run = world.start().await;
        let ticket = run.issue("essay").await;
        held.text("A good start.");
        run.await_text(ticket, "A good start.").await;
        world.store.set_down(true);
        held.complete();
        time_passes(Duration::from_millis(1)).await;
        let tickets = run.tickets().clone();
        let ack = || tickets.acknowledge(ticket, Channel::Fetch, "key".into());
        let burst = join_all((0..100).map(|_| ack()));
        let stop = async {
            time_passes(Duration::from_millis(1)).await;
            run.stop(Duration::from_secs(5)).await
        };
        let back = async {
            time_passes(Duration::from_secs(1)).await;
            world.store.set_down(false);
        };
        let (answers, cut, ()) = futures_util::join!(burst, stop, back);
        assert!(
            answers.iter().any(|a| matches!(a, Err(TicketError::Busy))),
            "it was full"
        );
        assert_eq!(cut, 0);
        assert_eq!(
            world.store.kinds_of(ticket).last().map(String::as_str),
            Some("TicketAnswered")
        );
        assert_eq!(
            world.callbacks.counts().post_process,
            0,
            "nothing new is begun"
        );
        assert!(world.store.faults_fired().unavailable > 0);
    });
}
