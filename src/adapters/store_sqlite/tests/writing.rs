use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::join_all;
use punchcard_actors::ports::{AppendError, EventStore, ExpectedRevision};
use punchcard_actors::testing::store_contract::fixtures::{plain, stream};
use punchcard_events::{NewEvent, Position, Revision};
use tempfile::TempDir;

use super::{deliver, open, raw};
use crate::adapters::store_sqlite::{Health, Options, SqliteStore, verify};

const NO_STREAM: ExpectedRevision = ExpectedRevision::NoStream;

/// A store that gives up on a locked database at once.
fn impatient() -> (SqliteStore, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        busy_timeout: Duration::ZERO,
        ..Options::new(dir.path())
    };
    (SqliteStore::open(options).unwrap(), dir)
}

/// Asks again until the store takes the append, as an actor does; bounded by the store's own
/// longest pause.
async fn insist(store: &SqliteStore, name: &str, event: &NewEvent) -> Position {
    for _ in 0..200 {
        let s = stream(name);
        match store
            .append(&s, NO_STREAM, std::slice::from_ref(event))
            .await
        {
            Ok(landed) => return landed.position,
            Err(AppendError::Unavailable(_)) => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(other) => unreachable!("{other}"),
        }
    }
    unreachable!("the store did not recover")
}

#[tokio::test]
async fn appends_that_wait_together_share_a_commit() {
    let (store, _dir) = open().await;
    let tickets = 200;
    join_all((0..tickets).map(|n| deliver(&store, n))).await;
    let written = store.written();
    assert_eq!(written.appends, tickets * 6);
    assert!(written.commits * 4 < written.appends, "{written:?}");
}

#[tokio::test]
async fn a_batch_is_bounded_by_its_events() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        max_batch: 2,
        ..Options::new(dir.path())
    };
    let store = SqliteStore::open(options).unwrap();
    join_all((0..20).map(|n| deliver(&store, n))).await;
    let written = store.written();
    assert!(written.commits * 2 >= written.appends, "{written:?}");
    let big: Vec<_> = (0..10).map(plain).collect();
    let landed = store.append(&stream("big-1"), NO_STREAM, &big).await;
    assert_eq!(landed.unwrap().revision, Revision(9));
}

#[tokio::test]
async fn a_conflict_in_a_batch_fails_nobody_else() {
    let (store, _dir) = open().await;
    let appends = (0..100).map(|n: u64| {
        let store = store.clone();
        async move {
            // Every pair of neighbours wants the same stream.
            let s = stream(&format!("pair-{}", n / 2));
            store.append(&s, NO_STREAM, &[plain(n)]).await
        }
    });
    let answers = join_all(appends).await;
    let won = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!(won, 50);
    assert!(store.written().commits < 50, "{:?}", store.written());
    assert_eq!(store.read_all(None, 1_000).await.unwrap().len(), 50);
}

#[tokio::test]
async fn a_full_queue_refuses_and_does_not_wait_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        append_queue: 0,
        queue_wait: Duration::from_millis(1),
        ..Options::new(dir.path())
    };
    let store = SqliteStore::open(options).unwrap();
    let refused = store.append(&stream("a-1"), NO_STREAM, &[plain(1)]).await;
    assert!(matches!(refused, Err(AppendError::Unavailable(_))));
}

#[tokio::test]
async fn a_failure_before_the_commit_is_told_as_nothing_written_and_heals() {
    let (store, dir) = impatient();
    deliver(&store, 1).await;
    let mut followed = store.subscribe(Some(Position(6)));
    let blocker = raw(dir.path());
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let event = plain(1);
    let s = stream("a-1");
    let failed = store
        .append(&s, NO_STREAM, std::slice::from_ref(&event))
        .await;
    assert!(
        matches!(failed, Err(AppendError::Unavailable(_))),
        "{failed:?}"
    );
    let Health::Failing { reason, .. } = store.health() else {
        unreachable!("{:?}", store.health());
    };
    assert!(reason.contains("locked"), "{reason}");
    assert!(!store.is_accepting());
    assert_eq!(
        store.read_all(None, 10).await.unwrap().len(),
        6,
        "reads go on"
    );
    blocker.execute_batch("ROLLBACK").unwrap();
    let position = insist(&store, "a-1", &event).await;
    assert_eq!(followed.next().await.unwrap().unwrap().position, position);
    assert!(store.is_accepting());
    assert!(store.written().reopened >= 1);
    assert!(verify(dir.path()).unwrap().is_clean());
}

