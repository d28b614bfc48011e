//! Every ticket's history folded again, and one hash over what they all come to.
//!
//! A replay knows a database file and the two pure functions `decode` and `apply`, and nothing by which
//! it could reach anybody: no model, no callbacks, no socket. It reads one snapshot in the order in which
//! events were written, on one thread, beside a running server or without one.
//!
//! Tickets overlap, so the states of those that are under way are held, up to [`MAX_HELD`]; a ticket
//! that fails may be redriven much later, so it is set aside like those past the bound, and read again
//! by itself in the end. The hash is a sum over tickets: their order does not matter.
//!
//! Not here: whether bytes are those that were written. That is [`verify`](super::verify)'s.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::time::{Duration, Instant};

use punchcard_events::ticket::{StateName, TicketEvent, TicketState, apply};
use punchcard_events::{Revision, StreamName, TicketId};
use rusqlite::{Connection, Row};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::options::OpenError;
use super::{BUSY, connection, lock, row};

/// States that are held at a time; each holds the texts of its ticket.
const MAX_HELD: usize = 100_000;

/// The columns that are read. The body is last, as in the table.
const COLUMNS: &str = "stream, revision, kind, schema_version, data";

/// What a replay came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Events of tickets that were folded.
    pub events: u64,
    /// Tickets that they are of.
    pub tickets: u64,
    /// Those tickets by the state that they come to.
    pub states: BTreeMap<StateName, u64>,
    /// SHA-256 over all of these states, in hexadecimal. Equal histories give equal hashes.
    pub hash: String,
    /// How long it took.
    #[serde(skip)]
    pub took: Duration,
}

/// Rows that were only read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scanned {
    /// Rows.
    pub rows: u64,
    /// Bytes of their bodies.
    pub bytes: u64,
    /// How long it took.
    pub took: Duration,
}

/// Why a store cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// It does not open.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be read.
    #[error("the store cannot be read: {0}")]
    Sqlite(#[from] rusqlite::Error),
    /// A history is damaged.
    #[error("{stream}, revision {revision}: {what}")]
    Damaged {
        /// The ticket's stream.
        stream: String,
        /// Where its history breaks.
        revision: u64,
        /// What is wrong.
        what: String,
    },
}

/// Folds the whole history of the store at `path`: a data directory, or a database file such as a
/// backup. Blocks, and reads everything.
///
/// # Errors
/// When the store cannot be opened or read, and at the first history that is damaged.
pub fn replay(path: &Path) -> Result<Replayed, ReplayError> {
    replay_holding(path, MAX_HELD)
}

/// The same with another bound.
pub(super) fn replay_holding(path: &Path, most: usize) -> Result<Replayed, ReplayError> {
    let begun = Instant::now();
    let conn = connection::open_reader(&lock::database_at(path), BUSY)?;
    // One snapshot for all queries; dropping the transaction ends it.
    let snapshot = conn.unchecked_transaction()?;
    let mut fold = Fold::new(most);
    let mut select =
        snapshot.prepare(&format!("SELECT {COLUMNS} FROM events ORDER BY position"))?;
    let mut rows = select.query([])?;
    while let Some(next) = rows.next()? {
        if let Some(event) = Stored::read(next)? {
            fold.take(&event)?;
        }
    }
    drop(rows);
    fold.finish(&snapshot)?;
    let mut replayed = fold.total.read();
    replayed.took = begun.elapsed();
    Ok(replayed)
}

/// Reads the same rows and does nothing with them: what a replay cannot be faster than.
///
/// # Errors
/// When the store cannot be opened or read.
pub fn scan(path: &Path) -> Result<Scanned, ReplayError> {
    let begun = Instant::now();
    let conn = connection::open_reader(&lock::database_at(path), BUSY)?;
    let mut select = conn.prepare(&format!("SELECT {COLUMNS} FROM events ORDER BY position"))?;
    let mut rows = select.query([])?;
    let (mut count, mut bytes) = (0, 0);
    while let Some(next) = rows.next()? {
        if let Some(event) = Stored::read(next)? {
            count += 1;
            bytes += event.data.len() as u64;
        }
    }
    Ok(Scanned {
        rows: count,
        bytes,
        took: begun.elapsed(),
    })
}

/// A ticket's event, in the page that it was read from.
struct Stored<'a> {
    ticket: TicketId,
    revision: u64,
    kind: &'a str,
    schema_version: u16,
    data: &'a str,
}

impl<'a> Stored<'a> {
    /// A row; `None` where it is no ticket's.
    fn read(row: &'a Row<'_>) -> rusqlite::Result<Option<Self>> {
        let stream = row.get_ref(0)?.as_str()?;
        let Some(id) = stream.strip_prefix("ticket-") else {
            return Ok(None);
        };
        let Ok(ticket) = row::uuid(id) else {
            return Ok(None);
        };
        Ok(Some(Self {
            ticket: TicketId(ticket),
            revision: row::unsigned(row, 1)?,
            kind: row.get_ref(2)?.as_str()?,
            schema_version: row.get(3)?,
            data: row.get_ref(4)?.as_str()?,
        }))
    }

