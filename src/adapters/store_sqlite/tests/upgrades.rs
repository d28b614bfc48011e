//! Older schemas, which real directories still have.

use std::path::Path;

use punchcard_actors::ports::{EventStore, ExpectedRevision, Order, TicketFilter, TicketIndex};
use punchcard_actors::testing::store_contract::fixtures::{at, failed, recorded, tenant, ticket};
use punchcard_events::Revision;
use punchcard_events::ticket::Stage;
use rusqlite::Connection;

use super::{deliver, image, issue, open, raw};
use crate::adapters::store_sqlite::{
    Mismatch, OpenError, Options, SqliteStore, WitnessSays, accept_loss, lock, schema, stats,
    verify, wal,
};

/// Six tickets (one of them open) and another stream, as version 1 wrote them.
const VERSION_1: &str = include_str!("golden/schema-1.sql");

fn version_1(dir: &Path) -> Connection {
    std::fs::create_dir_all(dir).unwrap();
    let conn = Connection::open(lock::database_in(dir)).unwrap();
    conn.execute_batch(VERSION_1).unwrap();
    let mode: String = conn
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .unwrap();
    assert_eq!(mode, "wal");
    conn
}

async fn is_whole(dir: &Path) {
    let store = SqliteStore::open(Options::new(dir)).unwrap();
    assert_eq!(store.read_all(None, 100).await.unwrap().len(), 34);
    let everything = TicketFilter::default();
    let listed = store.list(&everything, Order::OldestFirst, None, 10).await;
    assert_eq!(listed.unwrap().len(), 6);
    deliver(&store, 77).await;
    let report = verify(dir).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.witness, WitnessSays::Agrees);
}

#[tokio::test]
async fn a_store_of_version_1_is_upgraded_with_all_it_has() {
    let dir = tempfile::tempdir().unwrap();
    drop(version_1(dir.path()));
    let early = verify(dir.path()).unwrap_err();
    assert!(matches!(early, OpenError::OlderSchema { .. }), "{early}");
    assert!(stats(dir.path()).is_err());
    is_whole(dir.path()).await;
}

#[tokio::test]
async fn a_crash_in_the_middle_of_an_upgrade_leaves_the_old_schema_whole() {
    let (dir, crashed) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut conn = version_1(dir.path());
    wal::empty(&conn).unwrap();
    // So small a memory that the upgrade's pages are written before its commit.
    conn.pragma_update(None, "cache_size", 1).unwrap();
    let tx = conn.transaction().unwrap();
    schema::upgrade(&tx, 1).unwrap();
    image(dir.path(), crashed.path());
    let log = crashed.path().join("punchcard.db-wal");
    let written = std::fs::metadata(log).unwrap().len();
    assert!(written > 4_096, "the upgrade had written nothing yet");
    let version: i64 = raw(crashed.path())
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap();
    assert_eq!(version, 1);
    is_whole(crashed.path()).await;
    tx.commit().unwrap();
    drop(conn);
    is_whole(dir.path()).await;
}

#[tokio::test]
async fn a_crash_between_an_upgrade_and_its_witness_is_no_loss() {
    let dir = tempfile::tempdir().unwrap();
    let mut conn = version_1(dir.path());
    schema::migrate(&mut conn, schema::Found::Store(1)).unwrap();
    drop(conn);
    is_whole(dir.path()).await;
}

#[tokio::test]
async fn a_tail_that_version_1_had_lost_is_taken_over_as_a_loss() {
    let dir = tempfile::tempdir().unwrap();
    let conn = version_1(dir.path());
    let lost = conn.execute("UPDATE meta SET value = 40 WHERE key = 'last_position'", []);
    assert_eq!(lost, Ok(1));
    drop(conn);
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    deliver(&store, 77).await;
    let all = store.read_all(None, 100).await.unwrap();
    assert_eq!(all.last().unwrap().position.0, 46);
    assert_eq!(verify(dir.path()).unwrap().losses, 1);
}

#[tokio::test]
async fn a_store_of_version_5_knows_its_failures_by_their_reason_after_the_upgrade() {
    let (store, dir) = open().await;
    deliver(&store, 1).await;
    issue(&store, 2).await;
    let event = recorded(ticket(2), &failed(Stage::Model), at(20));
    let last = ExpectedRevision::Exact(Revision::FIRST);
    let stream = ticket(2).stream();
    store.append(&stream, last, &[event]).await.unwrap();
    store.close();
    raw(dir.path())
        .execute_batch(
            "DROP INDEX tickets_failed; DROP INDEX tickets_forks; DROP INDEX tickets_forks_of; \
             ALTER TABLE tickets DROP COLUMN fork_of; PRAGMA user_version = 5",
        )
        .unwrap();
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    let ours = TicketFilter {
        tenant: Some(tenant("onehour")),
        stage: Some(Stage::Model),
        ..TicketFilter::default()
    };
    let listed = store.list(&ours, Order::OldestFirst, None, 10).await;
    let listed: Vec<_> = listed.unwrap().iter().map(|line| line.id).collect();
    assert_eq!(listed, [ticket(2)]);
    let counted = store.failures(&ours).await.unwrap();
    assert_eq!(counted[0].count, 1);
    assert!(verify(dir.path()).unwrap().is_clean());
}

#[tokio::test]
async fn an_old_copy_beside_the_witness_of_a_store_that_went_on_is_not_upgraded() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new(dir.path());
    let store = SqliteStore::open(options.clone()).unwrap();
    deliver(&store, 77).await;
    store.close();
    std::fs::remove_file(lock::database_in(dir.path())).unwrap();
    wal::empty(&version_1(dir.path())).unwrap();
    let copy = std::fs::read(lock::database_in(dir.path())).unwrap();
    let refused = SqliteStore::open(options.clone()).map(drop).unwrap_err();
    let OpenError::Witness { mismatch, .. } = &refused else {
        unreachable!("{refused}");
    };
    let expected = Mismatch::OlderCopy {
        version: 1,
        witness: 6,
    };
    assert_eq!(*mismatch, expected);
    let left = std::fs::read(lock::database_in(dir.path())).unwrap();
    assert!(left == copy, "the copy was changed");
    // Somebody who has nothing else may go on with it.
    let accepted = accept_loss(&options, true, 1_000).unwrap();
    assert_eq!((accepted.last_position, accepted.lost_events), (34, None));
    is_whole(dir.path()).await;
}
