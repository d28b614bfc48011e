//! Reading one aggregate back from its stream.

use std::sync::Arc;

use punchcard_events::{EventId, Recorded, Revision};

use super::Aggregate;
use crate::ports::{Direction, EventStore, ExpectedRevision, ReadError};

/// Events read at a time.
const PAGE: usize = 200;

/// An aggregate folded from its stored events.
#[derive(Debug)]
pub(crate) struct Folded<A: Aggregate> {
    /// What the events come to.
    pub(crate) state: Arc<A::State>,
    /// The place of the newest of them; `None`: there is none.
    pub(crate) revision: Option<Revision>,
    /// The newest of them, which leads to the next.
    pub(crate) last_event: Option<EventId>,
}

impl<A: Aggregate> Default for Folded<A> {
    fn default() -> Self {
        Self {
            state: Arc::default(),
            revision: None,
            last_event: None,
        }
    }
}

impl<A: Aggregate> Clone for Folded<A> {
    fn clone(&self) -> Self {
        Self {
            state: Arc::clone(&self.state),
            revision: self.revision,
            last_event: self.last_event,
        }
    }
}

impl<A: Aggregate> Folded<A> {
    /// Where the next event belongs.
    pub(crate) fn next_revision(&self) -> Revision {
        self.revision.map_or(Revision::FIRST, Revision::next)
    }

    /// What an append to the stream expects.
    pub(crate) fn expected(&self) -> ExpectedRevision {
        let revision = self.revision;
        revision.map_or(ExpectedRevision::NoStream, ExpectedRevision::Exact)
    }

    /// Folds in the event that comes next.
    ///
    /// # Errors
    /// When it cannot happen.
    pub(crate) fn fold(&mut self, event: &A::Event, id: EventId) -> Result<(), String> {
        let state = Arc::unwrap_or_clone(std::mem::take(&mut self.state));
        self.state = Arc::new(A::apply(state, event)?);
        self.revision = Some(self.next_revision());
        self.last_event = Some(id);
        Ok(())
    }

    /// Folds in the stored event that comes next.
    ///
    /// # Errors
    /// [`ReadError::Damaged`], where it cannot be read or does not fit.
    pub(crate) fn fold_stored(&mut self, recorded: &Recorded) -> Result<(), ReadError> {
        let damaged = |reason: String| {
            let (stream, revision) = (&recorded.stream, recorded.revision.0);
            ReadError::Damaged(format!("{stream} at revision {revision}: {reason}"))
        };
        let expected = self.next_revision();
        if recorded.revision != expected {
            let reason = format!("revision {} is missing", expected.0);
            return Err(damaged(reason));
        }
        let event = A::decode(&recorded.event).map_err(|error| damaged(error.to_string()))?;
        self.fold(&event, recorded.event.id).map_err(damaged)
    }
}

/// Reads and folds a whole stream; one without events is the default.
///
/// # Errors
/// When the store cannot be read now. A history that cannot be is damage, and is not served.
pub(crate) async fn load<A: Aggregate>(
    store: &dyn EventStore,
    id: &A::Id,
) -> Result<Folded<A>, ReadError> {
    let stream = A::stream(id);
    let mut folded = Folded::<A>::default();
    loop {
        let next = Some(folded.next_revision());
        let read = store.read_stream(&stream, next, Direction::Forwards, PAGE);
        let page = read.await?;
        for recorded in &page {
            folded.fold_stored(recorded)?;
        }
        if page.len() < PAGE {
            return Ok(folded);
        }
    }
}
