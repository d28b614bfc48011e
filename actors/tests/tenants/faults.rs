//! Damage in the store, and nodes that disagree.

use punchcard_actors::ports::{Direction, EventStore as _, ExpectedRevision};
use punchcard_actors::tenants::TenantError;
use punchcard_actors::testing::memory_store::MemoryStore;
use punchcard_events::{EventId, Recorded, Revision, StreamName};
use uuid::Uuid;

use super::node::*;

async fn first_event(store: &MemoryStore, name: &str) -> Recorded {
    let stream = StreamName::of_tenant(&tenant(name));
    let read = store.read_stream(&stream, None, Direction::Forwards, 1);
    read.await.expect("it is sound").remove(0)
}

/// Appends an event that cannot be read to a tenant's stream.
async fn damage(store: &MemoryStore, name: &str, after: u64) {
    let mut event = first_event(store, name).await.event;
    event.id = EventId(Uuid::from_u128(u128::from(after)));
    let expected = ExpectedRevision::Exact(Revision(after));
    let stream = StreamName::of_tenant(&tenant(name));
    let landed = store.append(&stream, expected, &[event]).await;
    store.damage(landed.expect("so many events are there").position);
}

#[test]
fn damage_in_one_tenants_stream_stays_with_it() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let live = Node::over(store.clone()).await;
        live.with_key("bad", 1).await;
        live.with_key("good", 2).await;
        damage(&store, "bad", 1).await;
        let started = Node::over(store.clone()).await;
        for (number, node) in [(3, &live), (4, &started)] {
            node.sees(|seen| seen.tenant(&tenant("bad")).is_none())
                .await;
            assert_eq!(node.directory().by_prefix(&prefix(1)), None);
            assert!(node.directory().knows(&tenant("bad")));
            let refused = node.ask("bad", issue(9)).await;
            assert!(
                matches!(refused, Err(TenantError::Damaged(_))),
                "{refused:?}"
            );
            // What comes behind the damage arrives.
            started.ask("good", issue(number)).await.unwrap();
            node.sees(|seen| seen.by_prefix(&prefix(number)).is_some())
                .await;
        }
    });
}

#[test]
fn an_event_that_cannot_happen_takes_its_tenant_out_of_service() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let live = Node::over(store.clone()).await;
        live.with_key("bad", 1).await;
        // It comes a second time.
        let mut event = first_event(&store, "bad").await.event;
        event.id = EventId(Uuid::from_u128(9));
        let stream = StreamName::of_tenant(&tenant("bad"));
        let expected = ExpectedRevision::Exact(Revision(1));
        store.append(&stream, expected, &[event]).await.unwrap();
        live.sees(|seen| seen.tenant(&tenant("bad")).is_none())
            .await;
        let started = Node::over(store).await;
        assert_eq!(started.directory().tenant(&tenant("bad")), None);
    });
}

#[test]
fn a_prefix_that_two_nodes_issued_at_once_is_found_with_both_tenants() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let (here, there) = (Node::over(store.clone()).await, Node::over(store).await);
        for name in ["one", "two"] {
            here.ask(name, create()).await.unwrap();
        }
        let (one, two) = tokio::join!(here.ask("one", issue(1)), there.ask("two", issue(1)));
        assert!(
            one.is_ok() && two.is_ok(),
            "neither node knew of the other's"
        );
        for node in [&here, &there] {
            node.sees(|seen| seen.holders(&prefix(1)).len() == 2).await;
        }
    });
}

#[test]
fn a_panic_while_following_is_survived_and_what_came_meanwhile_arrives() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let here = Node::over(store.clone()).await;
        tokio::task::yield_now().await;
        store.panic_at_subscriptions(3);
        let there = Node::over(store.clone()).await;
        here.with_key("one", 1).await;
        there
            .sees(|seen| seen.by_prefix(&prefix(1)).is_some())
            .await;
        assert_eq!(store.panics_pending(), 0);
    });
}
