//! Picking up what an earlier run left.

use std::num::NonZeroU32;
use std::time::Duration;

use punchcard_actors::testing::callbacks::Reply;
use punchcard_actors::testing::clock::START;
use punchcard_actors::testing::memory_store::MemoryStore;
use punchcard_actors::testing::model::Script;
use punchcard_actors::testing::world::{World, in_paused_time, time_passes};
use punchcard_events::TicketId;
use punchcard_events::ticket::{CancelMode, StateName};

/// A run with `count` tickets at the model that ends in a crash.
fn crash_with_open_tickets(store: &MemoryStore, count: usize) -> Vec<TicketId> {
    in_paused_time(async {
        let mut world = World::over(store.clone(), START);
        world.options.llm.default_max_concurrency = count;
        world.model.always(Script::default().text(["half"]).hang());
        let run = world.start().await;
        let mut tickets = Vec::new();
        for _ in 0..count {
            tickets.push(run.issue("review").await);
        }
        world.model.until(|counts| counts.in_flight == count).await;
        tickets
    })
}

#[test]
fn two_thousand_tickets_are_picked_up_oldest_first_at_the_pace_that_was_set() {
    let store = MemoryStore::new();
    let tickets = crash_with_open_tickets(&store, 2_000);
    in_paused_time(async {
        let mut world = World::over(store.clone(), START.plus(Duration::from_secs(1)));
        world.options.llm.default_max_concurrency = 1;
        let run = world.start().await;
        let begun = world.now();
        let recovered = run
            .runtime()
            .recover(NonZeroU32::new(500).expect("not 0"))
            .await;
        assert_eq!(recovered.tickets, 2_000);
        let took = world.now().since(begun);
        assert!(
            took >= Duration::from_secs(3),
            "four batches of 500 a second took {took:?}"
        );
        for ticket in &tickets {
            run.await_state(*ticket, StateName::Persisted).await;
        }
        let asked: Vec<_> = world.model.calls().iter().map(|call| call.ticket).collect();
        // Two shards share one permit: within each, the order is that of issue.
        assert_eq!(asked.len(), 2_000);
        let first_batch: std::collections::HashSet<_> = tickets[..500].iter().collect();
        assert!(
            asked[..500]
                .iter()
                .all(|ticket| first_batch.contains(ticket))
        );
        run.teardown().await;
    });
}

#[test]
fn only_what_is_owed_is_picked_up() {
    let store = MemoryStore::new();
    let open = in_paused_time(async {
        let world = World::over(store.clone(), START);
        let run = world.start().await;
        let persisted = run.issue("review").await;
        run.await_state(persisted, StateName::Persisted).await;
        world.model.always(Script::hangs());
        let cancelled = run.issue("review").await;
        let cancel = run
            .tickets()
            .cancel(cancelled, CancelMode::Void, "key".into());
        cancel.await.expect("cancelled");
        let sent = run.issue("review").await;
        world.callbacks.next_pre_process(Reply::Hangs);
        let requested = run.issue("essay").await;
        world.callbacks.until(|counts| counts.in_flight == 1).await;
        [sent, requested]
    });
    in_paused_time(async {
        let world = World::over(store.clone(), START);
        world.model.always(Script::hangs());
        world.callbacks.always_pre_process(Reply::Hangs);
        let run = world.start().await;
        let recovered = run.runtime().recover(NonZeroU32::MAX).await;
        assert_eq!(recovered.tickets, 2);
        assert_eq!(run.runtime().active_tickets(), 2);
        for ticket in open {
            run.tickets()
                .cancel(ticket, CancelMode::Void, "key".into())
                .await
                .expect("open");
        }
        run.teardown().await;
    });
}

#[test]
fn new_tickets_are_issued_while_old_ones_are_picked_up() {
    let store = MemoryStore::new();
    let old = crash_with_open_tickets(&store, 300);
    in_paused_time(async {
        let world = World::over(store.clone(), START.plus(Duration::from_secs(1)));
        let run = world.start().await;
        let recovery = actix::spawn(run.runtime().recover(NonZeroU32::new(100).expect("not 0")));
        let mut new = Vec::new();
        for _ in 0..50 {
            new.push(run.issue("review").await);
            time_passes(Duration::from_millis(50)).await;
        }
        recovery.await.expect("recovered");
        for ticket in &new {
            run.await_state(*ticket, StateName::Persisted).await;
            assert_eq!(world.model.attempts_of(*ticket), [1], "nobody ran it twice");
        }
        for ticket in &old {
            run.await_state(*ticket, StateName::Persisted).await;
            assert_eq!(world.model.attempts_of(*ticket), [2]);
        }
        run.teardown().await;
    });
}
