//! What operators ask, and what comes of it.

use punchcard_actors::tenants::TenantError;
use punchcard_actors::testing::clock::START;
use punchcard_actors::testing::memory_store::{Fault, MemoryStore};
use punchcard_events::tenant::{Command, Rejection};

use super::node::*;

#[test]
fn what_was_done_is_in_the_directory_before_its_author_is_answered() {
    in_paused_time(async {
        let node = Node::over(MemoryStore::new()).await;
        node.with_key("one", 1).await;
        let state = node.ask("one", open_tickets(7)).await.unwrap();
        assert_eq!(node.directory().tenant(&tenant("one")), Some(state.clone()));
        assert_eq!(state.limits.all.concurrent_tickets, Some(7));
        let known = node.directory().by_prefix(&prefix(1));
        assert_eq!(known, Some((tenant("one"), key(1))));
    });
}

#[test]
fn what_was_done_has_the_time_at_which_it_was_stored() {
    in_paused_time(async {
        let node = Node::over(MemoryStore::new()).await;
        let state = node.ask("one", create()).await.unwrap();
        assert_eq!(state.created.as_ref().map(|act| act.at), Some(START));
        let history = node
            .tenants
            .history(&tenant("one"), None, 10)
            .await
            .unwrap();
        assert_eq!(history[0].event.recorded_at, START);
        assert_eq!(history[0].event.tenant, tenant("one"));
    });
}

#[test]
fn a_prefix_that_another_tenant_has_is_refused() {
    in_paused_time(async {
        let node = Node::over(MemoryStore::new()).await;
        node.with_key("one", 1).await;
        node.with_key("two", 2).await;
        let taken = Err(TenantError::Rejected(Rejection::PrefixTaken(prefix(1))));
        assert_eq!(node.ask("two", issue(1)).await, taken);
        let rotate = Command::RotateKey {
            prefix: prefix(2),
            key: key(1),
            until: START,
            act: act(),
        };
        assert_eq!(node.ask("two", rotate).await, taken);
        // Revoked, it is still nobody else's.
        node.ask("one", revoke(1)).await.unwrap();
        assert_eq!(node.ask("two", issue(1)).await, taken);
    });
}

#[test]
fn two_who_ask_at_once_are_both_served() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let (here, there) = (Node::over(store.clone()).await, Node::over(store).await);
        here.ask("one", create()).await.unwrap();
        let (one, other) = tokio::join!(here.ask("one", issue(1)), there.ask("one", issue(2)));
        let most = one.unwrap().keys.len().max(other.unwrap().keys.len());
        assert_eq!(most, 2);
    });
}

#[test]
fn a_repeat_writes_nothing() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let node = Node::over(store.clone()).await;
        node.ask("one", create()).await.unwrap();
        node.ask("one", open_tickets(7)).await.unwrap();
        let before = store.appends();
        node.ask("one", open_tickets(7)).await.unwrap();
        assert_eq!(store.appends(), before);
    });
}

#[test]
fn what_is_refused_makes_no_tenant() {
    in_paused_time(async {
        let node = Node::over(MemoryStore::new()).await;
        let refused = node.ask("one", issue(1)).await;
        assert_eq!(refused, Err(TenantError::Rejected(Rejection::NoTenant)));
        assert_eq!(node.directory().count(), 0);
    });
}

#[test]
fn a_store_that_does_not_say_what_it_did_is_asked_again_and_nothing_happens_twice() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let node = Node::over(store.clone()).await;
        node.ask("one", create()).await.unwrap();
        for fault in [Fault::UnknownWritten, Fault::UnknownNotWritten] {
            store.fail_next(fault);
            node.ask("one", open_tickets(7)).await.unwrap();
            node.ask("one", open_tickets(8)).await.unwrap();
        }
        assert_eq!(store.faults_pending(), 0);
        let history = node
            .tenants
            .history(&tenant("one"), None, 10)
            .await
            .unwrap();
        assert_eq!(history.len(), 5);
    });
}

#[test]
fn a_store_that_takes_nothing_changes_nothing() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let node = Node::over(store.clone()).await;
        node.with_key("one", 1).await;
        store.set_down(true);
        let refused = node.ask("one", revoke(1)).await;
        assert!(matches!(refused, Err(TenantError::Unavailable(_))));
        let state = node.directory().tenant(&tenant("one")).unwrap();
        assert!(state.keys[&prefix(1)].is_live(START));
    });
}
