//! A database file under a log that is not its own.

use std::fs;
use std::path::Path;

use punchcard_actors::ports::EventStore;
use tempfile::TempDir;

use super::{deliver, fill, image, open, raw};
use crate::adapters::store_sqlite::{
    LossError, OpenError, Options, SqliteStore, accept_loss, lock, verify, wal,
};

/// A directory as it was when the process died, whose log was folded and begun anew many times while
/// the process ran, and the database file of before.
async fn killed() -> (TempDir, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let options = Options {
        checkpoint_pages: 8,
        ..Options::new(dir.path())
    };
    let store = SqliteStore::open(options).unwrap();
    fill(&store).await;
    let older = fs::read(lock::database_in(dir.path())).unwrap();
    for number in 6..=20 {
        deliver(&store, number).await;
    }
    let killed = tempfile::tempdir().unwrap();
    image(dir.path(), killed.path());
    (killed, older)
}

fn everything(dir: &Path) -> Vec<Vec<u8>> {
    let names = ["punchcard.db", "punchcard.db-wal", "punchcard.witness"];
    names
        .map(|name| fs::read(dir.join(name)).unwrap_or_default())
        .into()
}

#[tokio::test]
async fn an_older_file_under_a_newer_log_is_refused_and_is_no_loss_to_be_accepted() {
    let (dir, older) = killed().await;
    let options = Options::new(dir.path());
    let database = lock::database_in(dir.path());
    let newer = fs::read(&database).unwrap();
    fs::write(&database, &older).unwrap();
    let before = everything(dir.path());
    let refused = SqliteStore::open(options.clone()).unwrap_err();
    let OpenError::OtherLog { file, .. } = refused else {
        unreachable!("{refused}");
    };
    assert!(file < 123, "{refused}");
    let refused = accept_loss(&options, true, 1).unwrap_err();
    assert!(
        matches!(refused, LossError::Open(OpenError::OtherLog { .. })),
        "{refused}"
    );
    assert!(everything(dir.path()) == before, "it changed something");
    fs::write(&database, newer).unwrap();
    let store = SqliteStore::open(options).unwrap();
    assert_eq!(store.read_all(None, 200).await.unwrap().len(), 123);
    store.close();
    assert!(verify(dir.path()).unwrap().is_clean());
}

#[tokio::test]
async fn another_stores_file_under_a_log_is_refused() {
    let (dir, _) = killed().await;
    let (other, other_dir) = open().await;
    for number in 1..=40 {
        deliver(&other, number).await;
    }
    other.close();
    fs::copy(
        lock::database_in(other_dir.path()),
        lock::database_in(dir.path()),
    )
    .unwrap();
    // Pages of two stores are malformed together, which may be seen first.
    let refused = SqliteStore::open(Options::new(dir.path())).unwrap_err();
    let refused = refused.to_string();
    assert!(refused.contains("store verify"), "{refused}");
}

#[tokio::test]
async fn a_file_that_was_torn_in_a_fold_is_made_whole_by_its_log() {
    let (dir, _) = killed().await;
    let database = lock::database_in(dir.path());
    let page: u32 = {
        let copy = tempfile::tempdir().unwrap();
        image(dir.path(), copy.path());
        let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'log_head'";
        raw(copy.path())
            .query_row(root, [], |row| row.get(0))
            .unwrap()
    };
    let mut bytes = fs::read(&database).unwrap();
    let page = page as usize;
    bytes[(page - 1) * 4_096..page * 4_096].fill(0xff);
    fs::write(&database, bytes).unwrap();
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    assert_eq!(store.read_all(None, 200).await.unwrap().len(), 123);
}

#[tokio::test]
async fn a_store_of_version_2_is_upgraded() {
    let (dir, _) = killed().await;
    let conn = raw(dir.path());
    conn.execute_batch(
        "DROP INDEX events_by_category; DROP INDEX tickets_scheduled; DROP INDEX tickets_failed; \
         DROP INDEX tickets_forks; DROP INDEX tickets_forks_of; \
         ALTER TABLE tickets DROP COLUMN fork_of; ALTER TABLE tickets DROP COLUMN not_before_ms; ALTER TABLE log_head DROP COLUMN folded; \
         PRAGMA user_version = 2",
    )
    .unwrap();
    wal::empty(&conn).unwrap();
    drop(conn);
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    deliver(&store, 77).await;
    store.close();
    assert!(verify(dir.path()).unwrap().is_clean());
}
