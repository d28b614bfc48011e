//! The database against its witness: what is lost is found at the start, and what is not is not.

use std::fs;
use std::path::Path;

use punchcard_actors::ports::EventStore;
use tempfile::TempDir;

use super::{deliver, fill, image, issue, open, raw};
use crate::adapters::store_sqlite::{
    LossError, Mismatch, OpenError, Options, SqliteStore, WitnessSays, accept_loss, backup, lock,
    verify, verify_with, witness,
};

/// A directory as it was when the process died, with 33 events in the database and six more in the
/// write-ahead log.
async fn killed() -> TempDir {
    let (store, dir) = open().await;
    fill(&store).await;
    store.close();
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    deliver(&store, 6).await;
    let killed = tempfile::tempdir().unwrap();
    image(dir.path(), killed.path());
    killed
}

fn mismatch(dir: &Path) -> Mismatch {
    match SqliteStore::open(Options::new(dir)).unwrap_err() {
        OpenError::Witness { mismatch, .. } => mismatch,
        other => unreachable!("{other}"),
    }
}

fn wal(dir: &Path) -> std::path::PathBuf {
    dir.join("punchcard.db-wal")
}

fn witness_of(dir: &Path) -> std::path::PathBuf {
    witness::beside(&lock::database_in(dir))
}

fn says(dir: &Path) -> WitnessSays {
    let report = verify(dir).unwrap();
    assert!(report.is_clean(), "{report:?}");
    report.witness
}

#[tokio::test]
async fn a_kill_loses_nothing_and_is_no_mismatch() {
    let dir = killed().await;
    assert_eq!(says(dir.path()), WitnessSays::Agrees);
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    assert_eq!(store.read_all(None, 100).await.unwrap().len(), 39);
}

#[tokio::test]
async fn a_kill_between_commit_and_witness_is_no_mismatch() {
    let dir = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    fill(&store).await;
    let before = fs::read(witness_of(dir.path())).unwrap();
    deliver(&store, 6).await;
    let killed = tempfile::tempdir().unwrap();
    image(dir.path(), killed.path());
    fs::write(witness_of(killed.path()), before).unwrap();
    assert_eq!(says(killed.path()), WitnessSays::Behind);
    let store = SqliteStore::open(Options::new(killed.path())).unwrap();
    deliver(&store, 7).await;
    assert_eq!(says(killed.path()), WitnessSays::Agrees);
}

#[tokio::test]
async fn a_torn_slot_leaves_the_other_and_is_mended_by_the_start() {
    for slot in [0, 4_096] {
        let dir = killed().await;
        let path = witness_of(dir.path());
        let mut bytes = fs::read(&path).unwrap();
        bytes[slot + 40..slot + 60].fill(0xff);
        fs::write(&path, bytes).unwrap();
        assert_eq!(says(dir.path()), WitnessSays::OneSlotDamaged);
        let store = SqliteStore::open(Options::new(dir.path())).unwrap();
        deliver(&store, 7).await;
        assert_eq!(says(dir.path()), WitnessSays::Agrees);
    }
}

#[tokio::test]
async fn a_write_ahead_log_that_lost_its_end_is_refused_and_left_as_it_is() {
    let dir = killed().await;
    let log = fs::read(wal(dir.path())).unwrap();
    for left in [0, 32, log.len() / 2, log.len() - 1] {
        fs::write(wal(dir.path()), &log[..left]).unwrap();
        let report = verify(dir.path()).unwrap();
        assert_eq!(
            report.witness,
            WitnessSays::Contradicts,
            "{left} bytes left"
        );
        let Mismatch::LostTail { database, witness } = mismatch(dir.path()) else {
            unreachable!("{left} bytes left");
        };
        assert_eq!(witness, 39);
        assert!(
            (33..39).contains(&database),
            "{left} bytes left: {database}"
        );
        let after = fs::read(wal(dir.path())).unwrap();
        assert_eq!(after, &log[..left], "the evidence was changed");
    }
    fs::write(wal(dir.path()), &log).unwrap();
    SqliteStore::open(Options::new(dir.path())).unwrap();
}

#[tokio::test]
async fn an_older_copy_of_the_database_is_refused_with_the_number_of_lost_events() {
    let (store, dir) = open().await;
    fill(&store).await;
    store.close();
    let old = fs::read(lock::database_in(dir.path())).unwrap();
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    deliver(&store, 6).await;
    store.close();
    fs::write(lock::database_in(dir.path()), old).unwrap();
    let refused = SqliteStore::open(Options::new(dir.path())).unwrap_err();
    let refused = refused.to_string();
    for part in [
        "position 39",
        "position 33",
        "6 events",
        "store accept-loss",
    ] {
        assert!(refused.contains(part), "{refused}");
    }
}

