//! The check of a whole store: the file, the chains, the histories, the ticket list, and the head of
//! the log against its witness.
//!
//! It reads one snapshot, so it may run beside a writer. After a broken link the walk goes on with
//! the stored hash, so that one wrong byte is one finding.

use std::path::Path;

use punchcard_events::ticket::{TicketEvent, TicketState, TicketSummary, apply};
use punchcard_events::{Position, Recorded, Revision, StreamName, TicketId};
use rusqlite::{Connection, Row};

use super::chain::{self, Hash};
use super::options::OpenError;
use super::report::{FindingKind, Report};
use super::{BUSY, connection, index, lock, row, schema, verify_log, witness};

/// Checks the store at `path`: a data directory, or a database file such as a backup. Blocks, and
/// reads everything. The witness is looked for beside the database.
///
/// # Errors
/// When the store cannot be opened. What is wrong inside is in the report.
pub fn verify(path: &Path) -> Result<Report, OpenError> {
    verify_with(path, None)
}

/// As [`verify`], with a witness that lies elsewhere.
///
/// # Errors
/// As [`verify`].
pub fn verify_with(path: &Path, witness: Option<&Path>) -> Result<Report, OpenError> {
    let database = lock::database_at(path);
    let conn = connection::open_reader(&database, BUSY)?;
    let beside = witness::beside(&database);
    let witness_path = witness.unwrap_or(&beside);
    // Before the snapshot: a writer may go on, and its witness must not seem ahead of it.
    let found = verify_log::read_witness(witness_path).map_err(|source| OpenError::Directory {
        path: witness_path.to_owned(),
        source,
    })?;
    // A backup often lies in a directory that has a witness of its own.
    let belongs = path.is_dir() || witness.is_some();
    let mut report = Report::default();
    if let Err(error) = check(&conn, found, belongs, &mut report) {
        report.add(FindingKind::File, format!("the check stopped: {error}"));
    }
    Ok(report)
}

fn check(
    conn: &Connection,
    witness: witness::Found,
    belongs: bool,
    report: &mut Report,
) -> rusqlite::Result<()> {
    // One snapshot for all queries; dropping the transaction ends it.
    let snapshot = conn.unchecked_transaction()?;
    check_file(&snapshot, report)?;
    check_definitions(&snapshot, report)?;
    walk(&snapshot, report)?;
    verify_log::check(&snapshot, witness, belongs, report)?;
    check_orphans(&snapshot, report)
}

/// A damaged definition makes SQLite read sound rows as something else.
fn check_definitions(conn: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    if schema::definitions(conn)? != schema::expected_definitions()? {
        let message = "a table or an index is not defined as this build defines it".to_owned();
        report.add(FindingKind::File, message);
    }
    Ok(())
}

fn check_file(conn: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    let mut check = conn.prepare("PRAGMA integrity_check(20)")?;
    let mut rows = check.query([])?;
    while let Some(row) = rows.next()? {
        let said: String = row.get(0)?;
        if said != "ok" {
            report.add(FindingKind::File, said);
        }
    }
    Ok(())
}

/// Lines of the ticket list without any event.
fn check_orphans(conn: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    let mut select = conn.prepare(
        "SELECT id FROM tickets \
         WHERE NOT EXISTS (SELECT 1 FROM events WHERE stream = 'ticket-' || tickets.id)",
    )?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        let message = format!("the ticket list has ticket {id}, but its events are missing");
        report.add(FindingKind::LostEvents, message);
    }
    Ok(())
}

fn walk(conn: &Connection, report: &mut Report) -> rusqlite::Result<()> {
    let mut select = conn.prepare(&format!(
        "SELECT {} FROM events ORDER BY stream, revision",
        row::EVENT_COLUMNS
    ))?;
    let mut rows = select.query([])?;
    let mut current: Option<Walk> = None;
    while let Some(next) = rows.next()? {
        report.events += 1;
        let (event, hash) = match row::event(next) {
            Ok(read) => read,
            Err(error) if row::is_damage(&error) => {
                unreadable(next, &error, current.as_mut(), report);
                continue;
            }
            Err(error) => return Err(error),
        };
        let mut walk = match current.take() {
            Some(walk) if walk.stream == event.stream => walk,
            finished => {
                if let Some(finished) = finished {
                    finished.finish(conn, report)?;
                }
                Walk::start(&event.stream)
            }
        };
        walk.step(&event, hash, report);
        current = Some(walk);
    }
    match current {
        Some(last) => last.finish(conn, report),
        None => Ok(()),
    }
}