    fn damaged(&self, what: String) -> ReplayError {
        ReplayError::Damaged {
            stream: self.ticket.stream().to_string(),
            revision: self.revision,
            what,
        }
    }
}

/// A ticket under way.
struct Held {
    state: TicketState,
    next: Revision,
}

impl Held {
    const fn new() -> Self {
        Self {
            state: TicketState::Unrequested,
            next: Revision::FIRST,
        }
    }

    /// Folds the next event of the ticket.
    fn take(&mut self, event: &Stored<'_>) -> Result<(), ReplayError> {
        if event.revision != self.next.0 {
            let what = format!("revision {} was to come here", self.next.0);
            return Err(event.damaged(what));
        }
        let decoded = TicketEvent::decode(event.kind, event.schema_version, event.data)
            .map_err(|error| event.damaged(error.to_string()))?;
        let state = std::mem::replace(&mut self.state, TicketState::Unrequested);
        self.state =
            apply(state, &decoded).map_err(|illegal| event.damaged(illegal.to_string()))?;
        self.next = self.next.next();
        Ok(())
    }
}

/// All tickets.
struct Fold {
    held: HashMap<TicketId, Held>,
    most: usize,
    /// To be read again by themselves.
    aside: HashSet<TicketId>,
    total: Total,
}

impl Fold {
    fn new(most: usize) -> Self {
        Self {
            held: HashMap::new(),
            most,
            aside: HashSet::new(),
            total: Total::default(),
        }
    }

    fn take(&mut self, event: &Stored<'_>) -> Result<(), ReplayError> {
        self.total.events += 1;
        if !self.aside.is_empty() && self.aside.contains(&event.ticket) {
            return Ok(());
        }
        if event.revision == 0 && self.held.len() >= self.most {
            self.aside.insert(event.ticket);
            return Ok(());
        }
        if event.revision == 0 {
            self.held.insert(event.ticket, Held::new());
        }
        let Some(held) = self.held.get_mut(&event.ticket) else {
            let what = "its history has ended before, or has no beginning".to_owned();
            return Err(event.damaged(what));
        };
        held.take(event)?;
        match held.state.name() {
            StateName::Delivered | StateName::Cancelled => {
                if let Some(ended) = self.held.remove(&event.ticket) {
                    self.total.add(event.ticket, &ended.state);
                }
            }
            StateName::Failed => {
                self.held.remove(&event.ticket);
                self.aside.insert(event.ticket);
            }
            StateName::Unrequested
            | StateName::Requested
            | StateName::PreProcessed
            | StateName::Sent
            | StateName::Answered
            | StateName::Persisted => {}
        }
        Ok(())
    }

    /// Takes in those that are still under way, and those that were set aside.
    fn finish(&mut self, snapshot: &Connection) -> Result<(), ReplayError> {
        for (ticket, held) in std::mem::take(&mut self.held) {
            self.total.add(ticket, &held.state);
        }
        let sql = format!("SELECT {COLUMNS} FROM events WHERE stream = ?1 ORDER BY revision");
        let mut select = snapshot.prepare(&sql)?;
        for ticket in std::mem::take(&mut self.aside) {
            let stream: StreamName = ticket.stream();
            let mut rows = select.query([stream.as_str()])?;
            let mut held = Held::new();
            while let Some(next) = rows.next()? {
                if let Some(event) = Stored::read(next)? {
                    held.take(&event)?;
                }
            }
            self.total.add(ticket, &held.state);
        }
        Ok(())
    }
}

/// What all tickets come to so far.
#[derive(Default)]
struct Total {
    events: u64,
    tickets: u64,
    states: [u64; StateName::ALL.len()],
    /// The sum of the tickets' hashes, as four numbers.
    sum: [u64; 4],
    /// Where a state is written; kept, so that it is not made for each.
    json: Vec<u8>,
}

impl Total {
    fn add(&mut self, ticket: TicketId, state: &TicketState) {
        self.tickets += 1;
        let name = state.name();
        let place = StateName::ALL.iter().position(|one| *one == name);
        if let Some(count) = place.and_then(|place| self.states.get_mut(place)) {
            *count += 1;
        }
        self.json.clear();
        self.json.extend_from_slice(ticket.0.as_bytes());
        if serde_json::to_writer(&mut self.json, state).is_err() {
            // A state that JSON cannot hold does not come out of stored events.
            self.json.extend_from_slice(format!("{state:?}").as_bytes());
        }
        let digest = Sha256::digest(&self.json);
        for (sum, part) in self.sum.iter_mut().zip(digest.chunks_exact(8)) {
            let part = part.iter().fold(0_u64, |n, byte| n << 8 | u64::from(*byte));
            *sum = sum.wrapping_add(part);
        }
    }

    fn read(&self) -> Replayed {
        let states = StateName::ALL.into_iter().zip(self.states);
        let mut hash = Sha256::new();
        hash.update(self.tickets.to_be_bytes());
        for part in self.sum {
            hash.update(part.to_be_bytes());
        }
        let digest = hash.finalize();
        Replayed {
            events: self.events,
            tickets: self.tickets,
            states: states.filter(|(_, count)| *count > 0).collect(),
            hash: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            took: Duration::ZERO,
        }
    }
}
