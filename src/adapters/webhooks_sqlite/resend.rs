//! Messages that are sent again: which, and when.

use punchcard_actors::ports::DeliveryState;
use punchcard_events::endpoint::Resend;
use punchcard_events::{EndpointId, Timestamp};
use rusqlite::{Connection, Transaction, params};

use super::Options;
use super::changes::queued_by;
use super::schema::{blob, millis, number, state, unsigned};

/// The messages of a range: those that wait already are left as they are, and those whose events are
/// too old are not sent again, so that a log that is made again comes to the same.
const RANGE: &str = "endpoint = ?1 AND at >= ?2 AND at < ?3 AND at >= ?4 \
                     AND state <> 0 AND (?5 OR state <> 1)";

/// How many messages `which` would send again, asked at `at`.
pub(super) fn count(
    conn: &Connection,
    endpoint: EndpointId,
    which: Resend,
    at: Timestamp,
    options: &Options,
) -> rusqlite::Result<u64> {
    let counted: i64 = match which {
        Resend::One { delivery } => conn
            .prepare_cached("SELECT count(*) FROM deliveries WHERE id = ?1 AND endpoint = ?2")?
            .query_row(params![blob(delivery.0), blob(endpoint.0)], |row| {
                row.get(0)
            })?,
        Resend::Range {
            from,
            until,
            acknowledged_too,
            limit,
        } => conn
            .prepare_cached(&format!(
                "SELECT min(count(*), ?6) FROM deliveries WHERE {RANGE}"
            ))?
            .query_row(
                params![
                    blob(endpoint.0),
                    millis(from),
                    millis(until),
                    oldest(at, options),
                    acknowledged_too,
                    limit
                ],
                |row| row.get(0),
            )?,
    };
    Ok(unsigned(counted))
}

/// Queues them: one at once, those of a range one after the other at the pace of the options.
pub(super) fn apply(
    tx: &Transaction<'_>,
    endpoint: EndpointId,
    which: Resend,
    at: Timestamp,
    options: &Options,
) -> rusqlite::Result<()> {
    let messages: Vec<[u8; 16]> = match which {
        Resend::One { delivery } => vec![blob(delivery.0)],
        Resend::Range {
            from,
            until,
            acknowledged_too,
            limit,
        } => {
            let mut query = tx.prepare_cached(&format!(
                "SELECT id FROM deliveries WHERE {RANGE} ORDER BY position LIMIT ?6"
            ))?;
            let rows = query.query_map(
                params![
                    blob(endpoint.0),
                    millis(from),
                    millis(until),
                    oldest(at, options),
                    acknowledged_too,
                    limit
                ],
                |row| row.get(0),
            )?;
            rows.collect::<Result<_, _>>()?
        }
    };
    let mut queued = 0;
    for (place, id) in (0_u64..).zip(messages) {
        let wait = place.saturating_mul(1_000) / u64::from(options.resend_per_second.max(1));
        let due = number(at.as_millis().saturating_add(wait));
        queued += tx
            .prepare_cached(
                "UPDATE deliveries SET state = ?3, due = ?4, queued_at = ?5, round = 0, \
                 ended_at = NULL WHERE id = ?1 AND endpoint = ?2 AND state <> 0",
            )?
            .execute(params![
                id,
                blob(endpoint.0),
                state(DeliveryState::Queued),
                due,
                millis(at)
            ])?;
        // One that waits for its next try has it now.
        if let Resend::One { .. } = which {
            tx.prepare_cached(
                "UPDATE deliveries SET due = min(due, ?3) \
                 WHERE id = ?1 AND endpoint = ?2 AND state = 0",
            )?
            .execute(params![id, blob(endpoint.0), due])?;
        }
    }
    queued_by(tx, endpoint, i64::try_from(queued).unwrap_or(i64::MAX))
}

fn oldest(at: Timestamp, options: &Options) -> i64 {
    number(at.as_millis().saturating_sub(options.keep_ms))
}
