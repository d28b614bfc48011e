//! The ticket list as rows, kept in the transaction of the events it follows.
//!
//! What a line says is decided in [`TicketSummary::fold`] alone.

use punchcard_events::ticket::{Stage, TicketSummary};
use punchcard_events::{NewEvent, Revision, StreamName, TicketId, Timestamp};
use std::collections::BTreeSet;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::chain;
use super::row::{self, signed, sum};
use super::{reads, schema};

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
    match load_page(conn, id) {
        Err(error) if row::is_damage(&error) => {
            tracing::error!(ticket.id = %id, %error, "a page of the ticket list is damaged");
            Ok(None)
        }
        loaded => loaded,
    }
}

/// As [`load`], but a page that SQLite cannot follow is an error.
pub(super) fn load_page(
    conn: &Connection,
    id: TicketId,
) -> rusqlite::Result<Option<TicketSummary>> {
    let mut select = conn.prepare_cached(&format!(
        "SELECT {} FROM tickets WHERE id = ?1",
        row::TICKET_COLUMNS
    ))?;
    match select.query_row([id.to_string()], row::ticket).optional() {
        Err(error) if row::is_damage(&error) && error.sqlite_error_code().is_none() => {
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
        Some(before) => {
            if before.not_before != now.not_before {
                schedule(conn, now)?;
            }
            if is_lightly_changed(before, now) {
                touch(conn, now)
            } else if is_moved_on(before, now) {
                move_on(conn, now)
            } else {
                update(conn, now)
            }
        }
    }
}

fn is_lightly_changed(before: &TicketSummary, now: &TicketSummary) -> bool {
    before.state == now.state
        && before.deadlines == now.deadlines
        && before.failed_stage == now.failed_stage
        && before.failure_code == now.failure_code
}

/// Whether an open ticket only went to another open state with the same deadline.
fn is_moved_on(before: &TicketSummary, now: &TicketSummary) -> bool {
    before.deadlines == now.deadlines
        && now.deadline().is_some()
        && before.deadline() == now.deadline()
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
        now.failed_stage.map(Stage::as_str),
        now.failure_code,
        sum(now),
    ])?;
    // Apart, because a store is filled once before its list has the columns.
    if now.not_before.is_some() {
        schedule(conn, now)?;
    }
    match now.fork_of {
        Some(parent) => name_parent(conn, now.id, parent),
        None => Ok(()),
    }
}

/// Says whose fork a ticket is, which never changes.
fn name_parent(conn: &Connection, id: TicketId, parent: TicketId) -> rusqlite::Result<()> {
    let mut name = conn.prepare_cached("UPDATE tickets SET fork_of = ?2 WHERE id = ?1")?;
    name.execute([id.to_string(), parent.to_string()])?;
    Ok(())
}

