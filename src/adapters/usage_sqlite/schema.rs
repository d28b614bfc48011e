//! The file and its tables.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rusqlite::{Connection, OpenFlags};

/// `PCus`: says that the file is a usage table.
const APPLICATION_ID: i64 = 0x5043_7573;
/// The version of the tables. Another one is not migrated but made again.
const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE progress (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    position INTEGER NOT NULL,
    event BLOB NOT NULL
) STRICT;
CREATE TABLE usage (
    tenant TEXT NOT NULL,
    day INTEGER NOT NULL,
    task TEXT NOT NULL,
    version INTEGER NOT NULL,
    model TEXT NOT NULL,
    tickets INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    estimated_tokens INTEGER NOT NULL,
    cost_micro_usd INTEGER NOT NULL,
    PRIMARY KEY (tenant, day, task, version, model)
) STRICT, WITHOUT ROWID;
CREATE INDEX usage_by_day ON usage (day);
CREATE TABLE open_tickets (
    ticket BLOB PRIMARY KEY,
    tenant TEXT NOT NULL,
    task TEXT NOT NULL,
    version INTEGER NOT NULL,
    model TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    in_flight INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Why a file is no usage table of this version.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unusable {
    /// SQLite says so.
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    /// The system says so.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// Its pages do not fit together.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// Something else, or another version.
    #[error("it is no usage table of version {VERSION}")]
    Other,
}

/// Opens the file, and makes it where it is missing.
pub(super) fn open(path: &Path) -> Result<Connection, Unusable> {
    make_private(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    let found: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let journal = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
    connection.pragma_update_and_check(None, "journal_mode", "WAL", journal)?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    if tables == 0 && found == 0 {
        let transaction = connection.transaction()?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.execute_batch(TABLES)?;
        transaction.commit()?;
        return Ok(connection);
    }
    if (found, version) != (APPLICATION_ID, VERSION) {
        return Err(Unusable::Other);
    }
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if verdict != "ok" {
        return Err(Unusable::Damaged(verdict));
    }
    Ok(connection)
}

/// Makes a missing file for this user only; what SQLite makes beside it takes its mode.
fn make_private(path: &Path) -> std::io::Result<()> {
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    match made {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}
