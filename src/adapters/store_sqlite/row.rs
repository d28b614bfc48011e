//! Rows and what they stand for.
//!
//! A row that cannot be read is damage, told apart from a database that cannot be reached.

use std::borrow::Cow;
use std::str::FromStr;

use punchcard_actors::ports::{Due, FailureGroup, ReadError};
use punchcard_events::ticket::{Deadlines, Stage, StateName, TicketEvent, TicketSummary};
use punchcard_events::{
    EventId, NewEvent, Position, Recorded, Revision, StreamName, TenantId, TicketId, Timestamp,
};
use rusqlite::types::Type;
use rusqlite::{Error, ErrorCode, Row};
use uuid::Uuid;

use super::chain::{self, Hash};

/// The columns that [`event`] reads, in its order.
pub(super) const EVENT_COLUMNS: &str = "position, stream, revision, id, kind, schema_version, \
     tenant, correlation_id, causation_id, recorded_at_ms, hash, data";

/// The columns that [`ticket`] reads, in its order.
pub(super) const TICKET_COLUMNS: &str = "id, tenant, task, user, state, attempt, requested_at_ms, \
     updated_at_ms, revision, answer_by_ms, persist_by_ms, deliver_by_ms, failed_stage, \
     failure_code, deadline_ms, sum, not_before_ms, fork_of";

/// An event with its link of the chain, not yet checked against it.
pub(super) fn event(row: &Row<'_>) -> rusqlite::Result<(Recorded, Hash)> {
    let recorded = Recorded {
        position: Position(unsigned(row, 0)?),
        stream: checked(row, 1, StreamName::new)?,
        revision: Revision(unsigned(row, 2)?),
        event: NewEvent {
            id: EventId(checked(row, 3, uuid)?),
            kind: kind(row.get_ref(4)?.as_str()?),
            schema_version: row.get(5)?,
            tenant: checked(row, 6, TenantId::new)?,
            correlation_id: checked(row, 7, uuid)?,
            causation_id: optional(row, 8, uuid)?.map(EventId),
            recorded_at: time(row, 9)?,
            data: row.get(11)?,
        },
    };
    Ok((recorded, row.get(10)?))
}

/// A line of the ticket list.
pub(super) fn ticket(row: &Row<'_>) -> rusqlite::Result<TicketSummary> {
    let known = |name: &str| StateName::parse(name).ok_or("a state that no ticket has");
    let summary = TicketSummary {
        id: TicketId(checked(row, 0, uuid)?),
        tenant: checked(row, 1, FromStr::from_str)?,
        task: checked(row, 2, FromStr::from_str)?,
        user: optional(row, 3, FromStr::from_str)?,
        state: checked(row, 4, known)?,
        attempt: row.get(5)?,
        requested_at: time(row, 6)?,
        updated_at: time(row, 7)?,
        revision: Revision(unsigned(row, 8)?),
        deadlines: Deadlines {
            answer_by: time(row, 9)?,
            persist_by: time(row, 10)?,
            deliver_by: time(row, 11)?,
        },
        failed_stage: optional(row, 12, stage)?,
        failure_code: row.get(13)?,
        not_before: optional_time(row, 16)?,
        fork_of: optional(row, 17, uuid)?.map(TicketId),
    };
    // Kept only to be indexed: it must say what the rest of the line says.
    let deadline: Option<i64> = row.get(14)?;
    if deadline != summary.deadline().map(|at| signed(at.as_millis())) {
        let wrong = "a deadline that is not its state's";
        return Err(Error::FromSqlConversionFailure(
            14,
            Type::Integer,
            wrong.into(),
        ));
    }
    if row.get::<_, i64>(15)? != sum(&summary) {
        let wrong = "it is not what was written";
        return Err(Error::FromSqlConversionFailure(
            15,
            Type::Integer,
            wrong.into(),
        ));
    }
    Ok(summary)
}

/// The sum over a line of the ticket list.
pub(super) fn sum(line: &TicketSummary) -> i64 {
    // No value and an empty one differ in the byte before.
    let optional = |text: Option<&str>| match text {
        None => vec![0],
        Some(text) => [&[1], text.as_bytes()].concat(),
    };
    let times = [
        line.requested_at,
        line.updated_at,
        line.deadlines.answer_by,
        line.deadlines.persist_by,
        line.deadlines.deliver_by,
    ];
    let times: Vec<u8> = times
        .into_iter()
        .flat_map(|time| time.as_millis().to_le_bytes())
        .collect();
    let scheduled = line.not_before.map(|at| at.as_millis().to_le_bytes());
    let (id, task) = (line.id.0.as_bytes(), line.task.as_str().as_bytes());
    let user = optional(line.user.as_ref().map(|user| user.as_str()));
    let (attempt, revision) = (line.attempt.to_le_bytes(), line.revision.0.to_le_bytes());
    let stage = optional(line.failed_stage.map(Stage::as_str));
    let code = optional(line.failure_code.as_deref());
    let mut fields: Vec<&[u8]> = vec![
        id,
        line.tenant.as_str().as_bytes(),
        task,
        &user,
        line.state.as_str().as_bytes(),
        &attempt,
        &revision,
        &times,
        &stage,
        &code,
    ];
    // Most lines have none, and the sums of those before were written without.
    if let Some(scheduled) = &scheduled {
        fields.push(scheduled);
    }
    if let Some(parent) = &line.fork_of {
        fields.push(parent.0.as_bytes());
    }
    chain::line_sum(&fields)
}

