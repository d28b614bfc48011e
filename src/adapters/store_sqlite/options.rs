//! What a store is opened with, and why it may refuse to open.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{lock, row, witness};

/// How a store is opened. Every queue and wait has its limit here.
#[derive(Debug, Clone)]
pub struct Options {
    /// The directory that holds the database; created when missing.
    pub data_dir: PathBuf,
    /// The most events that one commit takes. One append larger than this is still one commit.
    pub max_batch: usize,
    /// The head witness; `None` puts it beside the database. On another disk it also notices what a
    /// failing disk takes with it.
    pub witness: Option<PathBuf>,
    /// The most appends that wait for the writer.
    pub append_queue: usize,
    /// The most bytes of events that wait for the writer. A larger append waits for all of it.
    pub append_bytes: usize,
    /// How long an append waits for its commit once it has its place: one that the writer has not
    /// begun by then is withdrawn, one that it has is told as unknown.
    pub append_wait: Duration,
    /// A commit that takes longer than this makes the store refuse work until it comes back.
    pub stall_after: Duration,
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
    /// How many pages of 4 KiB the log may grow by before a commit folds it into the database.
    pub checkpoint_pages: u32,
}

impl Options {
    /// The options that fit most installations.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            max_batch: 1_024,
            witness: None,
            append_queue: 8_192,
            append_bytes: 64 << 20,
            append_wait: Duration::from_secs(10),
            stall_after: Duration::from_secs(5),
            read_queue: 4_096,
            queue_wait: Duration::from_secs(5),
            readers: 2,
            busy_timeout: Duration::from_secs(5),
            head_cache: 50_000,
            checkpoint_pages: 4_096,
        }
    }

    /// Where the database is.
    pub(super) fn database(&self) -> PathBuf {
        lock::database_in(&self.data_dir)
    }

    /// Where the witness is.
    pub(super) fn witness(&self) -> PathBuf {
        let beside = || witness::beside(&self.database());
        self.witness.clone().unwrap_or_else(beside)
    }
}

/// How a database and its witness do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The database has had a witness, and it is gone.
    #[error(
        "the witness is missing, so nobody knows whether the newest events are there (if \
         `store.witness` was changed, move the file; if a command was run, name it by --witness)"
    )]
    Missing,
    /// Both of the witness's slots are damaged.
    #[error("the witness is damaged, so nobody knows whether the newest events are there")]
    Unreadable,
    /// The witness is of a store with another id.
    #[error(
        "the witness is of another store (it knows events up to position {witness}, the database \
         has them up to {database}): a database was replaced, or the wrong witness is named"
    )]
    OtherStore {
        /// The database's newest position.
        database: u64,
        /// The witness's.
        witness: u64,
    },
    /// The database is from before there were witnesses.
    #[error(
        "the database is a copy of schema version {version}, which had no witness; the witness knows \
         events up to position {witness}. It was not upgraded"
    )]
    OlderCopy {
        /// The database's schema version.
        version: i64,
        /// The witness's position.
        witness: u64,
    },
    /// The newest events are gone.
    #[error(
        "events up to position {witness} were acknowledged, and the database ends at position \
         {database}: lost are {}",
        events(*.witness - *.database)
    )]
    LostTail {
        /// The database's newest position.
        database: u64,
        /// The witness's.
        witness: u64,
    },
    /// The database does not go on from where the witness stands.
    #[error(
        "the database has another history than was acknowledged, at or after position {position}"
    )]
    Forked {
        /// Where the witness stands.
        position: u64,
    },
}

fn events(count: u64) -> String {
    match count {
        1 => "1 event".to_owned(),
        more => format!("{more} events"),
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
    /// The database was there once, and is not. SQLite was not asked to open it: it would delete the
    /// write-ahead log that is left, and begin a new store in the place of this one.
    #[error(
        "the database {} is missing or empty, but {left}: it was moved, or its disk is not mounted. \
         Nothing was changed. Put the database back beside its -wal file, or mount its disk; to begin \
         a new store, move the witness and what is left in the directory away",
        .path.display()
    )]
    DatabaseGone {
        /// Where it should be.
        path: PathBuf,
        /// What says that there was one.
        left: &'static str,
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
    /// The file was written by an older program and is not to be changed now.
    #[error(
        "{} has schema version {found}, this punchcard reads version {known}: start the server with it once, \
         which upgrades the file",
        .path.display()
    )]
    OlderSchema {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The version this build reads.
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
    /// The database is not the one that was acknowledged. Nothing in it was changed.
    #[error(
        "{} does not fit its witness {}: {mismatch}. Stop here and keep a copy of both files and of \
         the -wal file. Run `punchcard store verify`; put the newest copy of the database in place, \
         or go on without what is lost by `punchcard store accept-loss`",
        .database.display(), .witness.display()
    )]
    Witness {
        /// The database.
        database: PathBuf,
        /// The witness.
        witness: PathBuf,
        /// How they do not fit.
        mismatch: Mismatch,
    },
    /// The write-ahead log goes on from a newer or another database file than the one beside it.
    /// Nothing in them was changed.
    #[error(
        "{} is not the file that the -wal beside it belongs to: the log goes on from position {log} \
         or later, and the file by itself ends at position {file}: an older copy, or another store's, \
         was put under it. Stop here and keep a copy of all files. Put the newest punchcard.db in place; if \
         that is gone, move the -wal away, and `punchcard store verify` says what is lost",
        .path.display()
    )]
    OtherLog {
        /// The database.
        path: PathBuf,
        /// The newest position in the file itself; 0 when it is of another store.
        file: u64,
        /// It once had everything at least up to this position.
        log: u64,
    },
    /// What is stored cannot be read as what it should be.
    #[error("{} is damaged: {reason}. Run `punchcard store verify`, and restore a backup", .path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The log cannot be folded into the database, because somebody reads it all the time.
    #[error(
        "the write-ahead log of {} cannot be emptied, because another program reads from it: let \
         that one finish (a `punchcard store verify` or `backup`, say)",
        .path.display()
    )]
    LogInUse {
        /// The file.
        path: PathBuf,
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

impl OpenError {
    /// What SQLite said about the file at `path`.
    pub(super) fn of_sqlite(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            None if row::is_damage(&source) => Self::Damaged {
                path,
                reason: source.to_string(),
            },
            _ => Self::Sqlite { path, source },
        }
    }
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
