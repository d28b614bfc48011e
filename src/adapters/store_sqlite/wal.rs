//! The write-ahead log: when it is folded into the database, and how a failed sync is survived.
//!
//! SQLite would do the folding by itself within a commit, and would tell nobody when it fails. Here
//! the writer does it after the commit was answered, and its failure stops the writer as any other.
//!
//! **After a failed sync nothing in the system's memory is trusted.** Linux marks the pages that it
//! could not write as clean: the next sync succeeds although they never reached the disk
//! (<https://www.usenix.org/conference/atc20/presentation/rebello>). A log that SQLite goes on
//! appending to could then have a hole before the newest commits, and recovery after a power cut
//! would stop there. So [`write_again`] runs before every opening, also of another process than the
//! one that saw the failure: it writes what the log holds over itself, which makes those pages dirty
//! again, and syncs that. Only then may the log be folded into the database: else a power cut could
//! leave the folded pages and, since SQLite does not sync the end of a log that it has folded, the
//! log with its hole, whose older pages would be put over the newer ones.
//!
//! After that [`empty`] folds the log and begins a new one, which has no past.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rusqlite::Connection;

/// How long the log is.
#[derive(Debug, Clone)]
pub(super) struct Wal {
    pages: Arc<AtomicU32>,
    /// The pages from which on it is folded into the database.
    fold_at: u32,
}

impl Wal {
    /// Follows the log of a connection, which from now on folds it only when told to.
    pub(super) fn follow(conn: &mut Connection, fold_at: u32) -> rusqlite::Result<Self> {
        let wal = Self {
            pages: Arc::default(),
            fold_at,
        };
        let pages = Arc::clone(&wal.pages);
        conn.wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, now: i32| {
            pages.store(now.unsigned_abs(), Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(wal)
    }

    /// Folds the log into the database when it is long. Readers may keep a part of it for later: true
    /// when the database's file now has all of it, synced.
    pub(super) fn tend(&self, conn: &Connection) -> rusqlite::Result<bool> {
        if self.pages.load(Ordering::Relaxed) < self.fold_at {
            return Ok(false);
        }
        conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |row| {
            let (busy, pages, folded): (bool, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            Ok(!busy && pages == folded)
        })
    }
}

/// Where the log of `database` is.
pub(super) fn beside(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-wal");
    path.into()
}

/// Bytes that are written again at a time.
const CHUNK: usize = 1 << 20;

/// Makes durable what the log of `database` holds, as far as it can be read. Nobody may write to it
/// meanwhile; who reads it sees no change.
pub(super) fn write_again(database: &Path) -> io::Result<()> {
    let log = beside(database);
    let mut log = match OpenOptions::new().read(true).write(true).open(log) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        opened => opened?,
    };
    let mut chunk = vec![0; CHUNK];
    let mut at = 0;
    loop {
        log.seek(SeekFrom::Start(at))?;
        let read = log.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        log.seek(SeekFrom::Start(at))?;
        log.write_all(chunk.get(..read).unwrap_or_default())?;
        at += read as u64;
    }
    if at > 0 { log.sync_all() } else { Ok(()) }
}

/// Folds all of the log into the database, syncs that and empties the log. False when somebody who
/// reads from it kept it.
pub(super) fn empty(conn: &Connection) -> rusqlite::Result<bool> {
    conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| {
        Ok(row.get::<_, i64>(0)? == 0)
    })
}