/// A number as SQLite keeps it. Ours never come near the limit.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A count of rows as SQLite takes it.
pub(super) fn limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// A stored number that is never negative.
pub(super) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number: i64 = row.get(column)?;
    u64::try_from(number).map_err(|_| Error::IntegralValueOutOfRange(column, number))
}

fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    unsigned(row, column).map(Timestamp::from_millis)
}

fn optional_time(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    let stored: Option<i64> = row.get(column)?;
    stored.map(|_| time(row, column)).transpose()
}

/// A scheduled ticket and its time.
pub(super) fn due(row: &Row<'_>) -> rusqlite::Result<Due> {
    Ok(Due {
        at: time(row, 0)?,
        ticket: TicketId(checked(row, 1, uuid)?),
    })
}

/// Failed tickets of one task and one reason.
pub(super) fn failure_group(row: &Row<'_>) -> rusqlite::Result<FailureGroup> {
    Ok(FailureGroup {
        task: checked(row, 0, FromStr::from_str)?,
        stage: checked(row, 1, stage)?,
        code: row.get(2)?,
        count: unsigned(row, 3)?,
        oldest: time(row, 4)?,
        newest: time(row, 5)?,
    })
}

/// A tenant and a count.
pub(super) fn count_of_tenant(row: &Row<'_>) -> rusqlite::Result<(TenantId, u64)> {
    Ok((checked(row, 0, TenantId::new)?, unsigned(row, 1)?))
}

/// A tenant, a state and a count.
pub(super) fn count_of_tenant_and_state(
    row: &Row<'_>,
) -> rusqlite::Result<(TenantId, StateName, u64)> {
    let state = checked(row, 1, |text| {
        StateName::parse(text).ok_or("the ticket list holds a state that no ticket has")
    })?;
    Ok((checked(row, 0, TenantId::new)?, state, unsigned(row, 2)?))
}

/// An id in the one spelling that is written. A UUID has several, and a flipped bit may turn one
/// into another.
pub(super) fn uuid(text: &str) -> Result<Uuid, &'static str> {
    let wrong = "an id that is not spelled as one";
    let id = Uuid::from_str(text).map_err(|_| wrong)?;
    let mut buffer = [0; uuid::fmt::Hyphenated::LENGTH];
    if id.as_hyphenated().encode_lower(&mut buffer) == text {
        Ok(id)
    } else {
        Err(wrong)
    }
}

fn stage(name: &str) -> Result<Stage, &'static str> {
    Stage::parse(name).ok_or("a stage that no ticket has")
}

/// The known kinds are static, so most events share their kind's text.
fn kind(name: &str) -> Cow<'static, str> {
    let mut known = TicketEvent::KINDS.iter().map(|(known, _)| *known);
    match known.find(|known| *known == name) {
        Some(known) => Cow::Borrowed(known),
        None => Cow::Owned(name.to_owned()),
    }
}

fn checked<T, E>(
    row: &Row<'_>,
    column: usize,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> rusqlite::Result<T>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let text = row.get_ref(column)?.as_str()?;
    parse(text).map_err(|e| Error::FromSqlConversionFailure(column, Type::Text, e.into()))
}

fn optional<T, E>(
    row: &Row<'_>,
    column: usize,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> rusqlite::Result<Option<T>>
where
    E: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    match row.get_ref(column)?.as_str_or_null()? {
        None => Ok(None),
        Some(text) => parse(text)
            .map(Some)
            .map_err(|e| Error::FromSqlConversionFailure(column, Type::Text, e.into())),
    }
}

/// Whether the error means that what is stored is not what was written.
pub(super) fn is_damage(error: &Error) -> bool {
    match error {
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..) => true,
        Error::SqliteFailure(failure, _) => matches!(
            failure.code,
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase
        ),
        // The crate's enum is open; every other kind is no statement about what is stored.
        _ => false,
    }
}

/// The port's word for a failed query.
pub(super) fn read_error(error: &Error) -> ReadError {
    if is_damage(error) {
        ReadError::Damaged(error.to_string())
    } else {
        ReadError::Unavailable(error.to_string())
    }
}
