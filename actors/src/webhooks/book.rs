//! Every endpoint as it is, read from memory.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use punchcard_events::endpoint::{self, Endpoint, EndpointEvent, EndpointState};
use punchcard_events::{EndpointId, Position, Recorded, Revision, TenantId};

use super::stream::decode;
use crate::ports::{EventStore, ReadError};

/// Events read at a time.
const PAGE: usize = 512;

/// An endpoint and how much of its stream is folded in.
#[derive(Debug, Clone, Default)]
struct Entry {
    state: EndpointState,
    revision: Option<Revision>,
}

/// The endpoints of all tenants.
#[derive(Debug, Default)]
pub(super) struct Book(RwLock<BTreeMap<EndpointId, Entry>>);

impl Book {
    /// Reads all endpoints.
    pub(super) async fn load(&self, store: &dyn EventStore) -> Result<(), ReadError> {
        let mut after: Option<Position> = None;
        loop {
            let page = store.read_category(endpoint::CATEGORY, after, PAGE).await?;
            for recorded in &page {
                self.take(recorded);
                after = Some(recorded.position);
            }
            if page.len() < PAGE {
                return Ok(());
            }
        }
    }

    /// Folds in a stored event. One that is folded in already, or cannot be read, changes nothing.
    pub(super) fn take(&self, recorded: &Recorded) {
        let Some(id) = endpoint::of_stream(&recorded.stream) else {
            return;
        };
        match decode(recorded) {
            Ok(event) => self.fold(id, recorded.revision, &event),
            Err(error) => tracing::error!(%error, "an event of a webhook endpoint is left out"),
        }
    }

    /// Folds in an event.
    pub(super) fn fold(&self, id: EndpointId, revision: Revision, event: &EndpointEvent) {
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let entry = entries.entry(id).or_default();
        if entry.revision < Some(revision) {
            entry.state.apply(event);
            entry.revision = Some(revision);
        }
    }

    /// One endpoint, while it is there.
    pub(super) fn get(&self, id: EndpointId) -> Option<Endpoint> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        entries.get(&id)?.state.live().cloned()
    }

    /// A tenant's, by id, which is the order of their registration.
    pub(super) fn of_tenant(&self, tenant: &TenantId) -> Vec<(EndpointId, Endpoint)> {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let live = entries.iter().filter_map(|(id, entry)| {
            let endpoint = entry.state.live()?;
            (endpoint.tenant == *tenant).then(|| (*id, endpoint.clone()))
        });
        live.collect()
    }
}
