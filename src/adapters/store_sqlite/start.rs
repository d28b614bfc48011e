//! What every start checks before the store takes events, and what is left to `store verify`.
//!
//! A start reads little, so that it is quick however large the store is:
//!
//! 1. the file without its write-ahead log against what the log says it goes on from
//!    ([`file_alone`]): a file that is behind that refuses the start;
//! 2. the head of the log against the witness: every event that was acknowledged is there, and the
//!    history after the witness leads to the stored head. A mismatch refuses the start;
//! 3. the newest [`TAIL`] events, each against its stream's chain. A damaged one is named in the log
//!    and counted; it is never served, and its neighbours go on;
//! 4. the lines of open tickets, and of tickets in that tail, against the revisions of their
//!    streams. A line that lags behind is made anew from the events.
//!
//! Older events, and what else a line says, are checked when they are read (as those of all open
//! tickets are, soon after a start), and all together by [`verify`](super::verify()).

use std::path::Path;

use punchcard_actors::ports::ReadError;
use punchcard_events::Position;
use rusqlite::Connection;

use super::log_head::{self, LogHead};
use super::options::{Mismatch, OpenError};
use super::witness::{self, Found, Testimony};
use super::{file_alone, index, reads, row, schema};

/// How many of the newest events a start reads.
pub(super) const TAIL: u64 = 1_000;

/// Checks the database against what is known from outside: what this process has acknowledged, if
/// it had the store open before, or what the witness says. Changes nothing.
///
/// # Errors
/// [`OpenError::Witness`] where they do not fit, [`OpenError::OtherLog`] where the database's file and its
/// log do not.
pub(super) fn settle(
    conn: &Connection,
    database: &Path,
    witness: &Path,
    acknowledged: Option<&LogHead>,
) -> Result<(LogHead, Option<Testimony>), OpenError> {
    let failed = |source| OpenError::of_sqlite(database, source);
    let mismatch = |mismatch| OpenError::Witness {
        database: database.to_owned(),
        witness: witness.to_owned(),
        mismatch,
    };
    let (head, witnessed) = log_head::load(conn).map_err(failed)?;
    let folded = log_head::folded(conn).map_err(failed)?;
    file_alone::check(database, &head, folded)?;
    let found = witness::read(witness).map_err(|source| OpenError::Directory {
        path: witness.to_owned(),
        source,
    })?;
    let (testimony, from) = match (found, acknowledged) {
        (Found::Says(testimony), Some(acknowledged)) => (Some(testimony), *acknowledged),
        (Found::Missing | Found::Unreadable, Some(acknowledged)) => (None, *acknowledged),
        (Found::Says(testimony), None) => (Some(testimony), testimony.head),
        (Found::Unreadable, None) => return Err(mismatch(Mismatch::Unreadable)),
        (Found::Missing, None) if witnessed => return Err(mismatch(Mismatch::Missing)),
        // A store just made, or a backup put here: all of it is checked against itself.
        (Found::Missing, None) => (None, log_head::root(head.store)),
    };
    match compare(conn, &head, &from).map_err(failed)? {
        Ok(()) => Ok((head, testimony)),
        Err(wrong) => Err(mismatch(wrong)),
    }
}

/// Whether a store of an older schema may be upgraded. A version without witnesses that has one is an
/// old copy in the place of a store that went on, and an upgrade would only make it harder to tell.
///
/// # Errors
/// [`OpenError::Witness`] for such a copy; [`OpenError::Directory`] where it cannot be told.
pub(super) fn may_upgrade(version: i64, database: &Path, path: &Path) -> Result<(), OpenError> {
    let found = witness::read(path).map_err(|source| OpenError::Directory {
        path: path.to_owned(),
        source,
    })?;
    match found {
        Found::Says(testimony) if version < schema::WITNESSED => Err(OpenError::Witness {
            database: database.to_owned(),
            witness: path.to_owned(),
            mismatch: Mismatch::OlderCopy {
                version,
                witness: testimony.head.position,
            },
        }),
        Found::Says(_) | Found::Unreadable | Found::Missing => Ok(()),
    }
}

/// Whether `head`, the database's own, goes on from `witnessed`.
pub(super) fn compare(
    conn: &Connection,
    head: &LogHead,
    witnessed: &LogHead,
) -> rusqlite::Result<Result<(), Mismatch>> {
    if head.store != witnessed.store {
        return Ok(Err(Mismatch::OtherStore {
            database: head.position,
            witness: witnessed.position,
        }));
    }
    if head.position < witnessed.position {
        return Ok(Err(Mismatch::LostTail {
            database: head.position,
            witness: witnessed.position,
        }));
    }
    let newest = log_head::newest(conn)?;
    if newest < head.position {
        return Ok(Err(Mismatch::LostTail {
            database: newest,
            witness: head.position,
        }));
    }
    if log_head::recompute(conn, witnessed)? != *head {
        return Ok(Err(Mismatch::Forked {
            position: witnessed.position,
        }));
    }
    Ok(Ok(()))
}

/// Looks at the newest events and at the lines that matter next. Damage is told and counted; what
/// can be mended is.
///
/// # Errors
/// When SQLite cannot read or write; damage is none.
pub(super) fn check_tail(conn: &mut Connection, head: &LogHead) -> rusqlite::Result<()> {
    let mut after = head.position.saturating_sub(TAIL);
    let mut streams = std::collections::BTreeSet::new();
    while after < head.position {
        match reads::all(conn, Some(Position(after)), 1) {
            Ok(page) => match page.first() {
                None => break,
                Some(event) => {
                    let (missing, position) = (after + 1, event.position.0);
                    if missing < position && !log_head::is_given_up(conn, missing)? {
                        damaged(&format!("the event at position {missing} is missing"));
                    }
                    after = position;
                    streams.extend(event.stream.ticket());
                }
            },
            Err(ReadError::Damaged(reason)) => {
                damaged(&reason);
                after += 1;
            }
            Err(ReadError::Unavailable(reason)) => {
                tracing::warn!(reason, "the newest events were not checked");
                break;
            }
        }
    }
    let mended = match index::mend(conn, index::Scope::Open, streams) {
        // The list can be made anew at any time. No event is lost with it, so the store opens.
        Err(error) if row::is_damage(&error) => {
            damaged_list(&error);
            0
        }
        mended => mended?,
    };
    if mended > 0 {
        metrics::counter!("store_lines_mended_total").increment(mended);
        tracing::error!(
            mended,
            "lines of the ticket list were damaged and made anew"
        );
    }
    Ok(())
}

fn damaged(reason: &str) {
    metrics::counter!("store_damage_found_total").increment(1);
    tracing::error!(reason, "a stored event is damaged and will not be served");
}

fn damaged_list(error: &rusqlite::Error) {
    metrics::counter!("store_damage_found_total").increment(1);
    tracing::error!(
        %error,
        "the ticket list is damaged, and was not looked through: stop the server and run `punchcard store rebuild-list`"
    );
}
