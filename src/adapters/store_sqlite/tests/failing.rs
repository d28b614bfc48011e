//! A writer that failed takes nothing until everything it acknowledged is there again.

use std::fs;
use std::time::Duration;

use punchcard_actors::ports::{AppendError, EventStore, ExpectedRevision};
use punchcard_actors::testing::store_contract::fixtures::{plain, stream};

use super::{deliver, raw};
use crate::adapters::store_sqlite::{Cause, Health, Options, SqliteStore, lock, verify};

const NO_STREAM: ExpectedRevision = ExpectedRevision::NoStream;

fn cause(store: &SqliteStore) -> Option<Cause> {
    match store.health() {
        Health::Failing { cause, .. } => Some(cause),
        Health::Healthy | Health::Closed => None,
    }
}

/// Waits until the store's health has that cause; bounded.
async fn until(store: &SqliteStore, wanted: Option<Cause>) {
    let reached = async {
        while cause(store) != wanted {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let limit = Duration::from_secs(10);
    let reached = tokio::time::timeout(limit, reached).await;
    assert!(reached.is_ok(), "{:?} and not {wanted:?}", store.health());
}

#[tokio::test]
async fn a_store_that_lost_what_it_acknowledged_stays_stopped_until_it_is_back() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        busy_timeout: Duration::ZERO,
        ..Options::new(dir.path())
    };
    let store = SqliteStore::open(options.clone()).unwrap();
    deliver(&store, 1).await;
    store.close();
    let database = lock::database_in(dir.path());
    let old = fs::read(&database).unwrap();
    let store = SqliteStore::open(options).unwrap();
    deliver(&store, 2).await;

    // A failure that lasts: the probe cannot be written where a directory stands.
    let probe = dir.path().join("punchcard.probe");
    fs::create_dir(&probe).unwrap();
    let blocker = raw(dir.path());
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (s, event) = (stream("a-1"), plain(1));
    let refused = store
        .append(&s, NO_STREAM, std::slice::from_ref(&event))
        .await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))));
    assert_eq!(cause(&store), Some(Cause::Busy));
    blocker.execute_batch("ROLLBACK").unwrap();
    drop(blocker);
    until(&store, Some(Cause::IoError)).await;

    let new = fs::read(&database).unwrap();
    let swap = |bytes: &[u8]| {
        for log in ["punchcard.db-wal", "punchcard.db-shm"] {
            drop(fs::remove_file(dir.path().join(log)));
        }
        fs::write(&database, bytes).unwrap();
    };
    swap(&old);
    fs::remove_dir(&probe).unwrap();
    until(&store, Some(Cause::Damaged)).await;
    let again = store
        .append(&s, NO_STREAM, std::slice::from_ref(&event))
        .await;
    let Err(AppendError::Unavailable(reason)) = again else {
        unreachable!("{again:?}");
    };
    assert!(reason.contains("lost are 6 events"), "{reason}");
    swap(&new);
    until(&store, None).await;
    store.append(&s, NO_STREAM, &[event]).await.unwrap();
    assert!(verify(dir.path()).unwrap().is_clean());
}

#[tokio::test]
async fn after_a_failure_nothing_is_taken_while_the_log_cannot_be_emptied() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        busy_timeout: Duration::ZERO,
        ..Options::new(dir.path())
    };
    let store = SqliteStore::open(options).unwrap();
    deliver(&store, 1).await;
    // A reader of an old state keeps the log, and a lock makes the writer fail.
    let reader = raw(dir.path());
    reader
        .execute_batch("BEGIN; SELECT count(*) FROM events;")
        .unwrap();
    let _: i64 = reader
        .query_row("SELECT count(*) FROM events", [], |row| row.get(0))
        .unwrap();
    deliver(&store, 2).await;
    let blocker = raw(dir.path());
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (s, event) = (stream("a-1"), [plain(1)]);
    assert!(store.append(&s, NO_STREAM, &event).await.is_err());
    blocker.execute_batch("ROLLBACK").unwrap();
    let told = async {
        loop {
            let refused = store.append(&s, NO_STREAM, &event).await;
            if refused
                .unwrap_err()
                .to_string()
                .contains("another program reads")
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), told)
        .await
        .unwrap();
    assert_eq!(cause(&store), Some(Cause::Busy));
    reader.execute_batch("COMMIT").unwrap();
    until(&store, None).await;
    store.append(&s, NO_STREAM, &event).await.unwrap();
}

#[tokio::test]
async fn a_witness_that_cannot_be_written_stops_the_writer_and_heals() {
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let options = Options {
        witness: Some(elsewhere.path().join("gone/witness")),
        ..Options::new(dir.path())
    };
    assert!(
        SqliteStore::open(options.clone()).is_err(),
        "no directory for it"
    );
    fs::create_dir(elsewhere.path().join("gone")).unwrap();
    let store = SqliteStore::open(options).unwrap();
    deliver(&store, 1).await;
    assert_eq!(cause(&store), None);
}
