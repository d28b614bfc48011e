//! Taking changes into the log: all of a helping in one transaction, with the place it leads to.

use punchcard_actors::ports::{Change, DeliveryState, Made};
use punchcard_events::delivery::{DeliveryAttempted, DeliveryFailure, Next};
use punchcard_events::{DeliveryId, EndpointId, EventId, Position, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::schema::{blob, millis, number, state};
use super::{Options, resend};

pub(super) fn apply(
    conn: &mut Connection,
    changes: &[Change],
    (position, event): (Position, EventId),
    options: &Options,
) -> rusqlite::Result<()> {
    let tx = conn.transaction()?;
    for change in changes {
        match change {
            Change::Made(made) => make(&tx, made, options)?,
            Change::Attempted(id, attempted) => attempt(&tx, *id, attempted)?,
            Change::Abandoned(id, at) => abandon(&tx, *id, *at)?,
            Change::Resent {
                endpoint,
                which,
                at,
            } => resend::apply(&tx, *endpoint, *which, *at, options)?,
            Change::Closed(endpoint, at) => close(&tx, *endpoint, *at)?,
        }
    }
    tx.prepare_cached("INSERT OR REPLACE INTO place (only, position, event) VALUES (1, ?1, ?2)")?
        .execute(params![number(position.0), blob(event.0)])?;
    tx.commit()
}

fn make(tx: &Transaction<'_>, made: &Made, options: &Options) -> rusqlite::Result<()> {
    let queued: Option<i64> = tx
        .prepare_cached("SELECT queued FROM endpoints WHERE id = ?1")?
        .query_row([blob(made.endpoint.0)], |row| row.get(0))
        .optional()?;
    let has_room = queued.unwrap_or(0) < number(options.max_queued);
    let sends = made.send && has_room;
    let now = if sends {
        DeliveryState::Queued
    } else {
        DeliveryState::Skipped
    };
    let at = millis(made.at);
    let inserted = tx
        .prepare_cached(
            "INSERT OR IGNORE INTO deliveries \
             (id, endpoint, tenant, event_type, ticket, revision, position, at, state, due, \
              queued_at, ended_at) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?8, ?11)",
        )?
        .execute(params![
            blob(made.id.0),
            blob(made.endpoint.0),
            made.tenant.as_str(),
            made.event_type.as_str(),
            made.ticket.map(|ticket| blob(ticket.0)),
            number(made.revision.0),
            number(made.position.0),
            at,
            state(now),
            sends.then_some(at),
            (!sends).then_some(at),
        ])?;
    if sends && inserted > 0 {
        queued_by(tx, made.endpoint, 1)?;
    }
    Ok(())
}

/// Corrects how many messages of an endpoint wait.
pub(super) fn queued_by(
    tx: &Transaction<'_>,
    endpoint: EndpointId,
    by: i64,
) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT INTO endpoints (id, queued) VALUES (?1, max(?2, 0)) \
         ON CONFLICT (id) DO UPDATE SET queued = max(queued + ?2, 0)",
    )?
    .execute(params![blob(endpoint.0), by])?;
    Ok(())
}

fn attempt(
    tx: &Transaction<'_>,
    id: DeliveryId,
    attempted: &DeliveryAttempted,
) -> rusqlite::Result<()> {
    let (now, due) = match attempted.next {
        Next::Done => (DeliveryState::Acknowledged, None),
        Next::Retry { at } => (DeliveryState::Queued, Some(millis(at))),
        Next::GivenUp => (DeliveryState::GivenUp, None),
    };
    let ended = attempted.started_at.as_millis();
    let ended = number(ended.saturating_add(attempted.duration_ms));
    let was = leave_queue(tx, id, attempted.endpoint)?;
    if was && due.is_some() {
        queued_by(tx, attempted.endpoint, 1)?;
    }
    // Its endpoint may have gone while it was in flight: then it waits for nothing.
    tx.prepare_cached(
        "UPDATE deliveries SET attempts = ?2, round = round + 1, revisions = revisions + 1, \
         last_at = ?3, last_ms = ?4, last_status = ?5, last_failure = ?6, \
         state = CASE WHEN ?9 OR ?7 <> 0 THEN ?7 ELSE state END, \
         due = CASE WHEN ?9 THEN ?8 ELSE NULL END, \
         ended_at = CASE WHEN ?9 AND ?8 IS NOT NULL THEN NULL ELSE ?10 END \
         WHERE id = ?1",
    )?
    .execute(params![
        blob(id.0),
        attempted.attempt,
        millis(attempted.started_at),
        number(attempted.duration_ms),
        attempted.status,
        attempted.failure.map(DeliveryFailure::as_str),
        state(now),
        due,
        was,
        ended,
    ])?;
    let column = match attempted.failure {
        None => "last_success",
        Some(_) => "last_failure",
    };
    tx.prepare_cached(&format!(
        "INSERT INTO endpoints (id, {column}) VALUES (?1, ?2) \
         ON CONFLICT (id) DO UPDATE SET {column} = max(coalesce({column}, 0), ?2)"
    ))?
    .execute(params![blob(attempted.endpoint.0), ended])?;
    Ok(())
}

/// Counts a message out of its queue; whether it was in it.
fn leave_queue(
    tx: &Transaction<'_>,
    id: DeliveryId,
    endpoint: EndpointId,
) -> rusqlite::Result<bool> {
    let was: Option<i64> = tx
        .prepare_cached("SELECT state FROM deliveries WHERE id = ?1")?
        .query_row([blob(id.0)], |row| row.get(0))
        .optional()?;
    let was = was == Some(state(DeliveryState::Queued));
    if was {
        queued_by(tx, endpoint, -1)?;
    }
    Ok(was)
}

fn abandon(tx: &Transaction<'_>, id: DeliveryId, at: Timestamp) -> rusqlite::Result<()> {
    let endpoint: Option<[u8; 16]> = tx
        .prepare_cached("SELECT endpoint FROM deliveries WHERE id = ?1")?
        .query_row([blob(id.0)], |row| row.get(0))
        .optional()?;
    let Some(endpoint) = endpoint else {
        return Ok(());
    };
    leave_queue(tx, id, EndpointId(uuid::Uuid::from_bytes(endpoint)))?;
    tx.prepare_cached(
        "UPDATE deliveries SET revisions = revisions + 1, state = ?2, due = NULL, ended_at = ?3 \
         WHERE id = ?1",
    )?
    .execute(params![
        blob(id.0),
        state(DeliveryState::GivenUp),
        millis(at)
    ])?;
    Ok(())
}

fn close(tx: &Transaction<'_>, endpoint: EndpointId, at: Timestamp) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "UPDATE deliveries SET state = ?2, due = NULL, ended_at = ?3 \
         WHERE endpoint = ?1 AND state = 0",
    )?
    .execute(params![
        blob(endpoint.0),
        state(DeliveryState::Cancelled),
        millis(at)
    ])?;
    tx.prepare_cached("DELETE FROM endpoints WHERE id = ?1")?
        .execute([blob(endpoint.0)])?;
    Ok(())
}

pub(super) fn prune(
    conn: &mut Connection,
    before: Timestamp,
    limit: usize,
) -> rusqlite::Result<usize> {
    conn.prepare_cached(
        "DELETE FROM deliveries WHERE id IN \
         (SELECT id FROM deliveries WHERE ended_at < ?1 LIMIT ?2)",
    )?
    .execute(params![millis(before), number(limit as u64)])
}
