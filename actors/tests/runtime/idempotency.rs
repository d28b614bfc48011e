//! One key, one ticket.

use futures_util::future::join_all;
use punchcard_actors::testing::memory_store::{Fault, MemoryStore};
use punchcard_actors::testing::world::{World, in_paused_time, issue};
use punchcard_actors::tickets::{Issue, IssueError};
use punchcard_events::ticket::{Idempotency, StateName};

fn keyed(key: &str, fingerprint: &str) -> Issue {
    Issue {
        idempotency: Some(Idempotency {
            key: key.to_owned(),
            fingerprint: fingerprint.to_owned(),
        }),
        ..issue("review")
    }
}

fn ticket_streams(store: &MemoryStore) -> usize {
    let events = store.all_events();
    events
        .iter()
        .filter(|e| e.event.kind == "TicketRequested")
        .count()
}

#[test]
fn a_repeat_gives_the_same_ticket_whatever_has_become_of_it() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let first = run.tickets().issue(keyed("k", "a")).await.expect("issued");
        assert!(!first.repeated);
        let second = run
            .tickets()
            .issue(keyed("k", "a"))
            .await
            .expect("repeated");
        assert!(second.repeated);
        assert_eq!(second.ticket, first.ticket);
        run.await_state(first.ticket, StateName::Persisted).await;
        let third = run
            .tickets()
            .issue(keyed("k", "a"))
            .await
            .expect("repeated");
        assert_eq!(third.ticket, first.ticket);
        assert_eq!(third.news.state.name(), StateName::Persisted);
        assert_eq!(third.request, first.request);
        assert_eq!(ticket_streams(&world.store), 1);
        run.teardown().await;
    });
}

#[test]
fn a_key_that_was_used_for_something_else_is_refused() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        run.tickets().issue(keyed("k", "a")).await.expect("issued");
        let other = run.tickets().issue(keyed("k", "b")).await;
        assert_eq!(other.err(), Some(IssueError::KeyReused));
        assert!(run.tickets().issue(keyed("k2", "b")).await.is_ok());
        assert_eq!(ticket_streams(&world.store), 2);
        run.teardown().await;
    });
}

#[test]
fn of_many_requests_with_one_key_at_once_one_issues_and_the_others_are_told_to_wait() {
    in_paused_time(async {
        let world = World::new();
        let run = world.start().await;
        let answers = join_all((0..10).map(|_| run.tickets().issue(keyed("k", "a")))).await;
        let issued = answers.iter().filter(|answer| answer.is_ok()).count();
        let in_flight = IssueError::KeyInFlight;
        let waiting = answers
            .iter()
            .filter(|a| a.as_ref().err() == Some(&in_flight))
            .count();
        assert_eq!((issued, waiting), (1, 9));
        assert_eq!(ticket_streams(&world.store), 1);
        run.teardown().await;
    });
}

#[test]
fn a_crash_between_claim_and_ticket_is_completed_by_the_repeat() {
    let store = MemoryStore::new();
    in_paused_time(async {
        let world = World::over(store.clone(), punchcard_actors::testing::clock::START);
        store.fail_kind("TicketRequested", Fault::Unavailable);
        let run = world.start().await;
        let failed = run.tickets().issue(keyed("k", "a")).await;
        assert!(matches!(failed, Err(IssueError::Unavailable(_))));
        assert_eq!(store.faults_fired().unavailable, 1);
    });
    let claimed = store.all_events();
    assert_eq!(claimed.len(), 1, "only the claim is stored");
    in_paused_time(async {
        let world = World::over(store.clone(), punchcard_actors::testing::clock::START);
        let run = world.start().await;
        let issued = run
            .tickets()
            .issue(keyed("k", "a"))
            .await
            .expect("completed");
        assert_eq!(issued.ticket.0, claimed[0].event.correlation_id);
        let again = run
            .tickets()
            .issue(keyed("k", "a"))
            .await
            .expect("repeated");
        assert_eq!(again.ticket, issued.ticket);
        assert_eq!(ticket_streams(&store), 1);
        run.teardown().await;
    });
}

#[test]
fn a_claim_whose_outcome_is_unknown_is_settled_by_the_repeat() {
    in_paused_time(async {
        for fault in [Fault::UnknownWritten, Fault::UnknownNotWritten] {
            let world = World::new();
            world.store.fail_kind("IdempotencyKeyClaimed", fault);
            let run = world.start().await;
            let failed = run.tickets().issue(keyed("k", "a")).await;
            assert!(matches!(failed, Err(IssueError::Unavailable(_))));
            run.tickets()
                .issue(keyed("k", "a"))
                .await
                .expect("issued by the repeat");
            assert_eq!(ticket_streams(&world.store), 1);
            run.teardown().await;
        }
    });
}
