//! The write-ahead log: when it is folded into the database, and how a failed sync is survived.
//!
//! SQLite would do the folding by itself within a commit, and would tell nobody when it fails. Here
//! the writer does it after the commit was answered, and its failure stops the writer as any other.
//!
//! **After a failed sync nothing in the system's memory is trusted.** Linux marks the pages that it
//! could not write as clean: the next sync succeeds although they never reached the disk
//! (<https://www.usenix.org/conference/atc20/presentation/rebello>). A log that SQLite goes on
//! appending to could then have a hole before the newest commits, and recovery after a power cut
//! would stop there. So [`empty`] runs before the first append of every opening: it writes what the
//! log holds into the database (which makes those pages dirty again), syncs that, and begins a new
//! log. What the log held is durable by the database alone, and the new log has no past.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::Connection;

/// Pages in the log from which on it is folded into the database: 16 MiB of them.
const FOLD_AT: u32 = 4_096;

/// How long the log is.
#[derive(Debug, Clone, Default)]
pub(super) struct Wal {
    pages: Arc<AtomicU32>,
}

impl Wal {
    /// Follows the log of a connection, which from now on folds it only when told to.
    pub(super) fn follow(conn: &mut Connection) -> rusqlite::Result<Self> {
        let wal = Self::default();
        let pages = Arc::clone(&wal.pages);
        conn.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, now: i32| {
            pages.store(now.unsigned_abs(), Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(wal)
    }

    /// Folds the log into the database when it is long. Readers may keep a part of it for later.
    pub(super) fn tend(&self, conn: &Connection) -> rusqlite::Result<()> {
        if self.pages.load(Ordering::Relaxed) < FOLD_AT {
            return Ok(());
        }
        conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
    }
}

/// Folds all of the log into the database, syncs that and empties the log. False when somebody who
/// reads from it kept it.
pub(super) fn empty(conn: &Connection) -> rusqlite::Result<bool> {
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        Ok(row.get::<_, i64>(0)? == 0)
    })
}