/// Says when a ticket that has not begun falls due, or that it has begun.
fn schedule(conn: &Connection, now: &TicketSummary) -> rusqlite::Result<()> {
    let mut schedule =
        conn.prepare_cached("UPDATE tickets SET not_before_ms = ?2 WHERE id = ?1")?;
    schedule.execute(params![now.id.to_string(), now.not_before.map(millis)])?;
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
        now.failed_stage.map(Stage::as_str),
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

/// The update of a line whose deadline stays. SQLite writes the entry of an index anew where a column
/// of it is set, also to what it was; no index over open tickets has the state.
fn move_on(conn: &Connection, now: &TicketSummary) -> rusqlite::Result<()> {
    let mut move_on = conn.prepare_cached(
        "UPDATE tickets SET state = ?2, attempt = ?3, updated_at_ms = ?4, revision = ?5, sum = ?6 \
         WHERE id = ?1",
    )?;
    move_on.execute(params![
        now.id.to_string(),
        now.state.as_str(),
        now.attempt,
        millis(now.updated_at),
        signed(now.revision.0),
        sum(now),
    ])?;
    Ok(())
}

/// Makes the whole list anew from the events, in one transaction. Returns how many tickets it holds.
pub(super) fn rebuild(conn: &mut Connection) -> rusqlite::Result<u64> {
    match refill(conn, |tx| tx.execute("DELETE FROM tickets", []).map(drop)) {
        // SQLite reads every page that it gives free, and does not follow one that is malformed.
        Err(error) if row::is_damage(&error) => {
            tracing::warn!(%error, "the ticket list cannot be emptied, and is left for a new one");
            let tickets = refill(conn, leave)?;
            // The pages of the old list belong to nobody now. They take room, and do no harm.
            if let Err(error) = conn.execute_batch("VACUUM") {
                tracing::warn!(%error, "the pages of the old ticket list take room still");
            }
            Ok(tickets)
        }
        refilled => refilled,
    }
}

fn refill(
    conn: &mut Connection,
    empty: impl FnOnce(&Connection) -> rusqlite::Result<()>,
) -> rusqlite::Result<u64> {
    let tx = conn.transaction()?;
    empty(&tx)?;
    let tickets = fill(&tx)?;
    tx.commit()?;
    Ok(tickets)
}

/// Makes SQLite forget the list and its indexes without a look at them, and makes new ones.
fn leave(conn: &Connection) -> rusqlite::Result<()> {
    let definitions = schema::expected_definitions_of("tickets")?;
    conn.execute_batch(
        "PRAGMA writable_schema = ON; \
         DELETE FROM sqlite_schema WHERE tbl_name = 'tickets'; \
         PRAGMA writable_schema = RESET;",
    )?;
    definitions
        .iter()
        .try_for_each(|definition| conn.execute_batch(definition))
}

/// Fills an empty list from the events, a stream at a time. Returns how many tickets it holds. A
/// ticket whose events are damaged is left out.
pub(super) fn fill(conn: &Connection) -> rusqlite::Result<u64> {
    let mut tickets = 0;
    let mut select = conn.prepare(&format!(
        "SELECT DISTINCT stream FROM events WHERE {TICKET_STREAMS}"
    ))?;
    let mut rows = select.query([])?;
    while let Some(row) = rows.next()? {
        let stream = row.get_ref(0)?.as_str().map(StreamName::new);
        let Ok(Some(ticket)) = stream.map(|name| name.ok().and_then(|name| name.ticket())) else {
            continue;
        };
        match fold(conn, ticket)? {
            Folded::Line(Some(line)) => {
                tickets += 1;
                insert(conn, &line)?;
            }
            Folded::Line(None) => {}
            Folded::Damaged(reason) => tell_damaged(ticket, &reason),
        }
    }
    Ok(tickets)
}

/// What a ticket's events say to its line.
pub(super) enum Folded {
    /// The line; none when there is no event that a line can begin with.
    Line(Option<TicketSummary>),
    /// They are damaged, and say nothing.
    Damaged(String),
}

/// Folds a ticket's events, each checked against the chain: a line is not made of damage.
fn fold(conn: &Connection, ticket: TicketId) -> rusqlite::Result<Folded> {
    let mut select = conn.prepare_cached(&format!(
        "SELECT {} FROM events WHERE stream = ?1 ORDER BY revision",
        row::EVENT_COLUMNS
    ))?;
    let mut rows = select.query([ticket.stream().as_str()])?;
    let (mut line, mut hash, mut next) = (None, chain::ROOT, Revision::FIRST);
    loop {
        let read = rows.next().and_then(|row| row.map(row::event).transpose());
        let (recorded, stored) = match reads::told(read)? {
            Ok(Some(read)) => read,
            Ok(None) => break,
            Err(damage) => return Ok(Folded::Damaged(damage)),
        };
        hash = chain::link(&hash, &recorded.stream, recorded.revision, &recorded.event);
        if recorded.revision != next || hash != stored {
            let reason = format!("revision {} is not what was written", next.0);
            return Ok(Folded::Damaged(reason));
        }
        next = next.next();
        line = advance(line, ticket, recorded.revision, &recorded.event);
    }
    Ok(Folded::Line(line))
}

/// Makes a line that is missing from the ticket's events, and gives it. One that is there and wrong
/// is left to [`mend`]: it cannot be replaced before all indexes are made anew, and appends do not
/// wait for that.
pub(super) fn supply(conn: &Connection, ticket: TicketId) -> rusqlite::Result<Folded> {
    if is_listed(conn, ticket.to_string().as_bytes())? {
        tracing::error!(ticket.id = %ticket, "a line of the ticket list is wrong, and is not kept up");
        return Ok(Folded::Line(None));
    }
    let folded = fold(conn, ticket)?;
    if let Folded::Line(Some(line)) = &folded {
        insert(conn, line)?;
    }
    Ok(folded)
}

/// Makes one ticket's line anew from its events. Where they are damaged, a line that can be read
/// stays, and one that cannot goes: it would keep whole pages of the list from being served. The
/// indexes fit the lines.
fn renew(conn: &Connection, ticket: TicketId) -> rusqlite::Result<Folded> {
    let folded = fold(conn, ticket)?;
    let id = ticket.to_string();
    let stays = matches!(folded, Folded::Damaged(_)) && load(conn, ticket)?.is_some();
    if !stays && is_listed(conn, id.as_bytes())? {
        remove(conn, id.as_bytes())?;
    }
    match &folded {
        Folded::Line(Some(line)) => insert(conn, line)?,
        Folded::Line(None) => {}
        Folded::Damaged(reason) => tell_damaged(ticket, reason),
    }
    Ok(folded)
}

fn tell_damaged(ticket: TicketId, reason: &str) {
    tracing::error!(ticket.id = %ticket, reason, "a ticket's events are damaged");
}

fn is_listed(conn: &Connection, id: &[u8]) -> rusqlite::Result<bool> {
    let mut select = conn.prepare_cached("SELECT 1 FROM tickets WHERE id = CAST(?1 AS TEXT)")?;
    select.exists([id])
}

/// Takes a wrong line out. An id that is damaged may be no text at all.
fn remove(conn: &Connection, id: &[u8]) -> rusqlite::Result<()> {
    conn.execute("DELETE FROM tickets WHERE id = CAST(?1 AS TEXT)", [id])?;
    Ok(())
}

/// Which lines [`mend`] reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Lines of open tickets that lag behind their stream. SQLite alone does this, so a start can
    /// afford it for a hundred thousand.
    Open,
    /// Those, and every line that is damaged.
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
        // As below: a line that is ahead is the trace of lost events.
        if stands < newest(conn, ticket)? {
            wrong.insert(ticket.to_string().into_bytes());
        }
    }
    if wrong.is_empty() {
        return Ok(0);
    }
    let tx = conn.transaction()?;
    // They cannot be followed from a row that does not say any more what they say.
    tx.execute_batch("REINDEX tickets")?;
    let mut mended = 0;
    for id in &wrong {
        let ticket = std::str::from_utf8(id)
            .ok()
            .and_then(|id| row::uuid(id).ok());
        let Some(ticket) = ticket else {
            remove(&tx, id)?;
            mended += 1;
            continue;
        };
        let listed = is_listed(&tx, id)?;
        mended += match renew(&tx, TicketId(ticket))? {
            Folded::Line(line) => u64::from(listed || line.is_some()),
            Folded::Damaged(_) => 0,
        };
    }
    tx.commit()?;
    Ok(mended)
}

/// The ids, as they are stored, of lines that are wrong. A sound line that is ahead of its stream is
/// left: events are lost, and it is the trace of them.
fn wrong_lines(conn: &Connection, scope: Scope) -> rusqlite::Result<BTreeSet<Vec<u8>>> {
    let mut wrong = BTreeSet::new();
    let mut lagging = conn.prepare(
        "SELECT id FROM tickets INDEXED BY tickets_open WHERE deadline_ms IS NOT NULL \
         AND revision < (SELECT max(revision) FROM events WHERE stream = 'ticket-' || tickets.id)",
    )?;
    let mut rows = lagging.query([])?;
    while let Some(row) = rows.next()? {
        wrong.insert(row.get_ref(0)?.as_bytes()?.to_vec());
    }
    if scope == Scope::Open {
        return Ok(wrong);
    }
    let mut all = conn.prepare(&format!("SELECT {} FROM tickets", row::TICKET_COLUMNS))?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        match row::ticket(row) {
            Ok(_) => {}
            Err(error) if row::is_damage(&error) => {
                wrong.insert(row.get_ref(0)?.as_bytes()?.to_vec());
            }
            Err(error) => return Err(error),
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
