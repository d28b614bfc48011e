//! Connections and their settings.
//!
//! No connection maps the file into memory: a disk error under a map kills the process, where a
//! failed read is an error that can be answered.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::gone;
use super::lock::{self, sync_directory};
use super::options::OpenError;
use super::schema::{self, Found};

/// Statements a connection keeps prepared; more than there are shapes of queries.
const STATEMENTS: usize = 64;
/// `PRAGMA synchronous` as SQLite reads it back: FULL.
const SYNCHRONOUS_FULL: i64 = 2;

/// The writer's connection, with the schema brought up to date.
///
/// It leaves the write-ahead log as it is also when it is closed, until [`keep`] says that the store
/// is the right one: an end that is damaged may still be looked into. `may_upgrade` is asked before
/// a store of an older version is touched, which is never undone.
pub(super) fn open_writer(
    path: &Path,
    busy: Duration,
    may_upgrade: impl FnOnce(i64) -> Result<(), OpenError>,
) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    make_private(path)?;
    let mut conn = open(path, flags, busy)?;
    let failed = |source| OpenError::of_sqlite(path, source);
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .map_err(failed)?;
    let found = schema::identify(&conn, path)?;
    if let Found::Store(version) = found
        && version < schema::VERSION
    {
        may_upgrade(version)?;
    }
    make_durable(&conn, path)?;
    tune_writer(&conn).map_err(failed)?;
    schema::migrate(&mut conn, found).map_err(failed)?;
    if found == Found::Empty {
        let directory = path.parent().unwrap_or(path);
        sync_directory(directory).map_err(|source| OpenError::Directory {
            path: directory.to_owned(),
            source,
        })?;
    }
    Ok(conn)
}

/// A connection that cannot write. It works beside a running writer, of this process or another.
pub(super) fn open_reader(path: &Path, busy: Duration) -> Result<Connection, OpenError> {
    gone::look_to_read(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = open(path, flags, busy)?;
    match schema::identify(&conn, path)? {
        Found::Store(schema::VERSION) => Ok(conn),
        Found::Store(found) => Err(OpenError::OlderSchema {
            path: path.to_owned(),
            found,
            known: schema::VERSION,
        }),
        Found::Empty => Err(OpenError::NotAStore {
            path: path.to_owned(),
        }),
    }
}

fn open(path: &Path, flags: OpenFlags, busy: Duration) -> Result<Connection, OpenError> {
    let failed = |source| OpenError::Sqlite {
        path: path.to_owned(),
        source,
    };
    let conn = Connection::open_with_flags(path, flags).map_err(failed)?;
    conn.busy_timeout(busy).map_err(failed)?;
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    // Otherwise SQLite prepares a statement again whenever a bound value could change its plan,
    // which the partial indexes make it believe of every value.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(failed)?;
    Ok(conn)
}

/// Makes a missing database file, for this user only: the data directory may be one that others may
/// look into. What SQLite makes beside it (log, index of the log) takes the file's own mode. A file
/// that is there keeps the mode that its operator gave it.
fn make_private(path: &Path) -> Result<(), OpenError> {
    if path.as_os_str() == ":memory:" {
        return Ok(());
    }
    match lock::create_private(path) {
        // A name that leads nowhere yet: SQLite makes what it leads to.
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        Ok(_) => Ok(()),
        Err(source) => Err(OpenError::Directory {
            path: path.to_owned(),
            source,
        }),
    }
}

/// Sets what durability rests on, and reads it back: SQLite ignores a setting it cannot take.
fn make_durable(conn: &Connection, path: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::Sqlite {
        path: path.to_owned(),
        source,
    };
    let refused = |setting, found, wanted| OpenError::NotDurable {
        path: PathBuf::from(path),
        setting,
        found,
        wanted,
    };
    let mode: String = conn
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(failed)?;
    if mode != "wal" {
        return Err(refused("journal_mode", mode, "wal"));
    }
    conn.pragma_update(None, "synchronous", "FULL")
        .map_err(failed)?;
    let level = synchronous(conn).map_err(failed)?;
    if level != SYNCHRONOUS_FULL {
        return Err(refused("synchronous", level.to_string(), "2 (FULL)"));
    }
    Ok(())
}

/// `PRAGMA synchronous` as it is in force.
pub(super) fn synchronous(conn: &Connection) -> rusqlite::Result<i64> {
    conn.pragma_query_value(None, "synchronous", |row| row.get(0))
}

fn tune_writer(conn: &Connection) -> rusqlite::Result<()> {
    // On macOS fsync leaves the data in the drive's cache without this; elsewhere it does nothing.
    conn.pragma_update(None, "fullfsync", true)?;
    // 4 KiB pages (SQLite's default) keep the log small where a commit touches many indexes.
    // 32 MiB of them hold the upper levels of every tree.
    conn.pragma_update(None, "cache_size", -32_768)?;
    conn.pragma_update(None, "temp_store", "MEMORY")?;
    // Give back what a long read made the log grow beyond 64 MiB.
    conn.pragma_update(None, "journal_size_limit", 64 << 20)?;
    Ok(())
}

/// Lets the write-ahead log be folded into the database when the connection is closed.
pub(super) fn keep(conn: &Connection) -> rusqlite::Result<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok(())
}
