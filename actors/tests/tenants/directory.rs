//! What every request reads.

use punchcard_actors::ports::LimitsBook as _;
use punchcard_actors::testing::clock::START;
use punchcard_actors::testing::memory_store::MemoryStore;

use super::node::*;

#[test]
fn another_nodes_acts_arrive() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let (here, there) = (Node::over(store.clone()).await, Node::over(store).await);
        here.with_key("one", 1).await;
        there
            .sees(|seen| seen.by_prefix(&prefix(1)).is_some())
            .await;
        here.ask("one", revoke(1)).await.unwrap();
        let live = |seen: &punchcard_actors::tenants::Directory| {
            let state = seen.tenant(&tenant("one")).expect("it is there");
            state.keys[&prefix(1)].is_live(START)
        };
        there.sees(|seen| !live(seen)).await;
        assert_eq!(there.directory().all(), here.directory().all());
    });
}

#[test]
fn a_start_reads_the_same_directory_that_was_left() {
    in_paused_time(async {
        let store = MemoryStore::new();
        let before = Node::over(store.clone()).await;
        for (name, number) in [("one", 1), ("two", 2), ("three", 3)] {
            before.with_key(name, number).await;
        }
        before.ask("two", open_tickets(5)).await.unwrap();
        before
            .ask("three", origins(&["https://a.example"]))
            .await
            .unwrap();
        let after = Node::over(store).await;
        assert_eq!(after.directory().all(), before.directory().all());
        let holder = after.directory().by_prefix(&prefix(2));
        assert_eq!(holder, Some((tenant("two"), key(2))));
        assert_eq!(after.directory().count(), 3);
    });
}

#[test]
fn limits_are_those_of_now_and_a_stranger_has_none() {
    in_paused_time(async {
        let node = Node::over(MemoryStore::new()).await;
        node.with_key("one", 1).await;
        for count in [5, 6] {
            node.ask("one", open_tickets(count)).await.unwrap();
            let limits = node.tenants.limits(&tenant("one"));
            assert_eq!(limits.all.concurrent_tickets, Some(count));
        }
        assert_eq!(*node.tenants.limits(&tenant("two")), Default::default());
    });
}

#[test]
fn an_origin_is_known_as_long_as_any_tenant_allows_it() {
    in_paused_time(async {
        let node = Node::over(MemoryStore::new()).await;
        node.with_key("one", 1).await;
        node.with_key("two", 2).await;
        let origin = "https://a.example";
        assert!(!node.directory().any_allows(origin));
        for name in ["one", "two"] {
            node.ask(name, origins(&[origin])).await.unwrap();
        }
        for (name, still) in [("one", true), ("two", false)] {
            assert!(node.directory().any_allows(origin));
            node.ask(name, origins(&[])).await.unwrap();
            assert_eq!(node.directory().any_allows(origin), still);
        }
    });
}
