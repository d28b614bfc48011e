//! Why the writer stopped, in classes that an alert can be written for.

use std::fmt;
use std::io::{self, ErrorKind};

use rusqlite::ErrorCode;
use serde::Serialize;

use super::options::OpenError;
use super::row;

/// The class of what keeps the store from taking events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The disk or a quota on it is full.
    DiskFull,
    /// The disk or the file cannot be written.
    ReadOnly,
    /// A read, a write or a sync failed.
    IoError,
    /// Another program holds the database locked.
    Busy,
    /// What is stored is not what was acknowledged.
    Damaged,
    /// A write or sync does not come back.
    Stalled,
}

impl Cause {
    /// Every class.
    pub const ALL: [Self; 6] = [
        Self::DiskFull,
        Self::ReadOnly,
        Self::IoError,
        Self::Busy,
        Self::Damaged,
        Self::Stalled,
    ];

    /// Its name in metrics and in `/readyz`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DiskFull => "disk_full",
            Self::ReadOnly => "read_only",
            Self::IoError => "io_error",
            Self::Busy => "busy",
            Self::Damaged => "damaged",
            Self::Stalled => "stalled",
        }
    }

    /// The class of what the system said.
    pub(super) fn of_io(error: &io::Error) -> Self {
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
                Self::DiskFull
            }
            ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied => Self::ReadOnly,
            // The standard library adds kinds; whatever else a disk says is an error of the disk.
            _ => Self::IoError,
        }
    }

    /// The class of what SQLite said. It tells a full disk at a write, but not at a sync: the
    /// probe before the next opening knows better.
    pub(super) fn of_sqlite(error: &rusqlite::Error) -> Self {
        if row::is_damage(error) {
            return Self::Damaged;
        }
        match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::DiskFull,
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy,
            // SQLite has many more codes; what is left keeps it from writing all the same.
            _ => Self::IoError,
        }
    }

    fn of_open(error: &OpenError) -> Self {
        match error {
            OpenError::Directory { source, .. } => Self::of_io(source),
            OpenError::Sqlite { source, .. } => Self::of_sqlite(source),
            OpenError::InUse { .. } | OpenError::LogInUse { .. } => Self::Busy,
            OpenError::Missing { .. }
            | OpenError::DatabaseGone { .. }
            | OpenError::NotAStore { .. }
            | OpenError::NewerSchema { .. }
            | OpenError::OlderSchema { .. }
            | OpenError::Witness { .. }
            | OpenError::OtherLog { .. }
            | OpenError::Damaged { .. } => Self::Damaged,
            OpenError::NotDurable { .. } => Self::IoError,
        }
    }
}

/// What stopped the writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) cause: Cause,
    /// For people.
    pub(super) reason: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.reason, self.cause.as_str())
    }
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self {
            cause: Cause::of_sqlite(&error),
            reason: error.to_string(),
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self {
            cause: Cause::of_io(&error),
            reason: error.to_string(),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        Self {
            cause: Cause::of_open(&error),
            reason: error.to_string(),
        }
    }
}
