//! The database's tables and how they came to be.
//!
//! Ids are text and times are milliseconds, so that any SQLite tool shows a history as it is and
//! joins by what an operator copied from a log line. Text ids cost about 60 bytes an event more
//! than blobs, against some 600 of an average event.

use std::path::Path;

use rusqlite::Connection;

use super::options::OpenError;

/// Marks the file as ours (`PRAGMA application_id`): "PNCH" in ASCII.
pub(super) const APPLICATION_ID: i64 = 0x504E_4348;

/// The newest schema this build knows; it is the number of [`MIGRATIONS`].
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// The steps from an empty file to the present schema. A step that was shipped is never edited.
const MIGRATIONS: &[&str] = &[FIRST];

/// `data` is the last column: a long body spills to overflow pages, and the columns before it are
/// read without following them.
///
/// `meta.last_position` outlives the events: a position is not given twice even if the newest
/// rows are lost. Positions are dense, so a missing one is a lost event.
///
/// The partial indexes over `deadline_ms` hold open tickets only, since a ticket that has ended
/// has no deadline.
const FIRST: &str = "
CREATE TABLE events (
    position        INTEGER PRIMARY KEY,
    stream          TEXT    NOT NULL,
    revision        INTEGER NOT NULL,
    id              TEXT    NOT NULL,
    kind            TEXT    NOT NULL,
    schema_version  INTEGER NOT NULL,
    tenant          TEXT    NOT NULL,
    correlation_id  TEXT    NOT NULL,
    causation_id    TEXT,
    recorded_at_ms  INTEGER NOT NULL,
    hash            BLOB    NOT NULL,
    data            TEXT    NOT NULL,
    UNIQUE (stream, revision)
) STRICT;

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta (key, value) VALUES ('last_position', 0);

CREATE TABLE tickets (
    id              TEXT PRIMARY KEY,
    tenant          TEXT    NOT NULL,
    task            TEXT    NOT NULL,
    user            TEXT,
    state           TEXT    NOT NULL,
    attempt         INTEGER NOT NULL,
    requested_at_ms INTEGER NOT NULL,
    updated_at_ms   INTEGER NOT NULL,
    revision        INTEGER NOT NULL,
    answer_by_ms    INTEGER NOT NULL,
    persist_by_ms   INTEGER NOT NULL,
    deliver_by_ms   INTEGER NOT NULL,
    deadline_ms     INTEGER,
    failed_stage    TEXT,
    failure_code    TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX tickets_by_tenant ON tickets (tenant, id);
CREATE INDEX tickets_by_user   ON tickets (tenant, user, id) WHERE user IS NOT NULL;
CREATE INDEX tickets_by_task   ON tickets (tenant, task, id);
CREATE INDEX tickets_by_state  ON tickets (tenant, state, id);
CREATE INDEX tickets_open      ON tickets (id) WHERE deadline_ms IS NOT NULL;
CREATE INDEX tickets_overdue   ON tickets (deadline_ms) WHERE deadline_ms IS NOT NULL;
";

/// What a database file turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// No table yet.
    Empty,
    /// A store with this schema version.
    Store(i64),
}

/// Looks at the file before anything is changed in it.
pub(super) fn identify(conn: &Connection, path: &Path) -> Result<Found, OpenError> {
    let failed = |source: rusqlite::Error| match source.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => OpenError::NotAStore {
            path: path.to_owned(),
        },
        _ => OpenError::Sqlite {
            path: path.to_owned(),
            source,
        },
    };
    let tables: i64 = conn
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed)?;
    let application = number(conn, "application_id").map_err(failed)?;
    let version = number(conn, "user_version").map_err(failed)?;
    if tables == 0 && application == 0 && version == 0 {
        return Ok(Found::Empty);
    }
    if application != APPLICATION_ID {
        return Err(OpenError::NotAStore {
            path: path.to_owned(),
        });
    }
    if version > VERSION {
        return Err(OpenError::NewerSchema {
            path: path.to_owned(),
            found: version,
            known: VERSION,
        });
    }
    Ok(Found::Store(version))
}

/// Runs the steps that are missing, each in a transaction with the version it leads to.
pub(super) fn migrate(conn: &mut Connection, found: Found) -> rusqlite::Result<()> {
    let from = match found {
        Found::Empty => 0,
        Found::Store(version) => version,
    };
    for (version, step) in (1_i64..).zip(MIGRATIONS) {
        if version > from {
            let tx = conn.transaction()?;
            tx.execute_batch(step)?;
            tx.pragma_update(None, "application_id", APPLICATION_ID)?;
            tx.pragma_update(None, "user_version", version)?;
            tx.commit()?;
        }
    }
    Ok(())
}

fn number(conn: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    conn.pragma_query_value(None, pragma, |row| row.get(0))
}
