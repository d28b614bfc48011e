//! Every endpoint as it is, read from memory.
//!
//! Events come in twice: from the desk once they are appended, and from the follower in the order of
//! their positions. One that was removed is kept until the follower has come to its removal, so that its
//! earlier events do not bring it back; after that, nothing is kept of it.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock, RwLockWriteGuard};

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
pub(super) struct Book(RwLock<Shelf>);

#[derive(Debug, Default)]
struct Shelf {
    entries: BTreeMap<EndpointId, Entry>,
    /// All events up to here were taken in their order.
    taken: Option<Position>,
}

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

    /// Folds in a stored event; they come in the order of their positions. One that is folded in
    /// already, or cannot be read, changes nothing.
    pub(super) fn take(&self, recorded: &Recorded) {
        let Some(id) = endpoint::of_stream(&recorded.stream) else {
            return;
        };
        let event = match decode(recorded) {
            Ok(event) => event,
            Err(error) => {
                tracing::error!(%error, "an event of a webhook endpoint is left out");
                return;
            }
        };
        let mut shelf = self.write();
        if shelf.has_taken(recorded.position) {
            return;
        }
        shelf.taken = Some(recorded.position);
        if let EndpointEvent::EndpointRemoved(_) = event {
            shelf.entries.remove(&id);
        } else {
            shelf.fold(id, recorded.revision, &event);
        }
    }

    /// Folds in events that were appended from `revision` on, the last of them at `position`.
    pub(super) fn appended(
        &self,
        id: EndpointId,
        revision: Revision,
        events: &[EndpointEvent],
        position: Position,
    ) {
        let mut shelf = self.write();
        if shelf.has_taken(position) {
            return;
        }
        for (event, revision) in events.iter().zip(revision.0..) {
            shelf.fold(id, Revision(revision), event);
        }
    }

    /// One endpoint, while it is there.
    pub(super) fn get(&self, id: EndpointId) -> Option<Endpoint> {
        let shelf = self.0.read().unwrap_or_else(PoisonError::into_inner);
        shelf.entries.get(&id)?.state.live().cloned()
    }

    /// A tenant's, by id, which is the order of their registration.
    pub(super) fn of_tenant(&self, tenant: &TenantId) -> Vec<(EndpointId, Endpoint)> {
        let shelf = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let live = shelf.entries.iter().filter_map(|(id, entry)| {
            let endpoint = entry.state.live()?;
            (endpoint.tenant == *tenant).then(|| (*id, endpoint.clone()))
        });
        live.collect()
    }

    // No code that can panic runs under the lock, so its poison says nothing.
    fn write(&self) -> RwLockWriteGuard<'_, Shelf> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn has_taken(&self, position: Position) -> bool {
        self.taken >= Some(position)
    }

    fn fold(&mut self, id: EndpointId, revision: Revision, event: &EndpointEvent) {
        let entry = self.entries.entry(id).or_default();
        if entry.revision < Some(revision) {
            entry.state.apply(event);
            entry.revision = Some(revision);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use punchcard_events::act::{Act, Author};
    use punchcard_events::endpoint::{EndpointRegistered, EndpointRemoved, EventType};
    use punchcard_events::{EventId, NewEvent, Timestamp};
    use uuid::Uuid;

    use super::*;

    fn act() -> Act {
        Act {
            at: Timestamp::default(),
            by: Author::Runtime,
        }
    }

    fn tenant() -> TenantId {
        TenantId::new("onehour").expect("a tenant")
    }

    fn life() -> [EndpointEvent; 2] {
        let registered = EndpointRegistered {
            tenant: tenant(),
            url: "https://a.example/".to_owned(),
            event_types: [EventType::TicketPersisted].into(),
            description: None,
            generation: 1,
            act: act(),
        };
        [
            EndpointEvent::EndpointRegistered(registered),
            EndpointEvent::EndpointRemoved(EndpointRemoved { act: act() }),
        ]
    }

    fn recorded(id: EndpointId, place: u64, event: &EndpointEvent) -> Recorded {
        Recorded {
            stream: endpoint::stream(id),
            revision: Revision(place),
            position: Position(place),
            event: NewEvent {
                id: EventId(Uuid::from_u64_pair(1, place)),
                kind: Cow::Borrowed(event.kind()),
                schema_version: event.schema_version(),
                tenant: tenant(),
                correlation_id: id.0,
                causation_id: None,
                recorded_at: Timestamp::default(),
                data: event.encode().expect("it encodes"),
            },
        }
    }

    #[test]
    fn nothing_is_kept_of_a_removed_endpoint_and_nothing_brings_it_back() {
        let (book, id) = (Book::default(), EndpointId(Uuid::from_u64_pair(0, 1)));
        let life = life();
        let [registered, removed] = &life;
        book.appended(id, Revision(0), &life[..1], Position(0));
        assert_eq!(book.of_tenant(&tenant()).len(), 1);
        book.appended(id, Revision(1), &life[1..], Position(1));
        assert!(book.get(id).is_none());
        book.take(&recorded(id, 0, registered));
        assert!(book.get(id).is_none(), "its past does not bring it back");
        book.take(&recorded(id, 1, removed));
        assert!(book.write().entries.is_empty());
        book.take(&recorded(id, 0, registered));
        book.appended(id, Revision(0), &life[..1], Position(0));
        assert!(book.write().entries.is_empty(), "not even told once more");
    }
}
