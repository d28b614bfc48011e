//! How much a store holds, and its list made anew without a server.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use punchcard_actors::ports::ReadError;
use punchcard_events::Timestamp;
use punchcard_events::ticket::StateName;
use rusqlite::{Connection, OptionalExtension as _};
use serde::Serialize;

use super::ledger::Ledger;
use super::lock::OwnedDirectory;
use super::options::{OpenError, Options};
use super::{BUSY, connection, list, lock, row, wal};

/// How much a store holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stats {
    /// Events stored.
    pub events: u64,
    /// Streams they are in.
    pub streams: u64,
    /// Tickets by state; states without any are left out.
    pub tickets: BTreeMap<StateName, u64>,
    /// The database file, in bytes.
    pub database_bytes: u64,
    /// Its write-ahead log, in bytes.
    pub wal_bytes: u64,
    /// When the first stored event was recorded.
    pub oldest_event_at: Option<Timestamp>,
    /// When the last stored event was recorded.
    pub newest_event_at: Option<Timestamp>,
}

/// Why the numbers cannot be told.
#[derive(Debug, thiserror::Error)]
pub enum StatsError {
    /// The store does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Counts what the store at `path` (a data directory or a database file) holds. Blocks; works
/// beside a running writer.
///
/// # Errors
/// When the store cannot be opened or read.
pub fn stats(path: &Path) -> Result<Stats, StatsError> {
    let database = lock::database_at(path);
    let conn = connection::open_reader(&database, BUSY)?;
    let failed = |error| StatsError::Read(row::read_error(&error));
    let count = |sql: &str| conn.query_row(sql, [], |r| row::unsigned(r, 0));
    let bytes = |path: PathBuf| fs::metadata(path).map_or(0, |meta| meta.len());
    let wal = wal::beside(&database);
    Ok(Stats {
        events: count("SELECT count(*) FROM events").map_err(failed)?,
        streams: count("SELECT count(*) FROM events WHERE revision = 0").map_err(failed)?,
        tickets: list::count_by_state(&conn)?.into_iter().collect(),
        database_bytes: bytes(database),
        wal_bytes: bytes(wal),
        oldest_event_at: recorded_at(&conn, "ASC").map_err(failed)?,
        newest_event_at: recorded_at(&conn, "DESC").map_err(failed)?,
    })
}

/// Makes the ticket list of a store anew that no process has open. Blocks. Returns how many tickets
/// it holds.
///
/// # Errors
/// When the store cannot be opened, or an event cannot be read; the list is then as it was.
pub fn rebuild_list(options: &Options) -> Result<u64, StatsError> {
    let _directory = OwnedDirectory::take(&options.data_dir)?;
    let database = options.database();
    if !database.exists() {
        return Err(OpenError::Missing { path: database }.into());
    }
    let mut ledger = Ledger::open_as_it_is(options, None)?;
    let rebuilt = ledger.rebuild_index();
    rebuilt.map_err(|error| StatsError::Read(row::read_error(&error)))
}

fn recorded_at(conn: &Connection, order: &str) -> rusqlite::Result<Option<Timestamp>> {
    let sql = format!("SELECT recorded_at_ms FROM events ORDER BY position {order} LIMIT 1");
    let millis = conn.query_row(&sql, [], |r| row::unsigned(r, 0));
    Ok(millis.optional()?.map(Timestamp::from_millis))
}
