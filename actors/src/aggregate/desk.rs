//! Commands: load, decide, append; and again where another was faster.

use std::borrow::Cow;
use std::sync::Arc;

use punchcard_events::{EventId, NewEvent, TenantId, Timestamp};

use super::append::append;
use super::stream::{Folded, load};
use super::{Aggregate, Encoded};
use crate::ports::{AppendError, Clock, EventStore, ReadError};

/// How often a command is decided: again once for each time somebody else was faster.
const DECISIONS: u32 = 3;

/// Where commands are decided.
#[derive(Clone)]
pub(crate) struct Desk {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) clock: Arc<dyn Clock>,
}

/// Why a command was not done. Nothing was changed, except perhaps after [`Self::OutcomeUnknown`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DeskError<R> {
    /// It does not fit the state.
    Rejected(R),
    /// Others were faster again and again.
    Conflict,
    /// The store takes or gives nothing now.
    Unavailable(String),
    /// The store did not say whether it was done.
    OutcomeUnknown(String),
    /// What is stored cannot be read.
    Damaged(String),
}

impl<R> From<ReadError> for DeskError<R> {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable(reason) => Self::Unavailable(reason),
            ReadError::Damaged(reason) => Self::Damaged(reason),
        }
    }
}

impl<R> From<AppendError> for DeskError<R> {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Conflict { .. } => Self::Conflict,
            AppendError::Unavailable(reason) => Self::Unavailable(reason),
            AppendError::OutcomeUnknown(reason) => Self::OutcomeUnknown(reason),
        }
    }
}

impl Desk {
    /// Does what `decide` says of the state as it is and of the time, and gives what came of it. When
    /// this returns, it is durable. The time that is recorded is that of the append, so that later
    /// events have later times.
    ///
    /// `decide` is asked again, on the newer state, where another was faster.
    ///
    /// # Errors
    /// See [`DeskError`].
    pub(crate) async fn execute<A: Aggregate, R>(
        &self,
        tenant: &TenantId,
        id: &A::Id,
        decide: impl Fn(&A::State, Timestamp) -> Result<Vec<A::Event>, R>,
    ) -> Result<(Folded<A>, Vec<A::Event>), DeskError<R>> {
        for _ in 0..DECISIONS {
            match self.try_execute::<A, R>(tenant, id, &decide).await {
                Err(DeskError::Conflict) => {}
                done => return done,
            }
        }
        Err(DeskError::Conflict)
    }

    async fn try_execute<A: Aggregate, R>(
        &self,
        tenant: &TenantId,
        id: &A::Id,
        decide: impl Fn(&A::State, Timestamp) -> Result<Vec<A::Event>, R>,
    ) -> Result<(Folded<A>, Vec<A::Event>), DeskError<R>> {
        let mut folded = load::<A>(self.store.as_ref(), id).await?;
        let now = self.clock.now();
        let events = decide(&folded.state, now).map_err(DeskError::Rejected)?;
        if events.is_empty() {
            return Ok((folded, events));
        }
        let new = self.draft::<A, R>(tenant, folded.last_event, &events, now)?;
        let stream = A::stream(id);
        append(self.store.as_ref(), &stream, folded.expected(), &new).await?;
        for (event, stored) in events.iter().zip(&new) {
            let folding = folded.fold(event, stored.id);
            folding.map_err(DeskError::Damaged)?;
        }
        Ok((folded, events))
    }

    /// Makes the events of one command: they share a correlation and happen at one time.
    fn draft<A: Aggregate, R>(
        &self,
        tenant: &TenantId,
        causation_id: Option<EventId>,
        events: &[A::Event],
        now: Timestamp,
    ) -> Result<Vec<NewEvent>, DeskError<R>> {
        let correlation_id = self.clock.id();
        let draft = |event| {
            let Encoded {
                kind,
                schema_version,
                data,
            } = A::encode(event)?;
            Ok(NewEvent {
                id: EventId(self.clock.id()),
                kind: Cow::Borrowed(kind),
                schema_version,
                tenant: tenant.clone(),
                correlation_id,
                causation_id,
                recorded_at: now,
                data,
            })
        };
        let drafted: Result<_, serde_json::Error> = events.iter().map(draft).collect();
        // Everything that is stored came from JSON, or was refused by `decide` if it cannot be JSON.
        drafted.map_err(|error| DeskError::Damaged(format!("an event cannot be written: {error}")))
    }
}
