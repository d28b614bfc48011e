//! Going on without events that are lost: an operator's decision, never the program's.
//!
//! It is written into the log. The positions that are gone are never given again, and the chain over
//! the log goes over the record of them, so that what is left can still be checked as a whole.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde::Serialize;

use super::lock::OwnedDirectory;
use super::log_head::{self, LogHead, Loss};
use super::options::{Mismatch, OpenError, Options};
use super::witness::{self, Found, Witness};
use super::{connection, gone, start, wal};

/// A loss that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Accepted {
    /// The newest position that is left.
    pub last_position: u64,
    /// Events that were acknowledged and are not there, as far as the witness could tell.
    pub lost_events: Option<u64>,
    /// The next event gets a position above this one.
    pub positions_given_up_to: u64,
    /// Where the old witness was put.
    pub old_witness: Option<PathBuf>,
}

/// Why no loss was accepted. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum LossError {
    /// The database and its witness agree.
    #[error("nothing is lost: the database and its witness agree, and the store opens as it is")]
    NothingLost,
    /// There is no witness where it was looked for, and nobody said that there is none elsewhere.
    #[error(
        "there is no witness at {}. If `store.witness` puts it elsewhere, name it by --witness; if it \
         was moved, move it back. Only if it is gone: --without-witness",
        .path.display()
    )]
    NoWitness {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The store cannot be opened for another reason.
    #[error(transparent)]
    Open(#[from] OpenError),
}

/// Makes the store in `options.data_dir` one that opens again, without what is lost. Blocks; no
/// other process may have the store. `now_ms` is the time of the decision. A witness that is missing
/// is most often only elsewhere, so that is accepted only by `without_witness`.
///
/// # Errors
/// See [`LossError`].
pub fn accept_loss(
    options: &Options,
    without_witness: bool,
    now_ms: u64,
) -> Result<Accepted, LossError> {
    let (database, path) = (options.database(), options.witness());
    gone::look(options, false)?;
    if !database.exists() {
        return Err(LossError::Open(OpenError::Missing { path: database }));
    }
    let _directory = OwnedDirectory::take(&options.data_dir)?;
    let failed = |source| OpenError::of_sqlite(&database, source);
    let mut conn = connection::open_writer(&database, options.busy_timeout, |_| Ok(()))?;
    let mismatch = match start::settle(&conn, &database, &path, None) {
        Ok(_) => return Err(LossError::NothingLost),
        Err(OpenError::Witness {
            mismatch: Mismatch::Missing,
            witness,
            ..
        }) if !without_witness => return Err(LossError::NoWitness { path: witness }),
        Err(OpenError::Witness { mismatch, .. }) => mismatch,
        Err(other) => return Err(LossError::Open(other)),
    };
    let known = known_position(&path)?;
    let (last_position, head) = record(&mut conn, known, now_ms).map_err(failed)?;
    connection::keep(&conn).map_err(failed)?;
    wal::empty(&conn).map_err(failed)?;
    let old_witness =
        replace(&path, &head, &database, now_ms).map_err(|source| OpenError::Directory {
            path: path.clone(),
            source,
        })?;
    Ok(Accepted {
        last_position,
        lost_events: match mismatch {
            Mismatch::LostTail { database, witness } => Some(witness - database),
            Mismatch::Missing
            | Mismatch::Unreadable
            | Mismatch::OtherStore { .. }
            | Mismatch::OlderCopy { .. }
            | Mismatch::Forked { .. } => None,
        },
        positions_given_up_to: head.position,
        old_witness,
    })
}

fn known_position(witness: &Path) -> Result<u64, OpenError> {
    let found = witness::read(witness).map_err(|source| OpenError::Directory {
        path: witness.to_owned(),
        source,
    })?;
    Ok(match found {
        Found::Says(testimony) => testimony.head.position,
        Found::Missing | Found::Unreadable => 0,
    })
}

/// Writes the loss into the database. The head is folded anew from what is there, since the stored
/// one may be what is damaged.
fn record(conn: &mut Connection, witnessed: u64, now_ms: u64) -> rusqlite::Result<(u64, LogHead)> {
    let tx = conn.transaction()?;
    let (stored, _) = log_head::load(&tx)?;
    let mut head = log_head::recompute(&tx, &log_head::root(stored.store))?;
    let left = head.position;
    let first = left + 1;
    let loss = Loss {
        first,
        last: first.max(witnessed).max(stored.position),
        accepted_at_ms: now_ms,
    };
    log_head::record_loss(&tx, &mut head, loss)?;
    log_head::set_witnessed(&tx, true)?;
    tx.commit()?;
    Ok((left, head))
}

/// Puts a new witness in the place of the old one, which is kept under another name.
fn replace(
    path: &Path,
    head: &LogHead,
    database: &Path,
    now_ms: u64,
) -> std::io::Result<Option<PathBuf>> {
    let old = if path.exists() {
        Some(witness::put_aside(path, now_ms)?)
    } else {
        None
    };
    Witness::create(path, head, database)?;
    Ok(old)
}
