//! Reading and appending endpoints' and messages' streams.

use std::borrow::Cow;
use std::time::Duration;

use punchcard_events::endpoint::{self, EndpointEvent, EndpointState};
use punchcard_events::ticket::{TicketEvent, TicketState, apply};
use punchcard_events::{
    EndpointId, EventId, NewEvent, Recorded, Revision, StreamName, TenantId, TicketId,
};
use uuid::Uuid;

use crate::ports::{
    AppendError, Appended, Clock, Direction, EventStore, ExpectedRevision, ReadError,
};

/// Events read at a time.
const PAGE: usize = 512;

/// How often a store that does not say what became of an append is asked again, and how long is
/// waited before: twice as long each time.
const ASKED_AGAIN: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// An endpoint as its stream has it.
pub(super) struct Loaded {
    pub(super) state: EndpointState,
    pub(super) last: Option<(Revision, EventId)>,
}

impl Loaded {
    pub(super) fn expected(&self) -> ExpectedRevision {
        match self.last {
            None => ExpectedRevision::NoStream,
            Some((revision, _)) => ExpectedRevision::Exact(revision),
        }
    }
}

/// Reads and folds an endpoint.
pub(super) async fn load(
    store: &dyn EventStore,
    endpoint: EndpointId,
) -> Result<Loaded, ReadError> {
    let stream = endpoint::stream(endpoint);
    let (mut state, mut last) = (EndpointState::default(), None);
    loop {
        let from = last.map(|(revision, _): (Revision, EventId)| revision.next());
        let page = store.read_stream(&stream, from, Direction::Forwards, PAGE);
        let page = page.await?;
        for recorded in &page {
            state.apply(&decode(recorded)?);
            last = Some((recorded.revision, recorded.event.id));
        }
        if page.len() < PAGE {
            return Ok(Loaded { state, last });
        }
    }
}

/// An endpoint's event.
pub(super) fn decode(recorded: &Recorded) -> Result<EndpointEvent, ReadError> {
    let event = &recorded.event;
    EndpointEvent::decode(&event.kind, event.schema_version, &event.data).map_err(|error| {
        let revision = recorded.revision.0;
        ReadError::Damaged(format!(
            "{} at revision {revision}: {error}",
            recorded.stream
        ))
    })
}

/// A ticket as its event of `revision` left it.
pub(super) async fn ticket_at(
    store: &dyn EventStore,
    ticket: TicketId,
    revision: Revision,
) -> Result<TicketState, ReadError> {
    let damaged = |reason: String| ReadError::Damaged(format!("ticket {ticket}: {reason}"));
    let (stream, mut state) = (ticket.stream(), TicketState::Unrequested);
    let mut from = Some(Revision::FIRST);
    while let Some(next) = from {
        let page = store.read_stream(&stream, Some(next), Direction::Forwards, PAGE);
        let page = page.await?;
        let wanted = page.iter().take_while(|event| event.revision <= revision);
        for recorded in wanted {
            let event = &recorded.event;
            let event = TicketEvent::decode(&event.kind, event.schema_version, &event.data)
                .map_err(|error| damaged(error.to_string()))?;
            state = apply(state, &event).map_err(|illegal| damaged(illegal.to_string()))?;
        }
        let last = page.last().map(|event| event.revision);
        from = last
            .filter(|last| *last < revision && page.len() == PAGE)
            .map(Revision::next);
    }
    match state {
        TicketState::Unrequested => Err(damaged("it has no events".to_owned())),
        state => Ok(state),
    }
}

/// An event ready to be appended.
pub(super) fn new_event(
    clock: &dyn Clock,
    tenant: &TenantId,
    correlation_id: Uuid,
    causation_id: Option<EventId>,
    (kind, schema_version, data): (&'static str, u16, String),
) -> NewEvent {
    NewEvent {
        id: EventId(clock.id()),
        kind: Cow::Borrowed(kind),
        schema_version,
        tenant: tenant.clone(),
        correlation_id,
        causation_id,
        recorded_at: clock.now(),
        data,
    }
}

/// Appends, and asks again with the same ids as long as the store does not say what became of it.
pub(super) async fn append(
    store: &dyn EventStore,
    stream: &StreamName,
    expected: ExpectedRevision,
    events: &[NewEvent],
) -> Result<Appended, AppendError> {
    let mut wait = FIRST_WAIT;
    for _ in 0..ASKED_AGAIN {
        match store.append(stream, expected, events).await {
            Err(AppendError::OutcomeUnknown(_)) => {}
            settled => return settled,
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
    store.append(stream, expected, events).await
}