#[tokio::test]
async fn another_stores_database_and_a_forked_history_are_refused() {
    let dir = killed().await;
    let other = killed().await;
    for name in ["punchcard.db", "punchcard.db-wal"] {
        fs::copy(other.path().join(name), dir.path().join(name)).unwrap();
    }
    assert!(matches!(mismatch(dir.path()), Mismatch::OtherStore { .. }));
    // The same store went on twice from one copy.
    let twin = tempfile::tempdir().unwrap();
    image(other.path(), twin.path());
    for (dir, number) in [(&other, 7), (&twin, 8)] {
        let store = SqliteStore::open(Options::new(dir.path())).unwrap();
        deliver(&store, number).await;
        store.close();
    }
    let (from, to) = (
        lock::database_in(twin.path()),
        lock::database_in(other.path()),
    );
    fs::copy(from, to).unwrap();
    assert_eq!(mismatch(other.path()), Mismatch::Forked { position: 45 });
    assert_eq!(verify(other.path()).unwrap().findings_total, 1);
}

#[tokio::test]
async fn a_missing_or_unreadable_witness_is_refused() {
    let dir = killed().await;
    fs::write(witness_of(dir.path()), "nothing of the kind").unwrap();
    assert_eq!(mismatch(dir.path()), Mismatch::Unreadable);
    fs::remove_file(witness_of(dir.path())).unwrap();
    assert_eq!(mismatch(dir.path()), Mismatch::Missing);
    assert_eq!(verify(dir.path()).unwrap().findings_total, 1);
}

#[tokio::test]
async fn a_database_that_is_gone_is_not_begun_anew_and_its_log_is_left_alone() {
    type Fault = fn(&Path);
    let faults: [Fault; 3] = [
        |dir| fs::remove_file(lock::database_in(dir)).unwrap(),
        |dir| fs::write(lock::database_in(dir), "").unwrap(),
        |dir| {
            fs::remove_file(lock::database_in(dir)).unwrap();
            fs::remove_file(witness_of(dir)).unwrap();
        },
    ];
    for fault in faults {
        let dir = killed().await;
        let options = Options::new(dir.path());
        let [database, log] = [lock::database_in(dir.path()), wal(dir.path())]
            .map(|path| (fs::read(&path).unwrap(), path));
        let witness = fs::read(witness_of(dir.path())).unwrap();
        assert!(!log.0.is_empty());
        fault(dir.path());
        let opened = SqliteStore::open(options.clone()).map(drop);
        let accepted = accept_loss(&options, true, 1_000).unwrap_err();
        let LossError::Open(accepted) = accepted else {
            unreachable!("{accepted}");
        };
        for refused in [
            opened.unwrap_err(),
            accepted,
            verify(dir.path()).map(drop).unwrap_err(),
        ] {
            assert!(
                matches!(refused, OpenError::DatabaseGone { .. }),
                "{refused}"
            );
        }
        assert!(fs::read(&log.1).unwrap() == log.0, "the log was changed");
        fs::write(&database.1, &database.0).unwrap();
        fs::write(witness_of(dir.path()), witness).unwrap();
        let store = SqliteStore::open(options).unwrap();
        assert_eq!(store.read_all(None, 100).await.unwrap().len(), 39);
    }
    // Without a log the witness alone knows.
    let dir = killed().await;
    fs::remove_file(lock::database_in(dir.path())).unwrap();
    fs::remove_file(wal(dir.path())).unwrap();
    let refused = SqliteStore::open(Options::new(dir.path())).unwrap_err();
    assert!(matches!(refused, OpenError::DatabaseGone { .. }));
    assert!(!lock::database_in(dir.path()).exists());
}

#[tokio::test]
async fn a_store_whose_making_was_cut_short_is_made() {
    // A file without a page, and one that is a database already, but no store yet.
    for pages in [false, true] {
        let dir = tempfile::tempdir().unwrap();
        fs::write(lock::database_in(dir.path()), "").unwrap();
        if pages {
            let conn = raw(dir.path());
            conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
                .unwrap();
            let made = fs::metadata(lock::database_in(dir.path())).unwrap().len();
            assert!(made > 0, "the first page went to the log");
        }
        let store = SqliteStore::open(Options::new(dir.path())).unwrap();
        deliver(&store, 1).await;
    }
}

#[tokio::test]
async fn an_accepted_loss_is_recorded_and_its_positions_are_not_given_again() {
    let dir = killed().await;
    let options = Options::new(dir.path());
    fs::remove_file(wal(dir.path())).unwrap();
    let accepted = accept_loss(&options, true, 1_000).unwrap();
    assert_eq!(
        (
            accepted.last_position,
            accepted.lost_events,
            accepted.positions_given_up_to
        ),
        (33, Some(6), 39)
    );
    assert!(accepted.old_witness.unwrap().exists());
    let again = accept_loss(&options, true, 2_000).unwrap_err();
    assert!(matches!(again, LossError::NothingLost), "{again}");
    let store = SqliteStore::open(options.clone()).unwrap();
    issue(&store, 7).await;
    let all = store.read_all(None, 100).await.unwrap();
    assert_eq!(all.last().unwrap().position.0, 40);
    let report = verify(dir.path()).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.losses, report.witness), (1, WitnessSays::Agrees));
    // The record itself is a part of what is checked.
    store.close();
    let forged = raw(dir.path()).execute("UPDATE losses SET last_position = 38", []);
    assert_eq!(forged, Ok(1));
    assert!(!verify(dir.path()).unwrap().is_clean());
}

