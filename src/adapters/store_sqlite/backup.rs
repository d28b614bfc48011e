//! Online backup: a consistent copy of the database while writes go on.
//!
//! The copy is made in one step of SQLite's backup, which holds one snapshot: in WAL mode that
//! keeps nobody waiting, where a copy in many steps starts over at every commit between them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags};
use serde::Serialize;

use super::options::OpenError;
use super::{BUSY, connection, lock, log_head};

const TRIES: u32 = 10;
const PAUSE: Duration = Duration::from_millis(200);

/// A backup that was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct BackupMade {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// The position of its newest event; 0 without any.
    pub last_position: u64,
}

/// Why there is no backup.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// Something is there already.
    #[error("{} exists already: a backup overwrites nothing, name another file", .0.display())]
    Exists(PathBuf),
    /// The store does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file cannot be written.
    #[error("the backup {} cannot be written: {source}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// SQLite failed.
    #[error("the backup {} failed: {source}", .path.display())]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

/// Copies the store at `from` (a data directory or a database file) to the new file `to`. Blocks;
/// works beside a running writer, of this process or another.
///
/// The copy holds every event acknowledged before the call. It is written under a temporary name,
/// synced, and then renamed, so a file named `to` is a whole backup. To restore, place it in an
/// empty data directory as `punchcard.db`.
///
/// The copy knows that it has no witness: the store that first opens it checks the whole log against
/// the head that the copy carries, and makes a witness. Put beside the witness of the store that it
/// was made from, it is refused with the number of events that came after it.
///
/// # Errors
/// When `to` exists, the store does not open, or the copy cannot be made.
pub fn backup(from: &Path, to: &Path) -> Result<BackupMade, BackupError> {
    refuse_existing(to)?;
    let source = connection::open_reader(&lock::database_at(from), BUSY)?;
    let name = to.file_name().unwrap_or(to.as_os_str()).to_string_lossy();
    let partial = to.with_file_name(format!(".{name}.{}.partial", std::process::id()));
    let made = copy(&source, &partial).and_then(|last| {
        refuse_existing(to)?;
        let bytes = publish(&partial, to).map_err(|source| BackupError::File {
            path: to.to_owned(),
            source,
        })?;
        Ok(BackupMade {
            path: to.to_owned(),
            bytes,
            last_position: last,
        })
    });
    if made.is_err() {
        // Best effort: what failed is already told, and the name says that it is partial.
        drop(fs::remove_file(&partial));
    }
    made
}

fn refuse_existing(to: &Path) -> Result<(), BackupError> {
    match to.symlink_metadata() {
        Ok(_) => Err(BackupError::Exists(to.to_owned())),
        Err(_) => Ok(()),
    }
}

/// Makes the copy at `partial` and gives its last position.
fn copy(source: &Connection, partial: &Path) -> Result<u64, BackupError> {
    // The copy holds what the database holds, so it is as private.
    lock::create_private(partial).map_err(|source| BackupError::File {
        path: partial.to_owned(),
        source,
    })?;
    copy_pages(source, partial).map_err(|source| BackupError::Sqlite {
        path: partial.to_owned(),
        source,
    })
}

fn copy_pages(source: &Connection, partial: &Path) -> rusqlite::Result<u64> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut copy = Connection::open_with_flags(partial, flags)?;
    // The whole file is synced before it gets its name; until then it is worth nothing.
    copy.pragma_update(None, "synchronous", "OFF")?;
    for tries_left in (0..TRIES).rev() {
        match Backup::new(source, &mut copy)?.step(-1)? {
            StepResult::Done => break,
            _ if tries_left == 0 => {
                let busy = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_BUSY);
                return Err(rusqlite::Error::SqliteFailure(busy, None));
            }
            // Busy or locked (the enum is open): another program is at the file.
            _ => std::thread::sleep(PAUSE),
        }
    }
    // Without a log of its own the copy is one file; opening it as a store brings the log back.
    let _: String = copy.pragma_update_and_check(None, "journal_mode", "DELETE", |r| r.get(0))?;
    log_head::set_witnessed(&copy, false)?;
    let (head, _) = log_head::load(&copy)?;
    Ok(head.position)
}

fn publish(partial: &Path, to: &Path) -> io::Result<u64> {
    let file = File::open(partial)?;
    file.sync_all()?;
    fs::rename(partial, to)?;
    let directory = to.parent().filter(|parent| !parent.as_os_str().is_empty());
    lock::sync_directory(directory.unwrap_or_else(|| Path::new(".")))?;
    Ok(file.metadata()?.len())
}
