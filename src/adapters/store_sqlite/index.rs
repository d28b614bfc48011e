//! The ticket list as rows, kept in the transaction of the events it follows.
//!
//! What a line says is decided in [`TicketSummary::fold`] alone.

use punchcard_events::ticket::TicketSummary;
use punchcard_events::{NewEvent, Revision, StreamName, TicketId, Timestamp};
use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::row::{self, signed, stage_name, sum};

/// The streams of tickets, as a range of names: `-` is followed by `.` in ASCII.
pub(super) const TICKET_STREAMS: &str = "stream >= 'ticket-' AND stream < 'ticket.'";

/// The line after one more event.
///
/// An event that cannot be decoded must not stop the appends, nor the tickets beside it: the line
/// stays as it was, at the new revision.
pub(super) fn advance(
    before: Option<TicketSummary>,
    ticket: TicketId,
    revision: Revision,
    event: &NewEvent,
) -> Option<TicketSummary> {
    match TicketSummary::fold(before.clone(), ticket, revision, event) {
        Ok(summary) => summary,
        Err(error) => {
            tracing::warn!(
                ticket.id = %ticket,
                revision = revision.0,
                %error,
                "the ticket list cannot follow an event",
            );
            before.map(|mut summary| {
                summary.revision = revision;
                summary.updated_at = event.recorded_at;
                summary
            })
        }
    }
}

/// The stored line of a ticket. A damaged line counts as none: it is found by `store verify` and
/// repaired by a rebuild, and must not stop appends.
pub(super) fn load(conn: &Connection, id: TicketId) -> rusqlite::Result<Option<TicketSummary>> {
    let mut select = conn.prepare_cached(&format!(
        "SELECT {} FROM tickets WHERE id = ?1",
        row::TICKET_COLUMNS
    ))?;
    match select.query_row([id.to_string()], row::ticket).optional() {
        Err(error) if row::is_damage(&error) => {
            tracing::error!(ticket.id = %id, %error, "a line of the ticket list is damaged");
            Ok(None)
        }
        loaded => loaded,
    }
}

/// Stores a line whose stored form is `before`. A column that an index covers is written only
/// when it changed.
pub(super) fn store(
    conn: &Connection,
    before: Option<&TicketSummary>,
    now: &TicketSummary,
) -> rusqlite::Result<()> {
    match before {
        None => insert(conn, now),
        Some(before) if is_lightly_changed(before, now) => touch(conn, now),
        Some(_) => update(conn, now),
    }
}

fn is_lightly_changed(before: &TicketSummary, now: &TicketSummary) -> bool {
    before.state == now.state
        && before.deadlines == now.deadlines
        && before.failed_stage == now.failed_stage
        && before.failure_code == now.failure_code
}

fn insert(conn: &Connection, now: &TicketSummary) -> rusqlite::Result<()> {
    let mut insert = conn.prepare_cached(
        "INSERT OR REPLACE INTO tickets (id, tenant, task, user, state, attempt, requested_at_ms, \
         updated_at_ms, revision, answer_by_ms, persist_by_ms, deliver_by_ms, deadline_ms, \
         failed_stage, failure_code, sum) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    )?;
    insert.execute(params![
        now.id.to_string(),
        now.tenant.as_str(),
        now.task.as_str(),
        now.user.as_ref().map(|user| user.as_str()),
        now.state.as_str(),
        now.attempt,
        millis(now.requested_at),
        millis(now.updated_at),
        signed(now.revision.0),
        millis(now.deadlines.answer_by),
        millis(now.deadlines.persist_by),
        millis(now.deadlines.deliver_by),
        now.deadline().map(millis),
        now.failed_stage.map(stage_name),
        now.failure_code,
        sum(now),
    ])?;
    Ok(())
}

fn update(conn: &Connection, now: &TicketSummary) -> rusqlite::Result<()> {
    let mut update = conn.prepare_cached(
        "UPDATE tickets SET state = ?2, attempt = ?3, updated_at_ms = ?4, revision = ?5, \
         answer_by_ms = ?6, persist_by_ms = ?7, deliver_by_ms = ?8, deadline_ms = ?9, \
         failed_stage = ?10, failure_code = ?11, sum = ?12 WHERE id = ?1",
    )?;
    update.execute(params![
        now.id.to_string(),
        now.state.as_str(),
        now.attempt,
        millis(now.updated_at),
        signed(now.revision.0),
        millis(now.deadlines.answer_by),
        millis(now.deadlines.persist_by),
        millis(now.deadlines.deliver_by),
        now.deadline().map(millis),
        now.failed_stage.map(stage_name),
        now.failure_code,
        sum(now),
    ])?;
    Ok(())
}

fn touch(conn: &Connection, now: &TicketSummary) -> rusqlite::Result<()> {
    let mut touch = conn.prepare_cached(
        "UPDATE tickets SET attempt = ?2, updated_at_ms = ?3, revision = ?4, sum = ?5 \
         WHERE id = ?1",
    )?;
    touch.execute(params![
        now.id.to_string(),
        now.attempt,
        millis(now.updated_at),
        signed(now.revision.0),
        sum(now),
    ])?;
    Ok(())
}

/// Makes the whole list anew from the events, in one transaction. Returns how many tickets it holds.
pub(super) fn rebuild(conn: &mut Connection) -> rusqlite::Result<u64> {
    let tx = conn.transaction()?;
    // Without a condition SQLite empties the trees without reading them, so this gets rid of
    // damaged rows too.
    tx.execute("DELETE FROM tickets", [])?;
    let tickets = fill(&tx)?;
    tx.commit()?;
    Ok(tickets)
}

/// Fills an empty list from the events, a stream at a time. Returns how many tickets it holds.
pub(super) fn fill(conn: &Connection) -> rusqlite::Result<u64> {
    let mut tickets = 0;
    let mut finish = |summary: Option<TicketSummary>| match summary {
        Some(summary) => {
            tickets += 1;
            insert(conn, &summary)
        }
        None => Ok(()),
    };
    let mut select = conn.prepare(&format!(
        "SELECT {} FROM events WHERE {TICKET_STREAMS} ORDER BY stream, revision",
        row::EVENT_COLUMNS
    ))?;
    let mut rows = select.query([])?;
    let mut current: Option<(StreamName, Option<TicketSummary>)> = None;
    while let Some(next) = rows.next()? {
        let (recorded, _) = row::event(next)?;
        let Some(ticket) = recorded.stream.ticket() else {
            continue;
        };
        let before = match current.take() {
            Some((stream, summary)) if stream == recorded.stream => summary,
            Some((_, summary)) => {
                finish(summary)?;
                None
            }
            None => None,
        };
        let summary = advance(before, ticket, recorded.revision, &recorded.event);
        current = Some((recorded.stream, summary));
    }
    finish(current.and_then(|(_, summary)| summary))?;
    Ok(tickets)
}

/// Makes one ticket's line anew from its events, and gives it.
pub(super) fn renew(
    conn: &Connection,
    ticket: TicketId,
) -> rusqlite::Result<Option<TicketSummary>> {
    let mut summary = None;
    let mut select = conn.prepare_cached(&format!(
        "SELECT {} FROM events WHERE stream = ?1 ORDER BY revision",
        row::EVENT_COLUMNS
    ))?;
    let mut rows = select.query([ticket.stream().as_str()])?;
    while let Some(next) = rows.next()? {
        let (recorded, _) = row::event(next)?;
        summary = advance(summary, ticket, recorded.revision, &recorded.event);
    }
    let id = ticket.to_string();
    if is_listed(conn, id.as_bytes())? {
        remove(conn, id.as_bytes())?;
    }
    if let Some(summary) = &summary {
        insert(conn, summary)?;
    }
    Ok(summary)
}

fn is_listed(conn: &Connection, id: &[u8]) -> rusqlite::Result<bool> {
    let mut select = conn.prepare_cached("SELECT 1 FROM tickets WHERE id = CAST(?1 AS TEXT)")?;
    select.exists([id])
}

/// Takes a wrong line out. The indexes are made anew first: they cannot be followed from a row that
/// does not say any more what they say. An id that is damaged may be no text at all.
fn remove(conn: &Connection, id: &[u8]) -> rusqlite::Result<()> {
    conn.execute_batch("REINDEX tickets")?;
    conn.execute("DELETE FROM tickets WHERE id = CAST(?1 AS TEXT)", [id])?;
    Ok(())
}

/// Which lines [`mend`] reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Those of open tickets: what a start needs.
    Open,
    /// All.
    All,
}

