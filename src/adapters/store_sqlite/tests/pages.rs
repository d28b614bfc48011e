//! Whole pages that are malformed: of the ticket list, and under one stream.

use std::fs;
use std::path::Path;

use punchcard_actors::ports::{
    AppendError, EventStore, ExpectedRevision, Order, ReadError, TicketFilter, TicketIndex,
};
use punchcard_actors::testing::store_contract::fixtures::{
    plain, pre_processed, sent, stream, ticket,
};

use punchcard_events::Revision;

use super::{at, deliver, fill, issue, open, raw, recorded};
use crate::adapters::store_sqlite::{
    Options, SqliteStore, lock, rebuild_list, start::TAIL, verify, wal,
};

/// Overwrites pages of a closed store with what no page of a tree begins with.
fn malform(dir: &Path, pages: &[usize]) {
    let path = lock::database_in(dir);
    let mut bytes = fs::read(&path).unwrap();
    for page in pages {
        bytes[(page - 1) * 4_096..page * 4_096].fill(0xff);
    }
    fs::write(&path, bytes).unwrap();
}

/// The page that a table or an index begins with.
pub(super) fn root_of(dir: &Path, name: &str) -> usize {
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let root: u32 = raw(dir).query_row(sql, [name], |row| row.get(0)).unwrap();
    root as usize
}

/// The page of the events' own tree that has a position: it holds its body's beginning.
fn leaf_of(dir: &Path, position: u32) -> usize {
    let conn = raw(dir);
    let sql = "SELECT id FROM events WHERE position = ?1";
    let id: String = conn.query_row(sql, [position], |row| row.get(0)).unwrap();
    let bytes = fs::read(lock::database_in(dir)).unwrap();
    let at = bytes.windows(id.len()).position(|at| at == id.as_bytes());
    at.unwrap() / 4_096 + 1
}

#[tokio::test]
async fn a_malformed_ticket_list_keeps_no_store_closed_and_is_made_anew() {
    for name in [
        "tickets",
        "tickets_open",
        "tickets_ended",
        "tickets_by_task",
    ] {
        let (store, dir) = open().await;
        fill(&store).await;
        issue(&store, 6).await;
        let everything = TicketFilter::default();
        let sound = store.list(&everything, Order::OldestFirst, None, 9).await;
        store.close();
        malform(dir.path(), &[root_of(dir.path(), name)]);
        assert!(!verify(dir.path()).unwrap().is_clean(), "{name}");
        let options = Options::new(dir.path());
        let store = SqliteStore::open(options.clone()).unwrap();
        assert_eq!(store.read_all(None, 100).await.unwrap().len(), 34, "{name}");
        store.close();
        assert_eq!(rebuild_list(&options).unwrap(), 6, "{name}");
        let report = verify(dir.path()).unwrap();
        assert!(report.is_clean(), "{name}: {report:?}");
        let store = SqliteStore::open(options).unwrap();
        let rebuilt = store.list(&everything, Order::OldestFirst, None, 9).await;
        assert_eq!(rebuilt, sound, "{name}");
        deliver(&store, 7).await;
    }
}

#[tokio::test]
async fn a_malformed_page_under_one_stream_stops_nobody_else() {
    let (store, dir) = open().await;
    let (poisoned, sound) = (stream("poisoned-1"), stream("sound-1"));
    // Old enough that a start does not look there, and so many that they have pages of their own.
    let events: Vec<_> = (0..40).map(plain).collect();
    let none = ExpectedRevision::NoStream;
    store.append(&poisoned, none, &events).await.unwrap();
    let more: Vec<_> = (100..100 + TAIL + 100).map(plain).collect();
    let last = store.append(&sound, none, &more).await.unwrap();
    store.close();
    // The leaf that holds the newest of them.
    let leaf = leaf_of(dir.path(), 40);
    malform(dir.path(), &[leaf]);
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    let expected = ExpectedRevision::Exact(Revision(39));
    let event = [plain(9_000)];
    let (poison, other) = (store.append(&poisoned, expected, &event), [plain(9_001)]);
    let beside = store.append(&sound, ExpectedRevision::Exact(last.revision), &other);
    let (poison, beside) = tokio::join!(poison, beside);
    let Err(AppendError::Unavailable(reason)) = poison else {
        unreachable!("{poison:?}");
    };
    assert!(reason.contains("poisoned-1 is damaged"), "{reason}");
    assert!(beside.is_ok(), "{beside:?}");
    // One that looks for what it would repeat.
    let repeat = store.append(&poisoned, none, &events).await;
    assert!(matches!(repeat, Err(AppendError::Unavailable(_))));
    let new = stream("new-1");
    let both = tokio::join!(
        store.append(&poisoned, expected, &event),
        store.append(&new, none, &event),
    );
    assert!(both.0.is_err() && both.1.is_ok(), "{both:?}");
    assert_eq!(store.written().reopened, 0, "the store was stopped");
    assert!(store.is_accepting());
}

