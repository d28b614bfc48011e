//! Events and states as the API shows them.

use punchcard_actors::feed::News;
use punchcard_actors::tickets::Past;
use punchcard_events::ticket::{Effect, Happened, StateName, next_effect};
use punchcard_events::{EventId, Position, Recorded, Revision, TicketId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use crate::http::view::TicketView;

/// A ticket's history.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct HistoryView {
    ticket: TicketId,
    events: Vec<EventView>,
}

/// One event of a history.
#[derive(Debug, Serialize, JsonSchema)]
struct EventView {
    revision: Revision,
    position: Position,
    id: EventId,
    #[serde(rename = "type")]
    kind: String,
    schema_version: u16,
    recorded_at: Timestamp,
    /// Since the ticket was issued, in milliseconds, by the clocks that recorded it.
    since_ms: u64,
    /// What the ticket was from then on.
    state: StateName,
    correlation_id: Uuid,
    #[serde(skip_serializing_if = "Option::is_none")]
    causation_id: Option<EventId>,
    data: Box<RawValue>,
}

impl HistoryView {
    pub(super) fn of(ticket: TicketId, past: Past) -> Result<Self, serde_json::Error> {
        let first = past
            .happened
            .first()
            .and_then(|first| first.state.request());
        let requested_at = first
            .map(|request| request.requested_at)
            .unwrap_or_default();
        let both = past.recorded.into_iter().zip(&past.happened);
        let events =
            both.map(|(recorded, happened)| EventView::of(recorded, happened, requested_at));
        Ok(Self {
            ticket,
            events: events.collect::<Result<_, _>>()?,
        })
    }
}

impl EventView {
    fn of(
        recorded: Recorded,
        happened: &Happened,
        requested_at: Timestamp,
    ) -> Result<Self, serde_json::Error> {
        let event = recorded.event;
        let since = event.recorded_at.since(requested_at);
        Ok(Self {
            revision: recorded.revision,
            position: recorded.position,
            id: event.id,
            kind: event.kind.into_owned(),
            schema_version: event.schema_version,
            recorded_at: event.recorded_at,
            since_ms: u64::try_from(since.as_millis()).unwrap_or(u64::MAX),
            state: happened.state.name(),
            correlation_id: event.correlation_id,
            causation_id: event.causation_id,
            data: RawValue::from_string(event.data)?,
        })
    }
}

/// A ticket as it was after one of its events.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct StateView {
    ticket: TicketId,
    /// The event.
    at: Revision,
    /// The newest event there is.
    last: Revision,
    recorded_at: Timestamp,
    state: StateName,
    /// SHA-256 over the whole state: the same whoever folds the same events.
    fingerprint: String,
    /// What was to be done next; null where nothing was.
    owes: Option<OwesView>,
    /// The ticket as it was shown then, with its messages.
    view: Option<TicketView>,
}

/// What a ticket owed.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "effect", rename_all = "snake_case")]
enum OwesView {
    PreProcess {
        /// Whether the tenant's API is called.
        callback: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        not_before: Option<Timestamp>,
    },
    Send {
        attempt: u32,
        model: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        not_before: Option<Timestamp>,
    },
    CallModel {
        attempt: u32,
    },
    PostProcess {
        /// Whether the tenant's API is called.
        callback: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        not_before: Option<Timestamp>,
    },
    Deliver,
}

impl StateView {
    pub(super) fn of(then: &News, last: Revision) -> Self {
        Self {
            ticket: then.ticket,
            at: then.revision,
            last,
            recorded_at: then.changed_at,
            state: then.state.name(),
            fingerprint: then.state.fingerprint(),
            owes: next_effect(&then.state).map(OwesView::from),
            view: TicketView::with_messages(then),
        }
    }
}

impl From<Effect> for OwesView {
    fn from(effect: Effect) -> Self {
        match effect {
            Effect::PreProcess {
                callback,
                not_before,
            } => Self::PreProcess {
                callback,
                not_before,
            },
            Effect::Send {
                attempt,
                model,
                not_before,
            } => Self::Send {
                attempt,
                model,
                not_before,
            },
            Effect::CallModel { attempt } => Self::CallModel { attempt },
            Effect::PostProcess {
                callback,
                not_before,
            } => Self::PostProcess {
                callback,
                not_before,
            },
            Effect::Deliver => Self::Deliver,
        }
    }
}
