//! Reading events. What does not fit its hash chain is damage, and is not served.

use std::collections::HashMap;

use punchcard_actors::ports::{Direction, ReadError};
use punchcard_events::ticket::TicketSummary;
use punchcard_events::{Position, Recorded, Revision, StreamName};
use rusqlite::{Connection, OptionalExtension as _, Params, params};

use super::category::Category;
use super::chain::{self, Hash};
use super::index;
use super::row::{self, read_error, signed};

/// Up to `limit` events of one stream.
pub(super) fn stream(
    conn: &Connection,
    stream: &StreamName,
    from: Option<Revision>,
    direction: Direction,
    limit: usize,
) -> Result<Vec<Recorded>, ReadError> {
    let columns = row::EVENT_COLUMNS;
    let (sql, from) = match direction {
        Direction::Forwards => (
            format!(
                "SELECT {columns} FROM events WHERE stream = ?1 AND revision >= ?2 \
                 ORDER BY revision LIMIT ?3"
            ),
            from.map_or(0, |from| signed(from.0)),
        ),
        Direction::Backwards => (
            format!(
                "SELECT {columns} FROM events WHERE stream = ?1 AND revision <= ?2 \
                 ORDER BY revision DESC LIMIT ?3"
            ),
            from.map_or(i64::MAX, |from| signed(from.0)),
        ),
    };
    // Before the events: what is committed between the two queries must not look like a loss.
    let listed = match stream.ticket() {
        Some(ticket) => index::load(conn, ticket).map_err(|error| read_error(&error))?,
        None => None,
    };
    let rows = row::limit(limit);
    let mut page = select(conn, &sql, params![stream.as_str(), from, rows])?;
    if let Some(line) = listed {
        check_end(&page, &line, from, direction, limit)?;
    }
    match direction {
        Direction::Forwards => check(conn, page),
        Direction::Backwards => {
            page.reverse();
            let mut events = check(conn, page)?;
            events.reverse();
            Ok(events)
        }
    }
}

/// A history that lost its end looks like a shorter one: no chain is broken. The ticket's line knows
/// how far it went.
fn check_end(
    page: &[(Recorded, Hash)],
    line: &TicketSummary,
    from: i64,
    direction: Direction,
    limit: usize,
) -> Result<(), ReadError> {
    let wanted = signed(line.revision.0);
    let newest = match direction {
        Direction::Forwards if page.len() < limit => page.last(),
        Direction::Backwards if limit > 0 => page.first(),
        Direction::Forwards | Direction::Backwards => return Ok(()),
    };
    let newest = newest.map_or(-1, |(event, _)| signed(event.revision.0));
    let asked = match direction {
        Direction::Forwards => from <= wanted,
        Direction::Backwards => from >= wanted,
    };
    if asked && newest < wanted {
        let (ticket, revision) = (line.id, line.revision.0);
        let reason = format!("the events of ticket {ticket} up to revision {revision} are missing");
        return Err(ReadError::Damaged(reason));
    }
    Ok(())
}

/// Up to `limit` events of all streams after a position.
pub(super) fn all(
    conn: &Connection,
    after: Option<Position>,
    limit: usize,
) -> Result<Vec<Recorded>, ReadError> {
    let sql = format!(
        "SELECT {} FROM events WHERE position > ?1 ORDER BY position LIMIT ?2",
        row::EVENT_COLUMNS
    );
    let after = after.map_or(0, |position| signed(position.0));
    let page = select(conn, &sql, params![after, row::limit(limit)])?;
    check_positions(conn, &page)?;
    check(conn, page)
}

/// Up to `limit` events of one category after a position.
pub(super) fn category(
    conn: &Connection,
    category: &Category,
    after: Option<Position>,
    limit: usize,
) -> Result<Vec<Recorded>, ReadError> {
    let after = after.map_or(0, |position| signed(position.0));
    let sql = category_sql(row::EVENT_COLUMNS, category);
    let (prefix, rows) = (category.prefix(), row::limit(limit));
    let page = if category.is_indexed() {
        select(conn, &sql, params![after, prefix, rows, category.word()])
    } else {
        select(conn, &sql, params![after, prefix, rows])
    }?;
    check_positions(conn, &page)?;
    check(conn, page)
}

/// The query of [`category`] for some columns: by the index, whose expression and condition it repeats word by word,
/// or along the log. A comparison of names by their bounds would lead SQLite to the index of streams
/// instead, out of which all there is would have to be sorted for every page.
pub(super) fn category_sql(columns: &str, category: &Category) -> String {
    let indexed = if category.is_indexed() {
        "AND substr(stream, 1, instr(stream, '-')) = ?4 \
         AND NOT (stream >= 'ticket-' AND stream < 'ticket.') \
         AND NOT (stream >= 'idempotency-' AND stream < 'idempotency.') "
    } else {
        ""
    };
    format!(
        "SELECT {columns} FROM events \
         WHERE position > ?1 AND substr(stream, 1, length(?2)) = ?2 {indexed}\
         ORDER BY position LIMIT ?3"
    )
}

