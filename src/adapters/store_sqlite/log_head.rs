//! The head of the whole log: one position and one hash that stand for every event before it.
//!
//! The hash is a chain over all events in the order of positions, each by its link of its stream's
//! chain (which covers the event), and over the losses that somebody accepted. The database keeps
//! the newest head in one row, written in the transaction of the events; a copy of it outside (see
//! [`witness`](super::witness)) says whether the database still has everything that it once had.

use rusqlite::{Connection, params};

use super::chain::{self, Hash};
use super::row::{self, signed};

/// What tells one store from every other: random, given when the store was made.
pub(super) type StoreId = [u8; 16];

/// A place in a store's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LogHead {
    /// Which store.
    pub(super) store: StoreId,
    /// The newest position ever given.
    pub(super) position: u64,
    /// The chain over everything up to there.
    pub(super) hash: Hash,
}

impl LogHead {
    /// Moves on over one event.
    pub(super) fn advance(&mut self, link: &Hash) {
        self.position += 1;
        self.hash = chain::over_event(&self.hash, self.position, link);
    }

    /// Moves on over positions whose events are gone.
    pub(super) fn advance_over(&mut self, loss: Loss) {
        self.position = loss.last;
        self.hash = chain::over_loss(&self.hash, loss.first, loss.last, loss.accepted_at_ms);
    }
}

/// Positions that were given, and whose events somebody gave up by `punchcard store accept-loss`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Loss {
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) accepted_at_ms: u64,
}

/// One entry of the log, as far as the chain over it needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Entry {
    Event { position: u64, link: Hash },
    Loss(Loss),
}

impl Entry {
    /// The first position it takes.
    pub(super) const fn first(self) -> u64 {
        match self {
            Self::Event { position, .. } => position,
            Self::Loss(loss) => loss.first,
        }
    }

    /// The last position it takes.
    pub(super) const fn last(self) -> u64 {
        match self {
            Self::Event { position, .. } => position,
            Self::Loss(loss) => loss.last,
        }
    }

    /// The chain after it.
    pub(super) fn after(self, previous: &Hash) -> Hash {
        match self {
            Self::Event { position, link } => chain::over_event(previous, position, &link),
            Self::Loss(loss) => {
                chain::over_loss(previous, loss.first, loss.last, loss.accepted_at_ms)
            }
        }
    }
}

/// The stored head, and whether the store has a witness outside: a backup and a store that was
/// just made have none yet.
pub(super) fn load(conn: &Connection) -> rusqlite::Result<(LogHead, bool)> {
    conn.query_row(
        "SELECT store, position, hash, witnessed FROM log_head",
        [],
        |row| {
            let head = LogHead {
                store: row.get(0)?,
                position: row::unsigned(row, 1)?,
                hash: row.get(2)?,
            };
            Ok((head, row.get(3)?))
        },
    )
}

/// Stores where the log stands.
pub(super) fn save(conn: &Connection, head: &LogHead) -> rusqlite::Result<()> {
    let mut update = conn.prepare_cached("UPDATE log_head SET position = ?1, hash = ?2")?;
    update.execute(params![signed(head.position), head.hash.as_slice()])?;
    Ok(())
}

/// Stores whether there is a witness outside.
pub(super) fn set_witnessed(conn: &Connection, witnessed: bool) -> rusqlite::Result<()> {
    conn.execute("UPDATE log_head SET witnessed = ?1", [witnessed])?;
    Ok(())
}

/// The position up to which the database file has everything without its write-ahead log, as of when
/// the newest event was written.
pub(super) fn folded(conn: &Connection) -> rusqlite::Result<u64> {
    conn.query_row("SELECT folded FROM log_head", [], |row| {
        row::unsigned(row, 0)
    })
}

/// Stores up to which position the file has everything without its log. See
/// [`file_alone`](super::file_alone).
pub(super) fn set_folded(conn: &Connection, folded: u64) -> rusqlite::Result<()> {
    conn.execute("UPDATE log_head SET folded = ?1", [signed(folded)])?;
    Ok(())
}

/// Goes over the log after a position, in the order of positions.
pub(super) fn walk(
    conn: &Connection,
    after: u64,
    mut each: impl FnMut(Entry),
) -> rusqlite::Result<()> {
    let mut select = conn.prepare_cached(
        "SELECT position, hash, NULL, NULL FROM events WHERE position > ?1 \
         UNION ALL \
         SELECT first_position, NULL, last_position, accepted_at_ms FROM losses \
         WHERE first_position > ?1 ORDER BY 1",
    )?;
    let mut rows = select.query([signed(after)])?;
    while let Some(row) = rows.next()? {
        let first = row::unsigned(row, 0)?;
        let link: Option<Hash> = row.get(1)?;
        each(match link {
            Some(link) => Entry::Event {
                position: first,
                link,
            },
            None => Entry::Loss(Loss {
                first,
                last: row::unsigned(row, 2)?,
                accepted_at_ms: row::unsigned(row, 3)?,
            }),
        });
    }
    Ok(())
}

/// The chain over everything after `from`, beginning with its hash.
pub(super) fn recompute(conn: &Connection, from: &LogHead) -> rusqlite::Result<LogHead> {
    let mut head = *from;
    walk(conn, from.position, |entry| {
        head.hash = entry.after(&head.hash);
        head.position = entry.last();
    })?;
    Ok(head)
}

/// The first head there is.
pub(super) const fn root(store: StoreId) -> LogHead {
    LogHead {
        store,
        position: 0,
        hash: chain::ROOT,
    }
}

/// Records a loss and the head after it.
pub(super) fn record_loss(
    conn: &Connection,
    head: &mut LogHead,
    loss: Loss,
) -> rusqlite::Result<()> {
    conn.execute(
        "INSERT INTO losses (first_position, last_position, accepted_at_ms) VALUES (?1, ?2, ?3)",
        params![
            signed(loss.first),
            signed(loss.last),
            signed(loss.accepted_at_ms)
        ],
    )?;
    head.advance_over(loss);
    save(conn, head)
}

/// The newest position that an event or an accepted loss has.
pub(super) fn newest(conn: &Connection) -> rusqlite::Result<u64> {
    conn.query_row(
        "SELECT max(coalesce((SELECT max(position) FROM events), 0), \
         coalesce((SELECT max(last_position) FROM losses), 0))",
        [],
        |row| row::unsigned(row, 0),
    )
}

/// Whether a position is one whose event was given up.
pub(super) fn is_given_up(conn: &Connection, position: u64) -> rusqlite::Result<bool> {
    let mut select = conn.prepare_cached(
        "SELECT 1 FROM losses WHERE first_position <= ?1 AND last_position >= ?1",
    )?;
    select.exists([signed(position)])
}
