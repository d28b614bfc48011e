//! The database file without its write-ahead log: whether that log belongs on it.
//!
//! SQLite puts a log over whatever file it finds beside it. Under an older copy of the database it has
//! the newest pages and lacks all that were folded before it began, so what comes out is malformed, and
//! yet has the newest head, which fits the witness. So a commit after each fold notes in the head's row
//! up to which position the file itself has everything (`log_head.folded`), and every start reads where
//! the file stands by itself. A file that is behind what its log says of it is not the log's.
//!
//! **No false alarm.** A fold is noted only once it was synced, and the head's row is on one page, which
//! a later fold only moves on. A power cut in the middle of a fold may tear pages: the log has them
//! whole, so a file that cannot be read alone says nothing, and neither does a row that is not one. The
//! position and the store lie in one sector.
//!
//! Deliberately not here: copies of a directory in the middle of a fold whose head had moved on before
//! other pages had. `store verify` finds those.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};
use url::Url;

use super::log_head::{LogHead, StoreId};
use super::options::OpenError;
use super::row;

/// Checks that the file at `database` has everything up to `folded` by itself. `head` is where the
/// database stands with its log. Changes nothing.
///
/// # Errors
/// [`OpenError::OtherLog`] where it has not.
pub(super) fn check(database: &Path, head: &LogHead, folded: u64) -> Result<(), OpenError> {
    if folded == 0 {
        return Ok(());
    }
    let Ok(alone) = read(database) else {
        return Ok(());
    };
    let of_this_store = alone.filter(|(store, _)| *store == head.store);
    let stands = of_this_store.map_or(0, |(_, position)| position);
    if stands < folded {
        return Err(OpenError::OtherLog {
            path: database.to_owned(),
            file: stands,
            log: folded,
        });
    }
    Ok(())
}

/// Which store the file is of, and its newest position; none where it has no head yet.
fn read(database: &Path) -> rusqlite::Result<Option<(StoreId, u64)>> {
    let path = std::path::absolute(database).unwrap_or_else(|_| database.to_owned());
    let mut name = Url::from_file_path(&path).map_err(|()| rusqlite::Error::InvalidPath(path))?;
    // The one way to have SQLite leave a log aside. Nobody writes to the file meanwhile.
    name.set_query(Some("immutable=1"));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_URI
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(name.as_str(), flags)?;
    let has_head: bool = conn.query_row(
        "SELECT count(*) FROM sqlite_schema WHERE name = 'log_head'",
        [],
        |row| row.get(0),
    )?;
    if !has_head {
        return Ok(None);
    }
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row::unsigned(row, 1)?));
    conn.query_row("SELECT store, position FROM log_head", [], read)
        .optional()
}
