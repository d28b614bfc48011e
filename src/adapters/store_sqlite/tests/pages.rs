//! Whole pages that are malformed: of the ticket list, and under one stream.

use std::fs;
use std::path::Path;

use punchcard_actors::ports::{
    AppendError, EventStore, ExpectedRevision, Order, TicketFilter, TicketIndex,
};
use punchcard_actors::testing::store_contract::fixtures::{plain, stream};

use super::{deliver, fill, issue, open, raw};
use crate::adapters::store_sqlite::{Options, SqliteStore, lock, rebuild_list, verify};

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
fn root_of(dir: &Path, name: &str) -> usize {
    let sql = "SELECT rootpage FROM sqlite_schema WHERE name = ?1";
    let root: u32 = raw(dir).query_row(sql, [name], |row| row.get(0)).unwrap();
    root as usize
}

#[tokio::test]
async fn a_malformed_ticket_list_keeps_no_store_closed_and_is_made_anew() {
    for name in ["tickets", "tickets_open", "tickets_ended", "tickets_by_task"] {
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
