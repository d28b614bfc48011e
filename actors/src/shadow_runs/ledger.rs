//! The stream of a run's cases: written once at the start, and by its runner after that.

use std::borrow::Cow;
use std::sync::Arc;

use punchcard_events::shadow_run::{Cases, ShadowCasesChosen, ShadowCasesEvent, cases_stream};
use punchcard_events::{EventId, NewEvent, Revision, TenantId, TicketId};
use uuid::Uuid;

use super::{ShadowRunError, ShadowRuns};
use crate::aggregate::append;
use crate::ports::{Direction, EventStore, ExpectedRevision, ReadError};

/// Events read at a time.
const PAGE: usize = 250;

/// The cases as they are stored, and where the next event belongs.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) cases: Cases,
    pub(super) newest: Option<Revision>,
}

/// Reads the cases of a run; none, where it has none yet.
pub(super) async fn load(store: &dyn EventStore, run: Uuid) -> Result<Ledger, ReadError> {
    let stream = cases_stream(run);
    let mut ledger = Ledger::default();
    loop {
        let from = ledger.newest.map(Revision::next);
        let read = store.read_stream(&stream, from, Direction::Forwards, PAGE);
        let page = read.await?;
        for recorded in &page {
            let event = &recorded.event;
            let event = ShadowCasesEvent::decode(&event.kind, event.schema_version, &event.data)
                .map_err(|error| ReadError::Damaged(format!("{stream}: {error}")))?;
            ledger.cases.fold(event);
            ledger.newest = Some(recorded.revision);
        }
        if page.len() < PAGE {
            return Ok(ledger);
        }
    }
}

/// Stores which tickets were chosen.
pub(super) async fn begin(
    runs: &ShadowRuns,
    run: Uuid,
    tenant: &TenantId,
    tickets: Arc<[TicketId]>,
) -> Result<(), ShadowRunError> {
    let chosen = ShadowCasesEvent::ShadowCasesChosen(ShadowCasesChosen { tickets });
    write(runs, run, tenant, None, &chosen).await.map(drop)
}

/// Stores an event after `newest`, and gives its place.
pub(super) async fn write(
    runs: &ShadowRuns,
    run: Uuid,
    tenant: &TenantId,
    newest: Option<Revision>,
    event: &ShadowCasesEvent,
) -> Result<Revision, ShadowRunError> {
    let clock = &runs.0.parts.clock;
    let data = event.encode();
    let stored = NewEvent {
        id: EventId(clock.id()),
        kind: Cow::Borrowed(event.kind()),
        schema_version: event.schema_version(),
        tenant: tenant.clone(),
        correlation_id: run,
        causation_id: None,
        recorded_at: clock.now(),
        data: data.map_err(|error| ShadowRunError::Unavailable(error.to_string()))?,
    };
    let expected = newest.map_or(ExpectedRevision::NoStream, ExpectedRevision::Exact);
    let store = runs.0.parts.store.as_ref();
    let events = std::slice::from_ref(&stored);
    let appended = append(store, &cases_stream(run), expected, events).await?;
    Ok(appended.revision)
}
