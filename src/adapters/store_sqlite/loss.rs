//! Going on without events that are lost: an operator's decision, never the program's.
//!
//! It is written into the log. The positions that are gone are never given again, and the chain over
//! the log goes over the record of them, so that what is left can still be checked as a whole.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use serde::Serialize;

use super::lock::OwnedDirectory;
use super::log_head::{self, Entry, LogHead, Loss};
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
    let witnessed = witnessed(&path)?;
    let (last_position, head) = record(&mut conn, witnessed.as_ref(), now_ms).map_err(failed)?;
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

/// What the witness says, where it can be read.
fn witnessed(witness: &Path) -> Result<Option<LogHead>, OpenError> {
    let found = witness::read(witness).map_err(|source| OpenError::Directory {
        path: witness.to_owned(),
        source,
    })?;
    Ok(match found {
        Found::Says(testimony) => Some(testimony.head),
        Found::Missing | Found::Unreadable => None,
    })
}

/// Writes the loss into the database. The head is folded anew from what is there, since the stored
/// one may be what is damaged.
///
/// A kill between this and the new witness leaves a log that ends in the loss, and the witness that
/// it answers. That one only gets its new witness: nothing was lost a second time. With no witness
/// to be read nobody can tell, and the positions are given up again.
fn record(
    conn: &mut Connection,
    witnessed: Option<&LogHead>,
    now_ms: u64,
) -> rusqlite::Result<(u64, LogHead)> {
    let tx = conn.transaction()?;
    let (stored, _) = log_head::load(&tx)?;
    let mut last = None;
    let mut head = log_head::root(stored.store);
    log_head::walk(&tx, 0, |entry| {
        head.hash = entry.after(&head.hash);
        head.position = entry.last();
        last = Some(entry);
    })?;
    if let (Some(Entry::Loss(loss)), Some(witnessed)) = (last, witnessed)
        && head == stored
        && witnessed.store == stored.store
        && witnessed.position <= loss.last
    {
        return Ok((loss.first.saturating_sub(1), head));
    }
    let witnessed = witnessed.map_or(0, |witnessed| witnessed.position);
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
