//! Reading a ticket back from its stream.

use punchcard_events::ticket::{Happened, TicketEvent, TicketState, apply, unfold};
use punchcard_events::{EventId, Recorded, Revision, TicketId, Timestamp};

use crate::ports::{Direction, EventStore, ReadError};

/// Events read at a time. A ticket has about ten; one with endless retries has more.
const PAGE: usize = 512;

/// A ticket folded from its stored events.
pub(crate) struct History {
    pub(crate) state: TicketState,
    pub(crate) revision: Option<Revision>,
    pub(crate) last_event: Option<EventId>,
    /// When that was recorded.
    pub(crate) changed_at: Timestamp,
}

/// All stored events of `ticket`, in order.
pub(crate) async fn read(
    store: &dyn EventStore,
    ticket: TicketId,
) -> Result<Vec<Recorded>, ReadError> {
    let stream = ticket.stream();
    let mut events: Vec<Recorded> = Vec::new();
    loop {
        let from = events.last().map(|last| last.revision.next());
        let page = store
            .read_stream(&stream, from, Direction::Forwards, PAGE)
            .await?;
        let full = page.len() == PAGE;
        events.extend(page);
        if !full {
            return Ok(events);
        }
    }
}

/// A ticket's whole past: each stored event, with what the ticket was from then on.
#[derive(Debug, Clone, Default)]
pub struct Past {
    /// The events as they are stored.
    pub recorded: Vec<Recorded>,
    /// The same events read, in the same order, with the states they led to.
    pub happened: Vec<Happened>,
}

/// Reads and unfolds `ticket`. A history that cannot be is damage, and is not served.
pub(crate) async fn past(store: &dyn EventStore, ticket: TicketId) -> Result<Past, ReadError> {
    let recorded = read(store, ticket).await?;
    let events = recorded.iter().map(|recorded| {
        let event = decode(recorded)?;
        Ok((recorded.event.recorded_at, event))
    });
    let events = events.collect::<Result<Vec<_>, ReadError>>()?;
    let happened = unfold(events)
        .map_err(|illegal| ReadError::Damaged(format!("{}: {illegal}", ticket.stream())))?;
    Ok(Past { recorded, happened })
}

/// Reads and folds `ticket`. A history that cannot be is damage, and is not served.
pub(crate) async fn load(store: &dyn EventStore, ticket: TicketId) -> Result<History, ReadError> {
    let events = read(store, ticket).await?;
    let mut state = TicketState::Unrequested;
    for recorded in &events {
        let event = decode(recorded)?;
        state = apply(state, &event).map_err(|illegal| damaged(recorded, &illegal.to_string()))?;
    }
    let last = events.last();
    Ok(History {
        state,
        revision: last.map(|event| event.revision),
        last_event: last.map(|event| event.event.id),
        changed_at: last.map_or_else(Timestamp::default, |event| event.event.recorded_at),
    })
}

fn decode(recorded: &Recorded) -> Result<TicketEvent, ReadError> {
    let event = &recorded.event;
    TicketEvent::decode(&event.kind, event.schema_version, &event.data)
        .map_err(|error| damaged(recorded, &error.to_string()))
}

fn damaged(recorded: &Recorded, reason: &str) -> ReadError {
    let (stream, revision) = (&recorded.stream, recorded.revision.0);
    ReadError::Damaged(format!("{stream} at revision {revision}: {reason}"))
}
