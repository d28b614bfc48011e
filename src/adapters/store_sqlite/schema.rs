//! The database's tables and how they came to be.
//!
//! Ids are text and times are milliseconds, so that any SQLite tool shows a history as it is and
//! joins by what an operator copied from a log line. Text ids cost about 60 bytes an event more
//! than blobs, against some 600 of an average event.

use std::path::Path;

use rusqlite::Connection;

use super::index;
use super::log_head::{self, Loss};
use super::options::OpenError;
use super::row;

/// Marks the file as ours (`PRAGMA application_id`): "PNCH" in ASCII.
pub(super) const APPLICATION_ID: i64 = 0x504E_4348;

/// The newest schema this build knows; it is the number of [`MIGRATIONS`].
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// The first version whose stores have a witness.
pub(super) const WITNESSED: i64 = 2;

/// A step from one schema version to the next.
struct Migration {
    sql: &'static str,
    /// What SQL alone cannot do; it runs after `sql`, in the same transaction.
    then: fn(&Connection) -> rusqlite::Result<()>,
}

/// The steps from an empty file to the present schema. A step that was shipped is never edited.
const MIGRATIONS: &[Migration] = &[
    Migration {
        sql: FIRST,
        then: |_| Ok(()),
    },
    Migration {
        sql: SECOND,
        then: fill_second,
    },
    Migration {
        sql: THIRD,
        then: |_| Ok(()),
    },
    Migration {
        sql: FOURTH,
        then: |_| Ok(()),
    },
    Migration {
        sql: FIFTH,
        then: |_| Ok(()),
    },
    Migration {
        sql: SIXTH,
        then: |_| Ok(()),
    },
];

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

/// One row for the head of the log and a table of accepted losses in the place of `meta`, which
/// remembered the last position only.
///
/// Each line of the ticket list gets a sum over its fields, so that a damaged one is not served.
///
/// A state change wrote five indexes; most of that was for queries over states. Open tickets are
/// few, so one partial index over them, with the deadline in it, serves every query that asks for
/// them: it is walked in the order of ids, and what does not match is left out. Tickets that have
/// ended are in `tickets_ended`, which is written once in a ticket's life.
const SECOND: &str = "
CREATE TABLE log_head (
    only      INTEGER PRIMARY KEY CHECK (only = 1),
    store     BLOB    NOT NULL,
    position  INTEGER NOT NULL,
    hash      BLOB    NOT NULL,
    witnessed INTEGER NOT NULL
) STRICT;
INSERT INTO log_head (only, store, position, hash, witnessed)
VALUES (1, randomblob(16), 0, zeroblob(32), 0);

CREATE TABLE losses (
    first_position INTEGER PRIMARY KEY,
    last_position  INTEGER NOT NULL,
    accepted_at_ms INTEGER NOT NULL
) STRICT;

DROP TABLE tickets;
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
    failure_code    TEXT,
    sum             INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX tickets_by_tenant ON tickets (tenant, id);
CREATE INDEX tickets_by_user   ON tickets (tenant, user, id) WHERE user IS NOT NULL;
CREATE INDEX tickets_by_task   ON tickets (tenant, task, id);
CREATE INDEX tickets_open      ON tickets (id, deadline_ms) WHERE deadline_ms IS NOT NULL;
CREATE INDEX tickets_ended     ON tickets (tenant, state, id) WHERE deadline_ms IS NULL;
";

/// What the file has without its write-ahead log: see [`file_alone`](super::file_alone).
const THIRD: &str = "ALTER TABLE log_head ADD COLUMN folded INTEGER NOT NULL DEFAULT 0;";

/// The events of the small categories, by the first word of their streams' names, and within one, as
/// in every index, by position. Those of tickets and of their keys are left out ([`category`]), so
/// writing them writes nothing here; the condition is one of bounds because it is looked at for
/// each of them.
///
/// [`category`]: super::category
const FOURTH: &str = "
CREATE INDEX events_by_category ON events (substr(stream, 1, instr(stream, '-')))
    WHERE NOT (stream >= 'ticket-' AND stream < 'ticket.')
      AND NOT (stream >= 'idempotency-' AND stream < 'idempotency.');
";