/// A position is on no stream's chain. A wrong one is out of the order of its neighbours, or, at the
/// end of a page, another than the index of streams has.
fn check_positions(conn: &Connection, page: &[(Recorded, Hash)]) -> Result<(), ReadError> {
    let pairs = page.iter().zip(page.iter().skip(1));
    for ((event, _), (next, _)) in pairs {
        if event.position >= next.position {
            return Err(damaged(event, "its position is not the one that was given"));
        }
    }
    let Some((last, _)) = page.last() else {
        return Ok(());
    };
    let read = || -> rusqlite::Result<Option<u64>> {
        let sql = "SELECT position FROM events WHERE stream = ?1 AND revision = ?2";
        let mut select = conn.prepare_cached(sql)?;
        let key = params![last.stream.as_str(), signed(last.revision.0)];
        select
            .query_row(key, |row| row::unsigned(row, 0))
            .optional()
    };
    match read().map_err(|error| read_error(&error))? {
        Some(position) if position == last.position.0 => Ok(()),
        Some(_) | None => Err(damaged(last, "its position is not the one that was given")),
    }
}

/// The newest event's revision and link, or what is wrong with it. What is appended is chained to
/// it, so it is checked against the event before it.
pub(super) fn head(
    conn: &Connection,
    stream: &StreamName,
) -> rusqlite::Result<Result<Option<(Revision, Hash)>, String>> {
    let mut select = conn.prepare_cached(&format!(
        "SELECT {} FROM events WHERE stream = ?1 ORDER BY revision DESC LIMIT 2",
        row::EVENT_COLUMNS
    ))?;
    let mut read = || -> rusqlite::Result<_> {
        let mut rows = select.query([stream.as_str()])?;
        let Some(newest) = rows.next()? else {
            return Ok(None);
        };
        let newest = row::event(newest)?;
        let previous: Option<(u64, Hash)> = match rows.next()? {
            None => None,
            Some(row) => Some((row::unsigned(row, 2)?, row.get(10)?)),
        };
        Ok(Some((newest, previous)))
    };
    let ((newest, hash), previous) = match told(read())? {
        Ok(Some(read)) => read,
        Ok(None) => return Ok(Ok(None)),
        Err(damage) => return Ok(Err(damage)),
    };
    let (follows, previous) = match previous {
        None => (newest.revision == Revision::FIRST, chain::ROOT),
        Some((revision, hash)) => (revision + 1 == newest.revision.0, hash),
    };
    let link = chain::link(&previous, stream, newest.revision, &newest.event);
    Ok(if follows && link == hash {
        Ok(Some((newest.revision, hash)))
    } else {
        Err("its newest event is not what was written".to_owned())
    })
}

/// Tells damage from a database that cannot be read: it is a matter of what was read alone.
pub(super) fn told<T>(read: rusqlite::Result<T>) -> rusqlite::Result<Result<T, String>> {
    match read {
        Ok(read) => Ok(Ok(read)),
        Err(error) if row::is_damage(&error) => Ok(Err(error.to_string())),
        Err(error) => Err(error),
    }
}

fn select(
    conn: &Connection,
    sql: &str,
    params: impl Params,
) -> Result<Vec<(Recorded, Hash)>, ReadError> {
    let read = || -> rusqlite::Result<Vec<_>> {
        let mut select = conn.prepare_cached(sql)?;
        select.query_map(params, row::event)?.collect()
    };
    read().map_err(|error| read_error(&error))
}

/// Checks every event of a page, in the order of its stream, against its chain.
fn check(conn: &Connection, page: Vec<(Recorded, Hash)>) -> Result<Vec<Recorded>, ReadError> {
    let mut newest: HashMap<&StreamName, (Revision, Hash)> = HashMap::new();
    for (event, hash) in &page {
        let previous = match newest.get(&event.stream) {
            Some((revision, hash)) if revision.next() == event.revision => *hash,
            Some(_) => return Err(damaged(event, "an event before it is missing")),
            None => before(conn, event)?,
        };
        let link = chain::link(&previous, &event.stream, event.revision, &event.event);
        if link != *hash {
            return Err(damaged(event, "it is not what was written"));
        }
        newest.insert(&event.stream, (event.revision, link));
    }
    Ok(page.into_iter().map(|(event, _)| event).collect())
}

/// The hash of the event before `event` in its stream.
fn before(conn: &Connection, event: &Recorded) -> Result<Hash, ReadError> {
    let Some(revision) = event.revision.0.checked_sub(1) else {
        return Ok(chain::ROOT);
    };
    let read = || {
        let sql = "SELECT hash FROM events WHERE stream = ?1 AND revision = ?2";
        let mut select = conn.prepare_cached(sql)?;
        let key = params![event.stream.as_str(), signed(revision)];
        select.query_row(key, |row| row.get(0)).optional()
    };
    let hash: Option<Hash> = read().map_err(|error| read_error(&error))?;
    hash.ok_or_else(|| damaged(event, "the event before it is missing"))
}

fn damaged(event: &Recorded, what: &str) -> ReadError {
    let (stream, revision, position) = (&event.stream, event.revision.0, event.position.0);
    ReadError::Damaged(format!(
        "revision {revision} of {stream} at position {position}: {what}"
    ))
}