#[tokio::test]
async fn a_list_that_cannot_be_mended_is_looked_through_once() {
    let (store, dir) = open().await;
    fill(&store).await;
    store.close();
    malform(dir.path(), &[root_of(dir.path(), "tickets")]);
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    let everything = TicketFilter::default();
    let mut told = Vec::new();
    for _ in 0..3 {
        let page = store.list(&everything, Order::OldestFirst, None, 9).await;
        let Err(ReadError::Damaged(reason)) = page else {
            unreachable!("{page:?}");
        };
        told.push(reason);
    }
    assert_eq!(store.looked_through(), 1, "{told:?}");
}

#[tokio::test]
async fn an_append_leaves_a_damaged_line_of_its_ticket_to_the_next_list() {
    let (store, dir) = open().await;
    issue(&store, 6).await;
    let others: Vec<_> = (100..100 + TAIL).map(plain).collect();
    let none = ExpectedRevision::NoStream;
    store
        .append(&stream("other-1"), none, &others)
        .await
        .unwrap();
    store.close();
    let wrong = "UPDATE tickets SET task = 'another', deadline_ms = 1 WHERE id LIKE '%6'";
    assert_eq!(raw(dir.path()).execute(wrong, []), Ok(1));
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    let id = ticket(6);
    for (revision, event) in [pre_processed(), sent(1)].iter().enumerate() {
        let next = recorded(id, event, at(7));
        let expected = ExpectedRevision::Exact(Revision(revision as u64));
        store.append(&id.stream(), expected, &[next]).await.unwrap();
    }
    assert_eq!(store.written().reopened, 0);
    let kept = "SELECT task FROM tickets WHERE id LIKE '%6'";
    let kept: String = raw(dir.path())
        .query_row(kept, [], |row| row.get(0))
        .unwrap();
    assert_eq!(kept, "another", "the append worked on the line");
    let everything = TicketFilter::default();
    let page = store
        .list(&everything, Order::OldestFirst, None, 9)
        .await
        .unwrap();
    assert_eq!(page[0].revision, Revision(2));
    assert!(verify(dir.path()).unwrap().is_clean());
}

/// The pages that the frames of a store's log hold.
pub(super) fn logged(dir: &Path) -> Vec<u32> {
    let log = fs::read(wal::beside(&lock::database_in(dir))).unwrap();
    let frames = log[32..].chunks_exact(24 + 4_096);
    frames
        .map(|frame| u32::from_be_bytes(*frame.first_chunk().unwrap()))
        .collect()
}

#[tokio::test]
async fn a_ticket_that_keeps_its_deadline_writes_no_index_of_open_tickets() {
    let (store, dir) = open().await;
    issue(&store, 6).await;
    let open_tickets = root_of(dir.path(), "tickets_open") as u32;
    let before = logged(dir.path()).len();
    let id = ticket(6);
    for (revision, event) in [pre_processed(), sent(1)].iter().enumerate() {
        let next = recorded(id, event, at(7));
        let expected = ExpectedRevision::Exact(Revision(revision as u64));
        store.append(&id.stream(), expected, &[next]).await.unwrap();
    }
    let written = logged(dir.path()).split_off(before);
    assert!(!written.is_empty());
    assert!(!written.contains(&open_tickets), "{written:?}");
    assert!(verify(dir.path()).unwrap().is_clean());
}
