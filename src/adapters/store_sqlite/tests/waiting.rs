//! A slow disk: what waits is bounded in number, in bytes and in age, and is told the truth.

use std::time::{Duration, Instant};

use punchcard_actors::ports::{AppendError, Direction, EventStore, ExpectedRevision};
use punchcard_actors::testing::store_contract::fixtures::{plain, stream};
use punchcard_events::NewEvent;
use rusqlite::Connection;
use tempfile::TempDir;

use super::raw;
use crate::adapters::store_sqlite::{Cause, Health, Options, SqliteStore, verify};

const NO_STREAM: ExpectedRevision = ExpectedRevision::NoStream;

/// A store whose disk does not answer until the connection ends its transaction.
fn stuck(change: impl FnOnce(&mut Options)) -> (SqliteStore, Connection, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let mut options = Options {
        busy_timeout: Duration::from_secs(60),
        ..Options::new(dir.path())
    };
    change(&mut options);
    let store = SqliteStore::open(options).unwrap();
    let blocker = raw(dir.path());
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    (store, blocker, dir)
}

async fn append(store: &SqliteStore, name: &str, event: NewEvent) -> Result<u64, AppendError> {
    let landed = store.append(&stream(name), NO_STREAM, &[event]).await;
    landed.map(|landed| landed.position.0)
}

/// Asks again until the store has it, as an actor does: these stores are impatient, and a real disk
/// is slow at times too.
async fn insist(store: &SqliteStore, name: &str, event: NewEvent) -> u64 {
    for _ in 0..1_000 {
        match append(store, name, event.clone()).await {
            Ok(position) => return position,
            Err(AppendError::Unavailable(_) | AppendError::OutcomeUnknown(_)) => {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            Err(other) => unreachable!("{other}"),
        }
    }
    unreachable!("the store did not recover")
}

#[tokio::test]
async fn while_the_disk_does_not_answer_the_store_is_not_ready_and_refuses_at_once() {
    let (store, blocker, _dir) = stuck(|options| options.stall_after = Duration::from_millis(50));
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { append(&store, "a-1", plain(1)).await }
    });
    let stalled = async {
        while store.is_accepting() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), stalled)
        .await
        .unwrap();
    let Health::Failing { cause, .. } = store.health() else {
        unreachable!("{:?}", store.health());
    };
    assert_eq!(cause, Cause::Stalled);
    let asked = Instant::now();
    let refused = append(&store, "a-2", plain(2)).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))));
    assert!(asked.elapsed() < Duration::from_millis(500));
    assert_eq!(store.read_all(None, 10).await, Ok(vec![]), "reads go on");
    blocker.execute_batch("ROLLBACK").unwrap();
    assert_eq!(waiting.await.unwrap(), Ok(1));
    assert_eq!(insist(&store, "a-2", plain(2)).await, 2);
}

#[tokio::test]
async fn an_append_that_waits_too_long_is_withdrawn_or_told_as_unknown_and_never_both() {
    let (store, blocker, dir) = stuck(|options| {
        options.append_wait = Duration::from_millis(100);
        options.max_batch = 1;
        options.stall_after = Duration::from_secs(60);
    });
    let (begun, behind) = (plain(1), plain(2));
    let first = append(&store, "a-1", begun.clone());
    let second = async {
        // Not before the writer has begun the first.
        while store.shared.board.is_waiting() {
            tokio::task::yield_now().await;
        }
        append(&store, "a-2", behind.clone()).await
    };
    let (first, second) = tokio::join!(first, second);
    assert!(
        matches!(first, Err(AppendError::OutcomeUnknown(_))),
        "{first:?}"
    );
    assert!(
        matches!(second, Err(AppendError::Unavailable(_))),
        "{second:?}"
    );
    blocker.execute_batch("ROLLBACK").unwrap();
    assert_eq!(insist(&store, "a-3", plain(3)).await, 2);
    let withdrawn = stream("a-2");
    let read = store.read_stream(&withdrawn, None, Direction::Forwards, 1);
    assert_eq!(read.await, Ok(vec![]), "a withdrawn append was stored");
    assert_eq!(insist(&store, "a-1", begun).await, 1, "asked again");
    assert!(verify(dir.path()).unwrap().is_clean());
}

#[tokio::test]
async fn the_queue_is_bounded_by_bytes() {
    let (store, blocker, _dir) = stuck(|options| {
        options.append_bytes = 1_000;
        options.queue_wait = Duration::from_millis(50);
    });
    let first = append(&store, "a-1", plain(1));
    let second = async {
        let refused = append(&store, "a-2", plain(2)).await;
        blocker.execute_batch("ROLLBACK").unwrap();
        refused
    };
    let (first, second) = tokio::join!(first, second);
    assert_eq!(first, Ok(1));
    let Err(AppendError::Unavailable(reason)) = second else {
        unreachable!("{second:?}");
    };
    assert!(reason.contains("too many"), "{reason}");
    let large = NewEvent {
        data: format!("\"{}\"", "x".repeat(9_000)),
        ..plain(3)
    };
    let landed = append(&store, "a-3", large).await;
    assert!(
        landed.is_ok(),
        "one larger than all the room is taken alone"
    );
}
