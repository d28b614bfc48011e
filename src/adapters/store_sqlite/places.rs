//! Where events are, without reading them: the way past one that is damaged.

use punchcard_actors::ports::{Place, ReadError};
use punchcard_events::{Position, StreamName};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Params, params};

use super::category::Category;
use super::reads::category_sql;
use super::row::{self, read_error, signed};

const COLUMNS: &str = "position, stream";

/// The place of the next event after a position, of one category or of all streams.
///
/// A position that is itself damaged could lead past sound events. So it has to be before its
/// neighbour's, and no further than the newest event's.
pub(super) fn next(
    conn: &Connection,
    category: Option<&Category>,
    after: Option<Position>,
) -> Result<Option<Place>, ReadError> {
    let after = after.map_or(0, |position| signed(position.0));
    let places = match category {
        None => {
            let sql = format!(
                "SELECT {COLUMNS} FROM events WHERE position > ?1 ORDER BY position LIMIT ?2"
            );
            select(conn, &sql, params![after, 2])
        }
        Some(category) => {
            let (prefix, sql) = (category.prefix(), category_sql(COLUMNS, category));
            if category.is_indexed() {
                select(conn, &sql, params![after, prefix, 2, category.word()])
            } else {
                select(conn, &sql, params![after, prefix, 2])
            }
        }
    };
    // After the places: what is committed in between is no damage.
    let newest = "SELECT coalesce(max(position), 0) FROM events";
    let newest = conn.query_row(newest, [], |row| row::unsigned(row, 0));
    let newest = newest.map_err(|error| read_error(&error))?;
    let mut places = places.map_err(|error| read_error(&error))?.into_iter();
    let (next, later) = (places.next(), places.next());
    match &next {
        Some(place)
            if place.position.0 > newest
                || later.is_some_and(|later| later.position <= place.position) =>
        {
            let position = place.position.0;
            Err(ReadError::Damaged(format!(
                "the position {position} is not the one that was given"
            )))
        }
        Some(_) | None => Ok(next),
    }
}

fn select(conn: &Connection, sql: &str, params: impl Params) -> rusqlite::Result<Vec<Place>> {
    let mut select = conn.prepare_cached(sql)?;
    let places = select.query_map(params, |row| {
        let name = match row.get_ref(1)? {
            ValueRef::Text(name) => std::str::from_utf8(name).ok(),
            ValueRef::Null | ValueRef::Integer(_) | ValueRef::Real(_) | ValueRef::Blob(_) => None,
        };
        Ok(Place {
            position: Position(row::unsigned(row, 0)?),
            stream: name.and_then(|name| StreamName::new(name).ok()),
        })
    })?;
    places.collect()
}