/// An event that cannot be read: the walk of its stream goes on after it.
fn unreadable(
    row: &Row<'_>,
    error: &rusqlite::Error,
    current: Option<&mut Walk>,
    report: &mut Report,
) {
    let stream: Option<String> = row.get(1).ok();
    let revision = row::unsigned(row, 2).ok();
    if let Some(walk) = current.filter(|walk| stream.as_deref() == Some(walk.stream.as_str())) {
        walk.next = revision.map_or(walk.next, |r| Revision(r).next());
        walk.hash = row.get(10).unwrap_or(walk.hash);
        walk.state = None;
    }
    let message = format!("the event cannot be read: {error}");
    report.push(FindingKind::UnreadableEvent, stream, revision, message);
}

/// The walk along one stream.
struct Walk {
    stream: StreamName,
    ticket: Option<TicketId>,
    next: Revision,
    last: Option<Position>,
    hash: Hash,
    /// The fold so far; none for other streams, and once a history broke.
    state: Option<TicketState>,
    summary: Option<TicketSummary>,
}

impl Walk {
    fn start(stream: &StreamName) -> Self {
        let ticket = stream.ticket();
        Self {
            stream: stream.clone(),
            ticket,
            next: Revision::FIRST,
            last: None,
            hash: chain::ROOT,
            state: ticket.map(|_| TicketState::Unrequested),
            summary: None,
        }
    }

    fn step(&mut self, event: &Recorded, stored: Hash, report: &mut Report) {
        let link = chain::link(&self.hash, &event.stream, event.revision, &event.event);
        if event.revision != self.next {
            let message = format!("revision {} is missing before it", self.next.0);
            report.add_event(FindingKind::LostEvents, event, message);
        } else if link != stored {
            let message = "the event, or the one before it, is not what was written".to_owned();
            report.add_event(FindingKind::BrokenChain, event, message);
        }
        if self.last.is_some_and(|last| event.position <= last) {
            let message = "its position is not above the one before it".to_owned();
            report.add_event(FindingKind::PositionOrder, event, message);
        }
        self.next = event.revision.next();
        self.last = Some(event.position);
        self.hash = stored;
        if let Some(ticket) = self.ticket {
            self.fold(ticket, event, report);
        }
    }

    fn fold(&mut self, ticket: TicketId, event: &Recorded, report: &mut Report) {
        let before = self.summary.take();
        self.summary = index::advance(before, ticket, event.revision, &event.event);
        let Some(state) = self.state.take() else {
            return;
        };
        let body = &event.event;
        match TicketEvent::decode(&body.kind, body.schema_version, &body.data) {
            Err(error) => {
                report.add_event(FindingKind::UndecodableEvent, event, error.to_string());
            }
            Ok(decoded) => match apply(state, &decoded) {
                Ok(state) => self.state = Some(state),
                Err(illegal) => {
                    report.add_event(FindingKind::IllegalHistory, event, illegal.to_string());
                }
            },
        }
    }

    /// Compares the end of the stream with the ticket list.
    fn finish(self, conn: &Connection, report: &mut Report) -> rusqlite::Result<()> {
        report.streams += 1;
        let Some(ticket) = self.ticket else {
            return Ok(());
        };
        report.tickets += 1;
        let listed = index::load(conn, ticket)?;
        if listed == self.summary {
            return Ok(());
        }
        let end = |summary: &Option<TicketSummary>| {
            summary.as_ref().map_or_else(
                || "no ticket".to_owned(),
                |s| format!("{} at revision {}", s.state.as_str(), s.revision.0),
            )
        };
        let ahead = listed.as_ref().is_some_and(|l| l.revision >= self.next);
        let kind = if ahead {
            FindingKind::LostEvents
        } else {
            FindingKind::StaleIndex
        };
        let (listed, told) = (end(&listed), end(&self.summary));
        let message = format!("the ticket list says {listed}, the events say {told}");
        report.add_stream(kind, &self.stream, message);
        Ok(())
    }
}
