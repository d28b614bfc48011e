use std::fs;

use punchcard_actors::ports::{AppendError, EventStore, ExpectedRevision};
use punchcard_actors::testing::store_contract::fixtures::{plain, stream};
use punchcard_events::Position;

use super::{fill, open, raw};
use crate::adapters::store_sqlite::{
    Health, OpenError, Options, SqliteStore, connection, lock, schema,
};

#[tokio::test]
async fn a_store_opened_again_has_everything_and_goes_on_where_it_was() {
    let (store, dir) = open().await;
    fill(&store).await;
    let before = store.read_all(None, 1_000).await.unwrap();
    drop(store);
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    assert_eq!(store.read_all(None, 1_000).await.unwrap(), before);
    let (s, event) = (stream("a-1"), [plain(1)]);
    let landed = store.append(&s, ExpectedRevision::NoStream, &event);
    let next = before.last().unwrap().position.0 + 1;
    assert_eq!(landed.await.unwrap().position, Position(next));
}

#[tokio::test]
async fn a_second_open_is_refused_with_the_directory_named() {
    let (store, dir) = open().await;
    let refused = SqliteStore::open(Options::new(dir.path())).unwrap_err();
    assert!(matches!(refused, OpenError::InUse { .. }), "{refused}");
    assert!(
        refused
            .to_string()
            .contains(&dir.path().display().to_string())
    );
    store.close();
    SqliteStore::open(Options::new(dir.path())).unwrap();
}

#[tokio::test]
async fn a_closed_store_takes_and_gives_nothing_and_says_so() {
    let (store, _dir) = open().await;
    store.close();
    store.close();
    let (s, event) = (stream("a-1"), [plain(1)]);
    let refused = store.append(&s, ExpectedRevision::NoStream, &event);
    assert!(matches!(refused.await, Err(AppendError::Unavailable(_))));
    assert!(store.read_all(None, 1).await.is_err());
    assert_eq!(store.health(), Health::Closed);
    let mut subscription = store.subscribe(None);
    let last = futures_util::StreamExt::next(&mut subscription).await;
    assert!(matches!(last, Some(Err(_))), "the end was silent");
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let (store, dir) = open().await;
    drop(store);
    let newer = schema::VERSION + 1;
    let file = raw(dir.path());
    file.pragma_update(None, "user_version", newer).unwrap();
    drop(file);
    let refused = SqliteStore::open(Options::new(dir.path())).unwrap_err();
    let OpenError::NewerSchema { found, known, .. } = refused else {
        unreachable!("{refused}");
    };
    assert_eq!((found, known), (newer, schema::VERSION));
}

#[test]
fn a_file_that_is_no_store_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let path = lock::database_in(dir.path());
    let text = "this is somebody's diary, not a database. ".repeat(100);
    fs::write(&path, &text).unwrap();
    let refused = SqliteStore::open(Options::new(dir.path())).unwrap_err();
    assert!(matches!(refused, OpenError::NotAStore { .. }), "{refused}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
    fs::remove_file(&path).unwrap();
    raw(dir.path())
        .execute_batch("CREATE TABLE diary (day TEXT)")
        .unwrap();
    let refused = SqliteStore::open(Options::new(dir.path())).unwrap_err();
    assert!(matches!(refused, OpenError::NotAStore { .. }), "{refused}");
}

#[test]
fn a_missing_directory_is_made_for_this_user_only() {
    let dir = tempfile::tempdir().unwrap();
    let data_dir = dir.path().join("var/lib/punchcard");
    let store = SqliteStore::open(Options::new(&data_dir)).unwrap();
    #[cfg(unix)]
    {
        let mode = fs::metadata(&data_dir).unwrap().permissions();
        let mode = std::os::unix::fs::PermissionsExt::mode(&mode);
        assert_eq!(mode & 0o777, 0o700);
    }
    assert!(store.is_accepting());
}

#[test]
fn a_directory_that_cannot_be_made_is_a_sentence() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let refused = SqliteStore::open(Options::new(file.join("data"))).unwrap_err();
    assert!(matches!(refused, OpenError::Directory { .. }), "{refused}");
    assert!(refused.to_string().contains("cannot be used"));
}

#[test]
fn the_writer_syncs_every_commit() {
    let dir = tempfile::tempdir().unwrap();
    let options = Options::new(dir.path());
    let path = lock::database_in(dir.path());
    let conn = connection::open_writer(&path, options.busy_timeout, |_| Ok(())).unwrap();
    assert_eq!(connection::synchronous(&conn).unwrap(), 2);
}

#[test]
fn a_log_that_cannot_be_had_is_refused() {
    let memory = std::path::Path::new(":memory:");
    let refused = connection::open_writer(memory, Options::new("x").busy_timeout, |_| Ok(()));
    let refused = refused.map(drop).unwrap_err();
    assert!(matches!(refused, OpenError::NotDurable { .. }), "{refused}");
}
