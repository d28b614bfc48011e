//! Reading a ticket back from its stream.

use punchcard_events::ticket::{TicketEvent, TicketState, apply};
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

/// Reads and folds `ticket`. A history that cannot be is damage, and is not served.
pub(crate) async fn load(store: &dyn EventStore, ticket: TicketId) -> Result<History, ReadError> {
    let events = read(store, ticket).await?;
    let mut state = TicketState::Unrequested;
    for recorded in &events {
        let damaged = |reason: String| {
            let revision = recorded.revision.0;
            ReadError::Damaged(format!(
                "{} at revision {revision}: {reason}",
                recorded.stream
            ))
        };
        let event = &recorded.event;
        let event = TicketEvent::decode(&event.kind, event.schema_version, &event.data)
            .map_err(|error| damaged(error.to_string()))?;
        state = apply(state, &event).map_err(|illegal| damaged(illegal.to_string()))?;
    }
    let last = events.last();
    Ok(History {
        state,
        revision: last.map(|event| event.revision),
        last_event: last.map(|event| event.event.id),
        changed_at: last.map_or_else(Timestamp::default, |event| event.event.recorded_at),
    })
}
