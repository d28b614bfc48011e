//! Reading a prompt back from its stream.

use std::sync::Arc;

use punchcard_events::prompt::{Content, PromptEvent, PromptOutline, PromptState, apply};
use punchcard_events::{EventId, Recorded, Revision, StreamName, TaskName, TenantId};

use super::page::Page;
use crate::ports::{Direction, EventStore, ExpectedRevision, ReadError};

/// Events read at a time: each may hold a whole content.
const PAGE: usize = 64;

/// A prompt folded from its stored events, in full and as the book holds it.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) state: PromptState,
    pub(super) page: Page,
    pub(super) last_event: Option<EventId>,
}

impl Loaded {
    /// What an append to the stream expects.
    pub(super) fn expected(&self) -> ExpectedRevision {
        let revision = self.page.summary.revision;
        revision.map_or(ExpectedRevision::NoStream, ExpectedRevision::Exact)
    }

    /// Folds in the event at `revision`, which comes next.
    ///
    /// # Errors
    /// When the event cannot happen to the prompt.
    pub(super) fn fold(&mut self, event: &PromptEvent, revision: Revision) -> Result<(), String> {
        let state = std::mem::take(&mut self.state);
        self.state = apply(state, event).map_err(|illegal| illegal.to_string())?;
        self.page.fold(event, revision);
        Ok(())
    }

    /// The page, with the contents of all that is in effect.
    pub(super) fn into_page(mut self) -> (PromptState, Page) {
        for number in self.page.missing() {
            if let Some(version) = self.state.version(number) {
                self.page.supply(number, Arc::clone(&version.content));
            }
        }
        (self.state, self.page)
    }
}

/// Reads and folds a prompt. A history that cannot be is damage, and is not served.
pub(super) async fn load(
    store: &dyn EventStore,
    tenant: &TenantId,
    task: &TaskName,
) -> Result<Loaded, ReadError> {
    let stream = StreamName::of_prompt(tenant, task);
    let mut loaded = Loaded::default();
    let mut next = None;
    loop {
        let page = store
            .read_stream(&stream, next, Direction::Forwards, PAGE)
            .await?;
        for recorded in &page {
            let event = decode(recorded)?;
            loaded
                .fold(&event, recorded.revision)
                .map_err(|reason| damaged(recorded, &reason))?;
            loaded.last_event = Some(recorded.event.id);
            next = Some(recorded.revision.next());
        }
        if page.len() < PAGE {
            return Ok(loaded);
        }
    }
}

/// The content of the version that was published at `revision`.
pub(super) async fn content_at(
    store: &dyn EventStore,
    stream: &StreamName,
    revision: Revision,
) -> Result<Arc<Content>, ReadError> {
    let read = store
        .read_stream(stream, Some(revision), Direction::Forwards, 1)
        .await?;
    let recorded = read.first().filter(|event| event.revision == revision);
    let gone = || ReadError::Damaged(format!("{stream} has nothing at revision {}", revision.0));
    let recorded = recorded.ok_or_else(gone)?;
    match decode(recorded)? {
        PromptEvent::PromptPublished(published) => Ok(published.content),
        other => Err(damaged(
            recorded,
            &format!("{} is no version", other.kind()),
        )),
    }
}

/// The event itself.
pub(super) fn decode(recorded: &Recorded) -> Result<PromptEvent, ReadError> {
    let event = &recorded.event;
    PromptEvent::decode(&event.kind, event.schema_version, &event.data)
        .map_err(|error| damaged(recorded, &error.to_string()))
}

/// The event without its texts.
pub(super) fn outline(recorded: &Recorded) -> Result<PromptOutline<'static>, ReadError> {
    let event = &recorded.event;
    PromptOutline::decode(&event.kind, event.schema_version, &event.data)
        .map_err(|error| damaged(recorded, &error.to_string()))
}

fn damaged(recorded: &Recorded, reason: &str) -> ReadError {
    let (stream, revision) = (&recorded.stream, recorded.revision.0);
    ReadError::Damaged(format!("{stream} at revision {revision}: {reason}"))
}
