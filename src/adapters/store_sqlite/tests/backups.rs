use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use punchcard_actors::ports::EventStore;

use super::{at, deliver, fill, open, raw};
use crate::adapters::store_sqlite::{
    BackupError, Options, SqliteStore, StatsError, backup, stats, verify,
};

#[tokio::test(flavor = "current_thread")]
async fn a_backup_under_load_has_every_event_acknowledged_before_it() {
    let (store, dir) = open().await;
    deliver(&store, 0).await;
    let (stop, acknowledged) = (AtomicBool::new(false), AtomicU64::new(6));
    let load = |lane: u64| {
        let (store, stop, acknowledged) = (&store, &stop, &acknowledged);
        async move {
            let mut number = 1_000 * (lane + 1);
            while !stop.load(Ordering::Relaxed) {
                deliver(store, number).await;
                acknowledged.fetch_add(6, Ordering::Relaxed);
                number += 1;
            }
        }
    };
    let copy = dir.path().join("backup.db");
    let make = async {
        while acknowledged.load(Ordering::Relaxed) < 300 {
            tokio::task::yield_now().await;
        }
        let before = acknowledged.load(Ordering::Relaxed);
        let (from, to) = (dir.path().to_owned(), copy.clone());
        let made = tokio::task::spawn_blocking(move || backup(&from, &to)).await;
        let written_after = acknowledged.load(Ordering::Relaxed);
        stop.store(true, Ordering::Relaxed);
        (before, made.unwrap().unwrap(), written_after)
    };
    let ((before, made, after), ..) =
        tokio::join!(make, load(0), load(1), load(2), load(3), load(4));
    assert!(after >= before);
    assert!(
        made.last_position >= before,
        "{made:?} lacks some of {before}"
    );
    let report = verify(&copy).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(report.events, made.last_position);
}

#[tokio::test]
async fn a_backup_placed_in_a_directory_opens_and_goes_on() {
    let (store, dir) = open().await;
    fill(&store).await;
    let restored = dir.path().join("restored");
    std::fs::create_dir(&restored).unwrap();
    backup(store.data_dir(), &restored.join("punchcard.db")).unwrap();
    let copy = SqliteStore::open(Options::new(&restored)).unwrap();
    let original = store.read_all(None, 1_000).await;
    assert_eq!(copy.read_all(None, 1_000).await, original);
    deliver(&copy, 77).await;
    assert!(verify(&restored).unwrap().is_clean());
}

#[tokio::test]
async fn a_backup_overwrites_nothing_and_leaves_nothing_half_made() {
    let (store, dir) = open().await;
    let precious = dir.path().join("precious");
    std::fs::write(&precious, "keep me").unwrap();
    let refused = backup(store.data_dir(), &precious).unwrap_err();
    assert!(matches!(refused, BackupError::Exists(_)), "{refused}");
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "keep me");
    let nowhere = dir.path().join("no/such/directory/b.db");
    let refused = backup(store.data_dir(), &nowhere).unwrap_err();
    assert!(matches!(refused, BackupError::File { .. }), "{refused}");
    backup(store.data_dir(), &dir.path().join("good")).unwrap();
    let mut names: Vec<_> = std::fs::read_dir(dir.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.starts_with("punchcard."))
        .collect();
    names.sort();
    assert_eq!(names, ["good", "precious"]);
}

#[tokio::test]
async fn a_backup_that_fails_half_way_leaves_nothing() {
    let (store, dir) = open().await;
    fill(&store).await;
    // The pages are copied, and then the head cannot be read.
    let damaged = raw(dir.path()).execute("UPDATE log_head SET hash = zeroblob(5)", []);
    assert_eq!(damaged, Ok(1));
    let target = tempfile::tempdir().unwrap();
    let failed = backup(dir.path(), &target.path().join("copy.db")).unwrap_err();
    assert!(matches!(failed, BackupError::Sqlite { .. }), "{failed}");
    assert_eq!(std::fs::read_dir(target.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn the_numbers_of_a_store_are_told() {
    let (store, dir) = open().await;
    fill(&store).await;
    let told = stats(dir.path()).unwrap();
    assert_eq!((told.events, told.streams), (33, 6));
    let json = serde_json::to_value(&told).unwrap();
    assert_eq!(json["tickets"], serde_json::json!({ "delivered": 5 }));
    assert!(told.database_bytes + told.wal_bytes > 0);
    assert_eq!(told.oldest_event_at, Some(at(1)));
    assert_eq!(told.newest_event_at, Some(at(0)), "the last appended");
    let nothing = stats(&dir.path().join("nothing"));
    assert!(matches!(nothing, Err(StatsError::Open(_))));
}
