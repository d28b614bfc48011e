//! Writing a run's events: one writer, each append with the exact revision.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use punchcard_events::test_run::{TestRunEvent, stream};
use punchcard_events::{EventId, NewEvent, StreamName, TenantId};
use tokio::time::Instant;
use uuid::Uuid;

use crate::ports::{AppendError, Clock, EventStore, ExpectedRevision};

/// Between two tries of an append that the store did not take.
const RETRY: Duration = Duration::from_millis(500);

/// The writer of one run's stream.
pub(super) struct Recorder {
    store: Arc<dyn EventStore>,
    clock: Arc<dyn Clock>,
    stream: StreamName,
    tenant: TenantId,
    run: Uuid,
    expected: ExpectedRevision,
    patience: Duration,
}

impl Recorder {
    pub(super) fn new(
        store: Arc<dyn EventStore>,
        clock: Arc<dyn Clock>,
        tenant: TenantId,
        run: Uuid,
        patience: Duration,
    ) -> Self {
        Self {
            store,
            clock,
            stream: stream(run),
            tenant,
            run,
            expected: ExpectedRevision::NoStream,
            patience,
        }
    }

    /// Stores an event. A store that does not take it is asked again with the same event, until
    /// patience is over.
    pub(super) async fn append(&mut self, event: &TestRunEvent) -> Result<(), AppendError> {
        let data = event
            .encode()
            .map_err(|error| AppendError::Unavailable(error.to_string()))?;
        let event = NewEvent {
            id: EventId(self.clock.id()),
            kind: Cow::Borrowed(event.kind()),
            schema_version: event.schema_version(),
            tenant: self.tenant.clone(),
            correlation_id: self.run,
            causation_id: None,
            recorded_at: self.clock.now(),
            data,
        };
        let until = Instant::now() + self.patience;
        loop {
            let append =
                self.store
                    .append(&self.stream, self.expected, std::slice::from_ref(&event));
            match append.await {
                Ok(appended) => {
                    self.expected = ExpectedRevision::Exact(appended.revision);
                    return Ok(());
                }
                Err(error @ AppendError::Conflict { .. }) => return Err(error),
                Err(error) if Instant::now() >= until => return Err(error),
                Err(AppendError::Unavailable(_) | AppendError::OutcomeUnknown(_)) => {
                    tokio::time::sleep(RETRY).await;
                }
            }
        }
    }
}