/// Makes damaged lines anew, those that lag behind their stream, and those of `tickets` that are
/// missing. Returns how many.
pub(super) fn mend(
    conn: &mut Connection,
    scope: Scope,
    tickets: BTreeSet<TicketId>,
) -> rusqlite::Result<u64> {
    let mut wrong = wrong_lines(conn, scope)?;
    for ticket in tickets {
        let stands = load(conn, ticket)?.map(|line| signed(line.revision.0));
        if stands != newest(conn, ticket)? {
            wrong.insert(ticket.to_string().into_bytes());
        }
    }
    if wrong.is_empty() {
        return Ok(0);
    }
    let tx = conn.transaction()?;
    let mut mended = 0;
    for id in &wrong {
        let ticket = std::str::from_utf8(id)
            .ok()
            .and_then(|id| row::uuid(id).ok());
        let listed = is_listed(&tx, id)?;
        let renewed = match ticket {
            Some(ticket) => renew(&tx, TicketId(ticket))?.is_some(),
            None => {
                remove(&tx, id)?;
                false
            }
        };
        mended += u64::from(listed || renewed);
    }
    tx.commit()?;
    Ok(mended)
}

/// The ids, as they are stored, of lines that are damaged or lag behind their stream. A sound line
/// that is ahead of its stream is left: events are lost, and it is the trace of them.
fn wrong_lines(conn: &Connection, scope: Scope) -> rusqlite::Result<BTreeSet<Vec<u8>>> {
    let which = match scope {
        Scope::Open => "INDEXED BY tickets_open WHERE deadline_ms IS NOT NULL",
        Scope::All => "",
    };
    let mut select = conn.prepare(&format!(
        "SELECT {}, (SELECT max(revision) FROM events WHERE stream = 'ticket-' || tickets.id) \
         FROM tickets {which}",
        row::TICKET_COLUMNS
    ))?;
    let newest_column = select.column_count() - 1;
    let mut rows = select.query([])?;
    let mut wrong = BTreeSet::new();
    while let Some(next) = rows.next()? {
        let newest: Option<i64> = next.get(newest_column)?;
        let sound = match row::ticket(next) {
            Ok(line) => newest.is_none_or(|newest| newest <= signed(line.revision.0)),
            Err(error) if row::is_damage(&error) => false,
            Err(error) => return Err(error),
        };
        if !sound {
            wrong.insert(next.get_ref(0)?.as_bytes()?.to_vec());
        }
    }
    Ok(wrong)
}

/// The newest revision of a ticket's stream.
fn newest(conn: &Connection, ticket: TicketId) -> rusqlite::Result<Option<i64>> {
    let mut select = conn.prepare_cached("SELECT max(revision) FROM events WHERE stream = ?1")?;
    select.query_row([ticket.stream().as_str()], |row| row.get(0))
}

fn millis(time: Timestamp) -> i64 {
    signed(time.as_millis())
}
