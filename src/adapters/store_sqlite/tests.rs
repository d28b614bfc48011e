//! Tests of what is special to this store; the rest is the contract.

mod backups;
mod categories;
mod damage;
mod failing;
mod flips;
mod older_file;
mod opening;
mod pages;
mod queries;
mod replay;
mod upgrades;
mod waiting;
mod witnessing;
mod writing;

use std::path::Path;

use punchcard_actors::ports::{EventStore as _, ExpectedRevision};
use punchcard_actors::testing::store_contract::fixtures::{
    answered, at, delivered, persisted, plain, pre_processed, recorded, request, sent, stream,
    ticket,
};
use punchcard_events::Revision;
use rusqlite::Connection;
use tempfile::TempDir;

use super::{Options, SqliteStore, lock};

mod contract {
    punchcard_actors::store_contract!(super::open);
}

async fn open() -> (SqliteStore, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    (store, dir)
}

/// A whole ticket, one append an event.
async fn deliver(store: &SqliteStore, number: u64) {
    let id = ticket(number);
    let life = [
        request("onehour", "writing-review", Some("s-1"), at(number)),
        pre_processed(),
        sent(1),
        answered(1),
        persisted(),
        delivered(),
    ];
    let mut expected = ExpectedRevision::NoStream;
    for event in &life {
        let event = recorded(id, event, at(number));
        let landed = store.append(&id.stream(), expected, &[event]).await;
        expected = ExpectedRevision::Exact(landed.unwrap().revision);
    }
}

/// A ticket that is open.
async fn issue(store: &SqliteStore, number: u64) {
    let id = ticket(number);
    let asked = request("onehour", "writing-review", None, at(number));
    let event = recorded(id, &asked, at(number));
    let landed = store
        .append(&id.stream(), ExpectedRevision::NoStream, &[event])
        .await;
    assert_eq!(landed.unwrap().revision, Revision::FIRST);
}

/// Five tickets and a stream of another kind.
async fn fill(store: &SqliteStore) {
    for number in 1..=5 {
        deliver(store, number).await;
    }
    let other = stream("prompt-onehour");
    let events = [plain(1), plain(2), plain(3)];
    let landed = store
        .append(&other, ExpectedRevision::NoStream, &events)
        .await;
    assert_eq!(landed.unwrap().revision, Revision(2));
}

/// The database itself, as an admin tool sees it.
fn raw(data_dir: &Path) -> Connection {
    Connection::open(lock::database_in(data_dir)).unwrap()
}

/// Copies every file of a data directory but the lock, as a crash or an operator would.
fn image(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_file()
            && !name.ends_with(".lock")
            && !name.ends_with("-shm")
        {
            std::fs::copy(entry.path(), to.join(name)).unwrap();
        }
    }
}