#[tokio::test]
async fn every_mismatch_can_be_accepted() {
    type Fault = fn(&Path);
    let faults: [Fault; 4] = [
        |dir| fs::remove_file(witness_of(dir)).unwrap(),
        |dir| fs::write(witness_of(dir), "").unwrap(),
        |dir| {
            assert_eq!(
                raw(dir).execute("UPDATE log_head SET hash = zeroblob(32)", []),
                Ok(1)
            )
        },
        |dir| {
            assert_eq!(
                raw(dir).execute("UPDATE log_head SET store = zeroblob(16)", []),
                Ok(1)
            )
        },
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let dir = killed().await;
        let options = Options::new(dir.path());
        fault(dir.path());
        assert!(!verify(dir.path()).unwrap().is_clean(), "fault {number}");
        mismatch(dir.path());
        let accepted = accept_loss(&options, true, 1_000).unwrap();
        assert_eq!(accepted.lost_events, None, "fault {number}");
        let store = SqliteStore::open(options).unwrap();
        assert_eq!(store.read_all(None, 100).await.unwrap().len(), 39);
        issue(&store, 7).await;
        assert!(verify(dir.path()).unwrap().is_clean(), "fault {number}");
    }
}

#[tokio::test]
async fn a_witness_may_lie_on_another_disk() {
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = elsewhere.path().join("heads");
    let options = Options {
        witness: Some(path.clone()),
        ..Options::new(dir.path())
    };
    let store = SqliteStore::open(options.clone()).unwrap();
    fill(&store).await;
    store.close();
    assert!(!witness_of(dir.path()).exists());
    let report = verify_with(dir.path(), Some(&path)).unwrap();
    assert_eq!(
        (report.is_clean(), report.witness),
        (true, WitnessSays::Agrees)
    );
    assert_eq!(
        mismatch(dir.path()),
        Mismatch::Missing,
        "without the option"
    );
    // A forgotten option is no loss.
    let forgotten = accept_loss(&Options::new(dir.path()), false, 1_000).unwrap_err();
    assert!(matches!(forgotten, LossError::NoWitness { .. }));
    assert!(forgotten.to_string().contains("--without-witness"));
    assert!(!witness_of(dir.path()).exists());
    SqliteStore::open(options).unwrap();
}

#[tokio::test]
async fn a_backup_in_the_place_of_a_newer_database_is_refused_until_the_loss_is_accepted() {
    let (store, dir) = open().await;
    fill(&store).await;
    let copy = dir.path().join("copy.db");
    backup(dir.path(), &copy).unwrap();
    assert_eq!(verify(&copy).unwrap().witness, WitnessSays::NotExpected);
    deliver(&store, 6).await;
    store.close();
    fs::rename(&copy, lock::database_in(dir.path())).unwrap();
    let expected = Mismatch::LostTail {
        database: 33,
        witness: 39,
    };
    assert_eq!(mismatch(dir.path()), expected);
    accept_loss(&Options::new(dir.path()), true, 1_000).unwrap();
    let store = SqliteStore::open(Options::new(dir.path())).unwrap();
    deliver(&store, 8).await;
    assert_eq!(says(dir.path()), WitnessSays::Agrees);
}

#[cfg(unix)]
#[tokio::test]
async fn what_another_user_makes_belongs_to_the_databases_owner() {
    use std::os::unix::fs::{MetadataExt as _, chown};
    let dir = killed().await;
    let owner_of = |path: &Path| {
        let meta = fs::metadata(path).unwrap();
        (meta.uid(), meta.gid())
    };
    // Only root can give files away. For others the owner is who runs this.
    let database = lock::database_in(dir.path());
    let is_given = chown(&database, Some(4_711), Some(4_712)).is_ok();
    let owner = owner_of(&database);
    assert_eq!(is_given, owner == (4_711, 4_712));
    fs::remove_file(witness_of(dir.path())).unwrap();
    accept_loss(&Options::new(dir.path()), true, 1_000).unwrap();
    assert_eq!(owner_of(&witness_of(dir.path())), owner);
    assert_eq!(owner_of(&dir.path().join("punchcard.lock")), owner);
}

#[tokio::test]
async fn a_kill_while_a_loss_is_accepted_makes_it_no_second_loss() {
    let dir = killed().await;
    let options = Options::new(dir.path());
    fs::remove_file(wal(dir.path())).unwrap();
    let first = accept_loss(&options, true, 1_000).unwrap();
    // As if it had been killed before the new witness.
    fs::rename(first.old_witness.unwrap(), witness_of(dir.path())).unwrap();
    assert_eq!(mismatch(dir.path()), Mismatch::Forked { position: 39 });
    let again = accept_loss(&options, false, 2_000).unwrap();
    assert_eq!((again.last_position, again.positions_given_up_to), (33, 39));
    let report = verify(dir.path()).unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.losses, report.witness), (1, WitnessSays::Agrees));
    let store = SqliteStore::open(options).unwrap();
    issue(&store, 7).await;
}
