//! What a store is opened with, and why it may refuse to open.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// How a store is opened. Every queue and wait has its limit here.
#[derive(Debug, Clone)]
pub struct Options {
    /// The directory that holds the database; created when missing.
    pub data_dir: PathBuf,
    /// The most events that one commit takes. One append larger than this is still one commit.
    pub max_batch: usize,
    /// The most appends that wait for the writer.
    pub append_queue: usize,
    /// The most reads that wait for a reader.
    pub read_queue: usize,
    /// How long an append or a read waits for a place in its queue before it is refused.
    pub queue_wait: Duration,
    /// Threads that read, each with its own connection.
    pub readers: usize,
    /// How long SQLite waits for another process's lock (an admin tool, say).
    pub busy_timeout: Duration,
    /// The most stream heads the writer keeps in memory, so that an append reads nothing back.
    pub head_cache: usize,
}

impl Options {
    /// The options that fit most installations.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            max_batch: 1_024,
            append_queue: 8_192,
            read_queue: 4_096,
            queue_wait: Duration::from_secs(5),
            readers: 2,
            busy_timeout: Duration::from_secs(5),
            head_cache: 50_000,
        }
    }
}

/// Why a store does not open. Each says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory or a file in it cannot be made or used.
    #[error("the data directory {} cannot be used: {source}. {}", .path.display(), advice(.source))]
    Directory {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process has the store.
    #[error(
        "the data directory {} is in use by another punchcard process: stop that one first, or give this one a directory of its own",
        .path.display()
    )]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// There is no database to read.
    #[error("there is no event store at {}: check the path", .path.display())]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The file is something else.
    #[error(
        "{} is not a punchcard event store: move it away, or name another data directory",
        .path.display()
    )]
    NotAStore {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a newer program.
    #[error(
        "{} has schema version {found}, this punchcard knows up to {known}: run the newer punchcard that wrote it",
        .path.display()
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest version this build knows.
        known: i64,
    },
    /// SQLite did not take a setting that durability rests on.
    #[error(
        "{} cannot be written durably: {setting} is {found} where {wanted} is needed; use a local disk",
        .path.display()
    )]
    NotDurable {
        /// The file.
        path: PathBuf,
        /// The pragma.
        setting: &'static str,
        /// What it is.
        found: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// SQLite failed.
    #[error("{} cannot be opened: {source}. {}", .path.display(), sqlite_advice(.source))]
    Sqlite {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "Give this user the right to read and write there.",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "Make room on that disk.",
        io::ErrorKind::ReadOnlyFilesystem => "Name a directory on a disk that can be written.",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
            "A file stands where the directory should be: name another path."
        }
        // The standard library adds kinds; the system's own words above must do for the rest.
        _ => "Check the path.",
    }
}

fn sqlite_advice(error: &rusqlite::Error) -> &'static str {
    use rusqlite::ErrorCode as C;
    match error.sqlite_error_code() {
        Some(C::DiskFull) => "Make room on that disk.",
        Some(C::PermissionDenied | C::CannotOpen | C::ReadOnly) => {
            "Give this user the right to read and write the file and its directory."
        }
        Some(C::DatabaseCorrupt) => "Run `punchcard store verify`, and restore a backup.",
        Some(C::DatabaseBusy | C::DatabaseLocked) => {
            "Another program holds it locked: close that program."
        }
        // SQLite has many more codes; its own words above must do for the rest.
        _ => "Check the disk and the system's log.",
    }
}
