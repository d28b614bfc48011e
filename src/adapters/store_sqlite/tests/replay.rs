//! Every history folded again: the same each time, whatever the order and the bound, and damage named.

use punchcard_actors::testing::store_contract::fixtures::{failed, redriven};
use punchcard_events::ticket::{Stage, StateName, TicketEvent};

use super::*;
use crate::adapters::store_sqlite::replay::replay_holding;
use crate::adapters::store_sqlite::{ReplayError, replay, scan};

/// Appends to the ticket, after so many events.
async fn go_on(store: &SqliteStore, number: u64, after: u64, events: &[TicketEvent]) {
    let id = ticket(number);
    let events: Vec<_> = events.iter().map(|e| recorded(id, e, at(60))).collect();
    let expected = match after.checked_sub(1) {
        None => ExpectedRevision::NoStream,
        Some(last) => ExpectedRevision::Exact(Revision(last)),
    };
    let landed = store.append(&id.stream(), expected, &events).await;
    landed.unwrap();
}

/// Tickets that overlap, one of them failed and redriven later.
async fn overlapping(store: &SqliteStore) {
    fill(store).await;
    for number in 11..=14 {
        issue(store, number).await;
    }
    go_on(store, 11, 1, &[pre_processed(), sent(1)]).await;
    go_on(store, 12, 1, &[failed(Stage::PreProcess)]).await;
    go_on(store, 13, 1, &[pre_processed()]).await;
    go_on(store, 14, 1, &[failed(Stage::PreProcess)]).await;
    go_on(store, 11, 3, &[answered(1), persisted(), delivered()]).await;
    go_on(store, 12, 2, &[redriven(at(60)), pre_processed()]).await;
}

#[tokio::test]
async fn the_same_history_gives_the_same_hash_however_few_tickets_are_held() {
    let (store, dir) = open().await;
    overlapping(&store).await;
    let first = replay(dir.path()).unwrap();
    assert_eq!((first.events, first.tickets), (30 + 6 + 4 + 2 + 2, 9));
    let expected = [
        (StateName::PreProcessed, 2),
        (StateName::Delivered, 6),
        (StateName::Failed, 1),
    ];
    assert_eq!(first.states, expected.into_iter().collect());
    assert_eq!(first.hash.len(), 64);
    for most in [0, 1, 2, 1_000] {
        let again = replay_holding(dir.path(), most).unwrap();
        assert_eq!(again.hash, first.hash, "{most} held");
        assert_eq!(
            (again.events, again.states),
            (first.events, first.states.clone())
        );
    }
    assert_eq!(scan(dir.path()).unwrap().rows, first.events);
    // One more event anywhere is another hash.
    go_on(&store, 13, 2, &[sent(1)]).await;
    assert_ne!(replay(dir.path()).unwrap().hash, first.hash);
}

/// What a replay says of a store in which `sql` was done.
async fn refusal(sql: &str) -> ReplayError {
    let (store, dir) = open().await;
    overlapping(&store).await;
    store.close();
    let conn = Connection::open(lock::database_at(dir.path())).unwrap();
    assert!(conn.execute(sql, []).unwrap() > 0, "nothing was damaged");
    drop(conn);
    replay(dir.path()).expect_err(sql)
}

#[tokio::test]
async fn the_first_damaged_history_is_named_with_its_place() {
    let stream = ticket(3).stream();
    for (change, says) in [
        ("DELETE FROM events", "revision 2 was to come here"),
        ("UPDATE events SET data = '{}'", "cannot be read"),
        ("UPDATE events SET kind = 'TicketLost'", "unknown"),
        (
            "UPDATE events SET kind = 'TicketDelivered', data = \
             '{\"channel\":\"session\",\"acknowledged_by\":\"x\"}'",
            "cannot happen to a ticket that is pre_processed",
        ),
    ] {
        let sql = format!("{change} WHERE stream = '{stream}' AND revision = 2");
        let refused = refusal(&sql).await.to_string();
        assert!(refused.starts_with(stream.as_str()), "{refused}");
        assert!(refused.contains(says), "{refused}");
    }
    let sql = format!("DELETE FROM events WHERE stream = '{stream}' AND revision = 0");
    let refused = refusal(&sql).await.to_string();
    assert!(refused.contains("has no beginning"), "{refused}");
}
