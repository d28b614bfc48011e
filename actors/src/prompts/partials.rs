//! The tenants' partials. They are read when they are needed, which is when planners work: no
//! ticket does, because versions carry theirs.

use punchcard_events::partial::{self, PartialEvent, PartialRejection, Partials};
use punchcard_events::prompt::Act;
use punchcard_events::{EventId, PartialName, Revision, TenantId, Timestamp};

use super::desk::unencodable;
use super::{PromptError, Prompts};
use crate::aggregate::append;
use crate::ports::{Direction, ExpectedRevision, ReadError};

/// Events read at a time.
const PAGE: usize = 200;

/// How often a change is decided: again once for each time somebody else was faster.
const DECISIONS: u32 = 3;

#[derive(Default)]
struct Loaded {
    partials: Partials,
    revision: Option<Revision>,
    last_event: Option<EventId>,
}

impl Prompts {
    /// A tenant's partials as they are now.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn partials(&self, tenant: &TenantId) -> Result<Partials, PromptError> {
        Ok(self.load_partials(tenant).await?.partials)
    }

    /// Writes or changes a partial; gives all partials as they are then. `expected_edit` is the edit
    /// that the author started from, `None`: there was no such partial.
    ///
    /// # Errors
    /// See [`PromptError`].
    pub async fn save_partial(
        &self,
        tenant: &TenantId,
        name: &PartialName,
        expected_edit: Option<u32>,
        text: &str,
        act: Act,
    ) -> Result<Partials, PromptError> {
        self.change_partials(tenant, act, |partials, act| {
            let (name, text) = (name.clone(), text.to_owned());
            partial::save(partials, name, expected_edit, text, act)
        })
        .await
    }

    /// Takes a partial away; gives all partials as they are then. Versions keep their copies.
    ///
    /// # Errors
    /// See [`PromptError`].
    pub async fn remove_partial(
        &self,
        tenant: &TenantId,
        name: &PartialName,
        expected_edit: u32,
        act: Act,
    ) -> Result<Partials, PromptError> {
        self.change_partials(tenant, act, |partials, act| {
            partial::remove(partials, name.clone(), expected_edit, act)
        })
        .await
    }

    async fn change_partials(
        &self,
        tenant: &TenantId,
        act: Act,
        decide: impl Fn(&Partials, Act) -> Result<Vec<PartialEvent>, PartialRejection>,
    ) -> Result<Partials, PromptError> {
        for _ in 0..DECISIONS {
            let loaded = self.load_partials(tenant).await?;
            let at = self.clock().now();
            let events = decide(&loaded.partials, Act { at, ..act.clone() })?;
            match self.append_partials(tenant, &loaded, &events, at).await {
                Err(PromptError::Conflict) => continue,
                appended => appended?,
            }
            let mut partials = loaded.partials;
            events.iter().for_each(|event| partials.apply(event));
            return Ok(partials);
        }
        Err(PromptError::Conflict)
    }

    async fn append_partials(
        &self,
        tenant: &TenantId,
        loaded: &Loaded,
        events: &[PartialEvent],
        now: Timestamp,
    ) -> Result<(), PromptError> {
        if events.is_empty() {
            return Ok(());
        }
        let expected = loaded
            .revision
            .map_or(ExpectedRevision::NoStream, ExpectedRevision::Exact);
        let mut new = Vec::with_capacity(events.len());
        let draft = self.draft_events(tenant, loaded.last_event, now);
        for event in events {
            let data = event.encode().map_err(unencodable)?;
            new.push(draft(event.kind(), event.schema_version(), data));
        }
        append(self.store(), &partial::stream(tenant), expected, &new).await?;
        Ok(())
    }

    async fn load_partials(&self, tenant: &TenantId) -> Result<Loaded, ReadError> {
        let stream = partial::stream(tenant);
        let mut loaded = Loaded::default();
        loop {
            let from = loaded.revision.map(Revision::next);
            let forwards = Direction::Forwards;
            let page = self
                .store()
                .read_stream(&stream, from, forwards, PAGE)
                .await?;
            for recorded in &page {
                let event = &recorded.event;
                let decoded = PartialEvent::decode(&event.kind, event.schema_version, &event.data);
                let decoded = decoded.map_err(|error| {
                    let revision = recorded.revision.0;
                    ReadError::Damaged(format!("{stream} at revision {revision}: {error}"))
                })?;
                loaded.partials.apply(&decoded);
                loaded.revision = Some(recorded.revision);
                loaded.last_event = Some(event.id);
            }
            if page.len() < PAGE {
                return Ok(loaded);
            }
        }
    }
}
