//! Questions to tickets, whatever has become of their actors.

use std::time::Duration;

use futures_util::future::join_all;
use punchcard_actors::admission::AdmissionOptions;
use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::{World, in_paused_time, issue, time_passes};
use punchcard_actors::tickets::{IssueError, TicketError};
use punchcard_events::TicketId;
use punchcard_events::ticket::{CancelMode, Channel, Rejection, StateName};
use uuid::Uuid;

#[test]
fn a_ticket_that_does_not_exist_is_not_found() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let nobody = TicketId(Uuid::now_v7());
        let tickets = run.tickets();
        let cancelled = tickets.cancel(nobody, CancelMode::Stop, "key".into()).await;
        assert_eq!(cancelled.err(), Some(TicketError::NotFound));
        let taken = tickets
            .acknowledge(nobody, Channel::Fetch, "key".into())
            .await;
        assert_eq!(taken.err(), Some(TicketError::NotFound));
        assert!(
            tickets
                .look(nobody)
                .await
                .expect("the store is read")
                .is_none()
        );
        assert!(
            tickets
                .history(nobody)
                .await
                .expect("the store is read")
                .is_empty()
        );
        assert_eq!(world.store.appends(), 0);
        run.teardown().await;
    });
}

#[test]
fn a_ticket_that_has_ended_says_so_to_everybody_at_once() {
    in_paused_time(async {
        let world = World::new();
        world.model.always(Script::hangs());
        let run = world.start().await;
        let ticket = run.issue("review").await;
        let first = run
            .tickets()
            .cancel(ticket, CancelMode::Void, "key".into())
            .await;
        assert!(first.is_ok());
        time_passes(Duration::from_secs(1)).await;
        assert_eq!(run.runtime().active_tickets(), 0);
        let asks = (0..20).map(|_| {
            run.tickets()
                .acknowledge(ticket, Channel::Fetch, "key".into())
        });
        for answer in join_all(asks).await {
            let ended = Rejection::AlreadyEnded(StateName::Cancelled);
            assert_eq!(answer.err(), Some(TicketError::Rejected(ended)));
        }
        let again = run
            .tickets()
            .cancel(ticket, CancelMode::Void, "key".into())
            .await;
        assert!(again.is_ok(), "it is already so");
        assert_eq!(run.runtime().active_tickets(), 0);
        run.teardown().await;
    });
}

#[test]
fn two_tabs_that_acknowledge_at_once_both_succeed_with_one_event() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let ticket = run.issue("review").await;
        run.await_state(ticket, StateName::Persisted).await;
        let ack = |by: &str| {
            run.tickets()
                .acknowledge(ticket, Channel::Session, by.into())
        };
        for answer in join_all([ack("s1"), ack("s2"), ack("s3")]).await {
            let news = answer.expect("acknowledged");
            assert_eq!(news.state.name(), StateName::Delivered);
        }
        let kinds = world.store.kinds_of(ticket);
        assert_eq!(
            kinds
                .iter()
                .filter(|kind| *kind == "TicketDelivered")
                .count(),
            1
        );
        run.teardown().await;
    });
}

#[test]
fn an_idle_actor_leaves_memory_and_an_acknowledgement_wakes_the_ticket() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let ticket = run.issue("review").await;
        run.await_state(ticket, StateName::Persisted).await;
        assert_eq!(run.runtime().active_tickets(), 1);
        time_passes(world.options.passivate_after + Duration::from_secs(1)).await;
        assert_eq!(run.runtime().active_tickets(), 0);
        let news = run
            .tickets()
            .look(ticket)
            .await
            .expect("read")
            .expect("exists");
        assert_eq!(news.state.name(), StateName::Persisted);
        assert_eq!(run.runtime().active_tickets(), 0, "a look wakes nobody");
        let news = run
            .tickets()
            .acknowledge(ticket, Channel::Fetch, "key".into())
            .await;
        assert_eq!(news.expect("woken").state.name(), StateName::Delivered);
        run.teardown().await;
    });
}

#[test]
fn more_tickets_than_allowed_are_refused_and_room_is_found_again() {
    in_paused_time(async {
        let mut world = World::new();
        world.options.admission = AdmissionOptions::of(2);
        world.model.always(Script::hangs());
        let run = world.start().await;
        let first = run.issue("review").await;
        run.issue("review").await;
        let refused = run.tickets().issue(issue("review")).await;
        assert!(matches!(refused, Err(IssueError::Overloaded { .. })));
        run.tickets()
            .cancel(first, CancelMode::Void, "key".into())
            .await
            .expect("cancelled");
        time_passes(Duration::from_millis(1)).await;
        run.issue("review").await;
        assert_eq!(run.runtime().active_tickets(), 2);
        assert_eq!(
            world.store.all_events().len(),
            3 * 3 + 1,
            "a refusal leaves no trace"
        );
        drop(run);
    });
}

#[test]
fn more_questions_than_a_mailbox_holds_are_told_so_at_once() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let ticket = run.issue("review").await;
        run.await_state(ticket, StateName::Persisted).await;
        world.store.set_down(true);
        let first = run
            .tickets()
            .acknowledge(ticket, Channel::Fetch, "key".into());
        let burst = async {
            time_passes(Duration::from_millis(10)).await;
            let asks = (0..500).map(|_| {
                run.tickets()
                    .acknowledge(ticket, Channel::Fetch, "key".into())
            });
            join_all(asks).await
        };
        let (first, burst) = futures_util::join!(first, burst);
        assert!(matches!(first, Err(TicketError::Unavailable(_))));
        let busy = burst
            .iter()
            .filter(|answer| matches!(answer, Err(TicketError::Busy)));
        let waited = burst
            .iter()
            .filter(|a| matches!(a, Err(TicketError::Unavailable(_))));
        let (busy, waited) = (busy.count(), waited.count());
        assert_eq!(busy + waited, 500, "{burst:?}");
        assert!(waited <= 70, "{waited} questions waited in a mailbox of 64");
        assert!(waited > 0);
        world.store.set_down(false);
        run.teardown().await;
    });
}
