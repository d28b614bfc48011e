//! The ticket list as rows, kept in the transaction of the events it follows.
//!
//! What a line says is decided in [`TicketSummary::fold`] alone.

use punchcard_events::ticket::TicketSummary;
use punchcard_events::{NewEvent, Revision, StreamName, TicketId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::row::{self, signed, stage_name};

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
         failed_stage, failure_code) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
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
    ])?;
    Ok(())
}

fn update(conn: &Connection, now: &TicketSummary) -> rusqlite::Result<()> {
    let mut update = conn.prepare_cached(
        "UPDATE tickets SET state = ?2, attempt = ?3, updated_at_ms = ?4, revision = ?5, \
         answer_by_ms = ?6, persist_by_ms = ?7, deliver_by_ms = ?8, deadline_ms = ?9, \
         failed_stage = ?10, failure_code = ?11 WHERE id = ?1",
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
    ])?;
    Ok(())
}

fn touch(conn: &Connection, now: &TicketSummary) -> rusqlite::Result<()> {
    let mut touch = conn.prepare_cached(
        "UPDATE tickets SET attempt = ?2, updated_at_ms = ?3, revision = ?4 WHERE id = ?1",
    )?;
    touch.execute(params![
        now.id.to_string(),
        now.attempt,
        millis(now.updated_at),
        signed(now.revision.0),
    ])?;
    Ok(())
}

/// Makes the whole list anew from the events, in one transaction, a stream at a time. Returns how
/// many tickets it holds.
pub(super) fn rebuild(conn: &mut Connection) -> rusqlite::Result<u64> {
    let tx = conn.transaction()?;
    tx.execute("DELETE FROM tickets", [])?;
    let mut tickets = 0;
    let mut finish = |summary: Option<TicketSummary>| match summary {
        Some(summary) => {
            tickets += 1;
            insert(&tx, &summary)
        }
        None => Ok(()),
    };
    {
        let mut select = tx.prepare(&format!(
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
    }
    tx.commit()?;
    Ok(tickets)
}

fn millis(time: Timestamp) -> i64 {
    signed(time.as_millis())
}