/// When a ticket that has not begun may begin. The index holds only those, so it is as long as the
/// schedule, and tickets that begin at once write nothing to it.
const FIFTH: &str = "
ALTER TABLE tickets ADD COLUMN not_before_ms INTEGER;
CREATE INDEX tickets_scheduled ON tickets (not_before_ms, id, tenant)
    WHERE not_before_ms IS NOT NULL;
";

/// Failed tickets by their reason, and forks by their parent.
///
/// The index over failures has all that a filter of failures asks for, and is walked in the order of
/// ids, which lists need and counts do not mind. Each index holds nothing but the lines it is about, so
/// a ticket that does not fail and is no fork writes nothing to them.
const SIXTH: &str = "
ALTER TABLE tickets ADD COLUMN fork_of TEXT;
CREATE INDEX tickets_failed ON tickets
    (tenant, id, failed_stage, failure_code, task, updated_at_ms, fork_of)
    WHERE failed_stage IS NOT NULL;
CREATE INDEX tickets_forks ON tickets (tenant, id) WHERE fork_of IS NOT NULL;
CREATE INDEX tickets_forks_of ON tickets (fork_of, id) WHERE fork_of IS NOT NULL;
";

/// The head over the events that are there, and the list from them.
///
/// Version 1 only logged that its newest events were gone. Such a loss is taken over as one that
/// was accepted at time 0, so that its positions are still not given twice.
fn fill_second(conn: &Connection) -> rusqlite::Result<()> {
    let given = conn.query_row(
        "SELECT value FROM meta WHERE key = 'last_position'",
        [],
        |row| row::unsigned(row, 0),
    )?;
    conn.execute_batch("DROP TABLE meta")?;
    let (empty, _) = log_head::load(conn)?;
    let mut head = log_head::recompute(conn, &empty)?;
    log_head::save(conn, &head)?;
    if given > head.position {
        let (first, last) = (head.position + 1, given);
        tracing::error!(
            first,
            last,
            "events of these positions were lost before this upgrade"
        );
        let loss = Loss {
            first,
            last,
            accepted_at_ms: 0,
        };
        log_head::record_loss(conn, &mut head, loss)?;
    }
    index::fill(conn).map(drop)
}

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

/// Runs the steps that are missing, all in one transaction: a crash leaves the old schema whole.
pub(super) fn migrate(conn: &mut Connection, found: Found) -> rusqlite::Result<()> {
    let from = match found {
        Found::Empty => 0,
        Found::Store(version) => version,
    };
    if from < VERSION {
        let tx = conn.transaction()?;
        upgrade(&tx, from)?;
        tx.commit()?;
    }
    Ok(())
}

/// The steps after version `from`, within the caller's transaction.
pub(super) fn upgrade(conn: &Connection, from: i64) -> rusqlite::Result<()> {
    for (version, step) in (1_i64..).zip(MIGRATIONS) {
        if version > from {
            if from > 0 {
                tracing::info!(
                    version,
                    "the event store is upgraded to this schema version"
                );
            }
            conn.execute_batch(step.sql)?;
            (step.then)(conn)?;
            conn.pragma_update(None, "application_id", APPLICATION_ID)?;
            conn.pragma_update(None, "user_version", version)?;
        }
    }
    Ok(())
}

/// The definitions of all tables and indexes, to be compared with what they should be.
pub(super) fn definitions(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut select = conn.prepare(
        "SELECT type || ' ' || name || ' on ' || tbl_name || ': ' || coalesce(sql, '') \
         FROM sqlite_schema ORDER BY name",
    )?;
    select.query_map([], |row| row.get(0))?.collect()
}

/// The definitions that this build makes.
pub(super) fn expected_definitions() -> rusqlite::Result<Vec<String>> {
    let conn = Connection::open_in_memory()?;
    upgrade(&conn, 0)?;
    definitions(&conn)
}

/// The statements that make a table and its indexes as this build does.
pub(super) fn expected_definitions_of(table: &str) -> rusqlite::Result<Vec<String>> {
    let conn = Connection::open_in_memory()?;
    upgrade(&conn, 0)?;
    let mut select = conn.prepare(
        "SELECT sql FROM sqlite_schema WHERE tbl_name = ?1 AND sql IS NOT NULL ORDER BY rowid",
    )?;
    select.query_map([table], |row| row.get(0))?.collect()
}

fn number(conn: &Connection, pragma: &str) -> rusqlite::Result<i64> {
    conn.pragma_query_value(None, pragma, |row| row.get(0))
}
