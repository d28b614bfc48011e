//! A database that was there once and is gone, found before SQLite looks.
//!
//! SQLite takes a database without pages for a new one, and deletes the write-ahead log beside it:
//! the newest commits of a database that was only moved, or whose disk is not mounted, would be lost.
//! So nothing here opens anything; it asks for names and lengths.
//!
//! A crash in the making of a store does not look like that. SQLite writes and syncs the first page
//! to the file itself before there is a log, and the witness is made after that.

use std::fs;
use std::io;
use std::path::Path;

use super::options::{OpenError, Options};
use super::wal;

const LOG: &str = "its -wal file is left";
const WITNESS: &str = "its witness is left";
const OPEN_BEFORE: &str = "this process had it open";

/// Refuses a database without pages where something says that there was one: its log, its witness,
/// or this process, which had it open before.
///
/// # Errors
/// [`OpenError::DatabaseGone`], or [`OpenError::Directory`] where that cannot be told.
pub(super) fn look(options: &Options, was_open: bool) -> Result<(), OpenError> {
    let database = options.database();
    if length(&database)? > 0 {
        return Ok(());
    }
    let witness = options.witness();
    let left = if length(&wal::beside(&database))? > 0 {
        LOG
    } else if exists(&witness)? {
        WITNESS
    } else if was_open {
        OPEN_BEFORE
    } else {
        return Ok(());
    };
    Err(OpenError::DatabaseGone {
        path: database,
        left,
    })
}

/// The same for a reader, which knows no witness. A database without pages is none.
///
/// # Errors
/// As [`look`]; [`OpenError::Missing`] and [`OpenError::NotAStore`] where nothing is left.
pub(super) fn look_to_read(database: &Path) -> Result<(), OpenError> {
    if length(database)? > 0 {
        return Ok(());
    }
    let path = database.to_owned();
    if length(&wal::beside(database))? > 0 {
        return Err(OpenError::DatabaseGone { path, left: LOG });
    }
    Err(if exists(database)? {
        OpenError::NotAStore { path }
    } else {
        OpenError::Missing { path }
    })
}

/// A file's length; 0 where there is none.
fn length(path: &Path) -> Result<u64, OpenError> {
    Ok(metadata(path)?.map_or(0, |meta| meta.len()))
}

fn exists(path: &Path) -> Result<bool, OpenError> {
    Ok(metadata(path)?.is_some())
}

fn metadata(path: &Path) -> Result<Option<fs::Metadata>, OpenError> {
    match fs::metadata(path) {
        Ok(meta) => Ok(Some(meta)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(OpenError::Directory {
            path: path.to_owned(),
            source,
        }),
    }
}
