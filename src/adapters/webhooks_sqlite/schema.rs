//! The tables, and how values stand in them.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use punchcard_actors::ports::DeliveryState;
use punchcard_events::Timestamp;
use rusqlite::Connection;
use uuid::Uuid;

/// The version of the tables. Another one is made again: nothing is in here that is not in the store.
const VERSION: i64 = 2;

const TABLES: &str = "
CREATE TABLE place (only INTEGER PRIMARY KEY CHECK (only = 1), position INTEGER NOT NULL, event BLOB NOT NULL);
CREATE TABLE deliveries (
    id BLOB PRIMARY KEY,
    endpoint BLOB NOT NULL,
    tenant TEXT NOT NULL,
    event_type TEXT NOT NULL,
    ticket BLOB,
    revision INTEGER NOT NULL,
    position INTEGER NOT NULL,
    at INTEGER NOT NULL,
    state INTEGER NOT NULL,
    due INTEGER,
    queued_at INTEGER NOT NULL,
    ended_at INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    round INTEGER NOT NULL DEFAULT 0,
    revisions INTEGER NOT NULL DEFAULT 0,
    last_at INTEGER,
    last_ms INTEGER,
    last_status INTEGER,
    last_failure TEXT
) WITHOUT ROWID;
CREATE INDEX queue ON deliveries (endpoint, due) WHERE state = 0;
CREATE INDEX log ON deliveries (endpoint, position);
CREATE INDEX log_by_state ON deliveries (endpoint, state, position);
CREATE INDEX log_by_time ON deliveries (endpoint, at);
CREATE INDEX ended ON deliveries (ended_at) WHERE ended_at IS NOT NULL;
CREATE TABLE endpoints (
    id BLOB PRIMARY KEY,
    queued INTEGER NOT NULL DEFAULT 0,
    last_success INTEGER,
    last_failure INTEGER
) WITHOUT ROWID;
";

/// Makes a missing file, for this user only; what SQLite makes beside it takes its mode.
pub(super) fn make_private(path: &Path) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Opens the file.
pub(super) fn open(path: &Path) -> rusqlite::Result<Connection> {
    let mut conn = Connection::open(path)?;
    conn.busy_timeout(Duration::from_secs(5))?;
    conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    // A commit need not be on the disk: what is lost is folded in again.
    conn.pragma_update(None, "synchronous", "NORMAL")?;
    conn.pragma_update(None, "journal_size_limit", 16 << 20)?;
    conn.set_prepared_statement_cache_capacity(64);
    let version: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version != VERSION {
        reset(&mut conn)?;
    }
    // A file that is damaged shows it here rather than later.
    conn.query_row("SELECT count(*) FROM place", [], |_| Ok(()))?;
    Ok(conn)
}

/// Makes the tables anew.
pub(super) fn reset(conn: &mut Connection) -> rusqlite::Result<()> {
    let tx = conn.transaction()?;
    tx.execute_batch(
        "DROP TABLE IF EXISTS place; DROP TABLE IF EXISTS deliveries; \
         DROP TABLE IF EXISTS endpoints;",
    )?;
    tx.execute_batch(TABLES)?;
    tx.pragma_update(None, "user_version", VERSION)?;
    tx.commit()
}

/// Gives a file that cannot be used another name; an earlier one of that name is lost.
pub(super) fn put_aside(path: &Path) -> io::Result<()> {
    for suffix in ["-wal", "-shm"] {
        let mut beside = path.as_os_str().to_owned();
        beside.push(suffix);
        match fs::remove_file(beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    fs::rename(path, path.with_extension("sqlite.unusable"))
}

/// A time as it stands in a column.
pub(super) fn millis(at: Timestamp) -> i64 {
    number(at.as_millis())
}

/// A number as it stands in a column.
pub(super) fn number(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The same back.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A time out of a column.
pub(super) fn time(millis: i64) -> Timestamp {
    Timestamp::from_millis(unsigned(millis))
}

/// An id as it stands in a column.
pub(super) fn blob(id: Uuid) -> [u8; 16] {
    *id.as_bytes()
}

/// A state as it stands in a column.
pub(super) const fn state(state: DeliveryState) -> i64 {
    match state {
        DeliveryState::Queued => 0,
        DeliveryState::Acknowledged => 1,
        DeliveryState::GivenUp => 2,
        DeliveryState::Skipped => 3,
        DeliveryState::Cancelled => 4,
    }
}

/// The same back.
pub(super) const fn state_of(number: i64) -> Option<DeliveryState> {
    Some(match number {
        0 => DeliveryState::Queued,
        1 => DeliveryState::Acknowledged,
        2 => DeliveryState::GivenUp,
        3 => DeliveryState::Skipped,
        4 => DeliveryState::Cancelled,
        _ => return None,
    })
}