#[tokio::test]
async fn health_comes_back_without_an_append() {
    let (store, dir) = impatient();
    let blocker = raw(dir.path());
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let failed = store.append(&stream("a-1"), NO_STREAM, &[plain(1)]).await;
    assert!(failed.is_err());
    blocker.execute_batch("ROLLBACK").unwrap();
    let healed = async {
        while !store.is_accepting() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), healed)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_failed_commit_is_told_as_unknown_and_settled_by_asking_again() {
    let (store, dir) = impatient();
    deliver(&store, 1).await;
    // A foreign key that is checked at the commit, and that no row can satisfy.
    let saboteur = raw(dir.path());
    saboteur
        .execute_batch(
            "CREATE TABLE nowhere (id INTEGER PRIMARY KEY);
             CREATE TABLE trap (id INTEGER REFERENCES nowhere DEFERRABLE INITIALLY DEFERRED);
             CREATE TRIGGER spring AFTER INSERT ON events
             BEGIN INSERT INTO trap VALUES (new.position); END;",
        )
        .unwrap();
    let event = plain(1);
    let s = stream("a-1");
    let failed = store
        .append(&s, NO_STREAM, std::slice::from_ref(&event))
        .await;
    assert!(
        matches!(failed, Err(AppendError::OutcomeUnknown(_))),
        "{failed:?}"
    );
    saboteur
        .execute_batch("DROP TRIGGER spring; DROP TABLE trap; DROP TABLE nowhere;")
        .unwrap();
    let position = insist(&store, "a-1", &event).await;
    assert_eq!(position, Position(7), "a position was lost or given twice");
    assert!(verify(dir.path()).unwrap().is_clean());
}

#[tokio::test]
async fn a_store_heals_only_once_its_disk_takes_files_again() {
    let (store, dir) = impatient();
    let blocker = raw(dir.path());
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (s, event) = (stream("a-1"), plain(1));
    let again = || store.append(&s, NO_STREAM, std::slice::from_ref(&event));
    assert!(again().await.is_err());
    // The probe's file cannot be written where a directory stands.
    let in_the_way = dir.path().join("punchcard.probe");
    std::fs::create_dir(&in_the_way).unwrap();
    blocker.execute_batch("ROLLBACK").unwrap();
    let probed = async {
        loop {
            let refused = again().await.unwrap_err().to_string();
            if refused.contains("punchcard.probe") {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let limit = Duration::from_secs(10);
    tokio::time::timeout(limit, probed).await.unwrap();
    assert!(!store.is_accepting());
    std::fs::remove_dir(&in_the_way).unwrap();
    insist(&store, "a-1", &event).await;
    assert!(store.is_accepting());
}

/// Pages in the write-ahead log, as long as it has not begun anew: a frame is a page and its header.
fn pages_logged(data_dir: &std::path::Path) -> u64 {
    let log = std::fs::metadata(data_dir.join("punchcard.db-wal")).unwrap();
    log.len().saturating_sub(32) / (4_096 + 24)
}

/// What a commit writes is what a ticket costs. Before the indexes over states were made partial, a
/// ticket of six commits alone wrote 52 pages, and 4.8 among 64 others.
#[tokio::test]
async fn a_ticket_writes_few_pages() {
    let (store, dir) = open().await;
    // Trees of a realistic depth: pages are shared less when there are more of them.
    join_all((0..1_000).map(|n| deliver(&store, n))).await;
    store.close();
    for (lanes, tickets, at_most) in [(1_u64, 16_u64, 40.0), (64, 64, 5.0)] {
        let store = SqliteStore::open(Options::new(dir.path())).unwrap();
        let (before, written) = (pages_logged(dir.path()), store.written());
        let lane = |lane| {
            let store = &store;
            let first = 10_000 * lanes + lane;
            async move {
                for number in (first..first + tickets).step_by(lanes as usize) {
                    deliver(store, number).await;
                }
            }
        };
        join_all((0..lanes).map(lane)).await;
        let commits = store.written().commits - written.commits;
        let pages = (pages_logged(dir.path()) - before) as f64 / tickets as f64;
        eprintln!("{lanes} lanes: {pages:.1} pages a ticket, {commits} commits");
        assert!(pages <= at_most, "{lanes} lanes: {pages} pages a ticket");
        store.close();
    }
}
