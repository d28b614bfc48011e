//! Reading the log.

use punchcard_actors::ports::{
    Delivery, DeliveryState, Head, LastAttempt, LogFilter, Made, Standing,
};
use punchcard_events::delivery::DeliveryFailure;
use punchcard_events::endpoint::EventType;
use punchcard_events::{
    DeliveryId, EndpointId, EventId, Position, Revision, TenantId, TicketId, Timestamp,
};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use uuid::Uuid;

use super::schema::{blob, millis, number, state, state_of, time, unsigned};

/// The columns of a [`Delivery`], in the order that [`delivery`] reads them.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, endpoint, tenant, event_type, ticket, revision, position, at, state, due, \
             queued_at, attempts, round, revisions, last_at, last_ms, last_status, last_failure \
             FROM deliveries ",
            $rest
        )
    };
}

pub(super) fn place(conn: &Connection) -> rusqlite::Result<Option<(Position, EventId)>> {
    conn.query_row("SELECT position, event FROM place", [], |row| {
        let event: [u8; 16] = row.get(1)?;
        Ok((
            Position(unsigned(row.get(0)?)),
            EventId(Uuid::from_bytes(event)),
        ))
    })
    .optional()
}

/// Goes from one endpoint to the next in the index, so that the cost is in how many there are and not
/// in how many messages wait.
pub(super) fn heads(conn: &Connection) -> rusqlite::Result<Vec<Head>> {
    let mut next = conn.prepare_cached(
        "SELECT endpoint, due FROM deliveries INDEXED BY queue \
         WHERE state = 0 AND endpoint > ?1 ORDER BY endpoint, due LIMIT 1",
    )?;
    let (mut heads, mut after) = (Vec::new(), Vec::new());
    loop {
        let head = next.query_row([&after], |row| {
            Ok((row.get::<_, [u8; 16]>(0)?, row.get::<_, i64>(1)?))
        });
        let Some((endpoint, due)) = head.optional()? else {
            return Ok(heads);
        };
        after = endpoint.to_vec();
        heads.push(Head {
            endpoint: EndpointId(Uuid::from_bytes(endpoint)),
            due: time(due),
        });
    }
}

pub(super) fn due(
    conn: &Connection,
    endpoint: EndpointId,
    now: Timestamp,
    limit: usize,
) -> rusqlite::Result<Vec<Delivery>> {
    let mut query = conn.prepare_cached(select!(
        "INDEXED BY queue WHERE state = 0 AND endpoint = ?1 AND due <= ?2 ORDER BY due LIMIT ?3"
    ))?;
    let rows = query.query_map(
        params![blob(endpoint.0), millis(now), number(limit as u64)],
        delivery,
    )?;
    rows.collect()
}

pub(super) fn get(conn: &Connection, id: DeliveryId) -> rusqlite::Result<Option<Delivery>> {
    let mut query = conn.prepare_cached(select!("WHERE id = ?1"))?;
    query.query_row([blob(id.0)], delivery).optional()
}

pub(super) fn list(
    conn: &Connection,
    endpoint: EndpointId,
    filter: LogFilter,
    before: Option<Position>,
    limit: usize,
) -> rusqlite::Result<Vec<Delivery>> {
    let endpoint = blob(endpoint.0);
    let before = before.map_or(i64::MAX, |position| number(position.0));
    let limit = number(limit as u64);
    // Two statements: each has an index that leads it to its rows alone.
    let Some(wanted) = filter.state else {
        let mut query = conn.prepare_cached(select!(
            "WHERE endpoint = ?1 AND position < ?2 ORDER BY position DESC LIMIT ?3"
        ))?;
        let rows = query.query_map(params![endpoint, before, limit], delivery)?;
        return rows.collect();
    };
    let mut query = conn.prepare_cached(select!(
        "WHERE endpoint = ?1 AND position < ?2 AND state = ?3 ORDER BY position DESC LIMIT ?4"
    ))?;
    let rows = query.query_map(params![endpoint, before, state(wanted), limit], delivery)?;
    rows.collect()
}

pub(super) fn standing(conn: &Connection, endpoint: EndpointId) -> rusqlite::Result<Standing> {
    let mut query = conn
        .prepare_cached("SELECT queued, last_success, last_failure FROM endpoints WHERE id = ?1")?;
    let found = query.query_row([blob(endpoint.0)], |row| {
        Ok(Standing {
            queued: unsigned(row.get(0)?),
            last_success: row.get::<_, Option<i64>>(1)?.map(time),
            last_failure: row.get::<_, Option<i64>>(2)?.map(time),
        })
    });
    Ok(found.optional()?.unwrap_or_default())
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    let id = |column: usize| row.get::<_, [u8; 16]>(column).map(Uuid::from_bytes);
    let state = state_of(row.get(8)?).ok_or_else(|| wrong(8, "a state"))?;
    let event_type: String = row.get(3)?;
    let tenant: String = row.get(2)?;
    let ticket: Option<[u8; 16]> = row.get(4)?;
    let failure: Option<String> = row.get(17)?;
    let last = row
        .get::<_, Option<i64>>(14)?
        .map(|at| -> rusqlite::Result<_> {
            Ok(LastAttempt {
                at: time(at),
                duration_ms: unsigned(row.get::<_, Option<i64>>(15)?.unwrap_or(0)),
                status: row.get(16)?,
                failure: failure.as_deref().and_then(DeliveryFailure::parse),
            })
        });
    Ok(Delivery {
        made: Made {
            id: DeliveryId(id(0)?),
            endpoint: EndpointId(id(1)?),
            tenant: TenantId::new(&tenant).map_err(|_| wrong(2, "a tenant"))?,
            event_type: EventType::parse(&event_type).ok_or_else(|| wrong(3, "an event type"))?,
            ticket: ticket.map(|id| TicketId(Uuid::from_bytes(id))),
            revision: Revision(unsigned(row.get(5)?)),
            position: Position(unsigned(row.get(6)?)),
            at: time(row.get(7)?),
            send: state != DeliveryState::Skipped,
        },
        state,
        due: row.get::<_, Option<i64>>(9)?.map(time),
        queued_at: time(row.get(10)?),
        attempts: row.get(11)?,
        round: row.get(12)?,
        revisions: unsigned(row.get(13)?),
        last: last.transpose()?,
    })
}

fn wrong(column: usize, what: &str) -> rusqlite::Error {
    let why = format!("{what} was expected");
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, why.into())
}
