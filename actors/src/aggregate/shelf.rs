//! Every state of a category in memory, read without I/O and without waiting for anybody's long work.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use async_trait::async_trait;
use punchcard_events::{Recorded, StreamName};
use tokio::sync::watch;

use super::Aggregate;
use super::stream::{Folded, load};
use crate::following::{Book, tell_out_of_service};
use crate::ports::{EventStore, ReadError};

/// Every state of a category. Clones share one shelf.
///
/// It is a fold of the streams: what this node writes is in it before the writer is answered, what
/// another node writes shortly after. It is never asked whether a command fits. The lock is held for a
/// look-up and nothing more.
#[derive(Debug)]
pub(crate) struct Shelf<A: Aggregate> {
    shared: Arc<Shared<A>>,
}

#[derive(Debug)]
struct Shared<A: Aggregate> {
    entries: RwLock<Entries<A>>,
    /// How often anything on the shelf has changed.
    changes: watch::Sender<u64>,
}

type Entries<A> = HashMap<<A as Aggregate>::Id, Entry<A>>;

/// One of the category.
#[derive(Debug)]
enum Entry<A: Aggregate> {
    /// All its events could be read.
    Sound(Folded<A>),
    /// One of them could not, so nothing of it is served.
    Broken,
}

impl<A: Aggregate> Clone for Shelf<A> {
    fn clone(&self) -> Self {
        let shared = Arc::clone(&self.shared);
        Self { shared }
    }
}

impl<A: Aggregate> Default for Shelf<A> {
    fn default() -> Self {
        let shared = Shared {
            entries: RwLock::default(),
            changes: watch::Sender::new(0),
        };
        Self {
            shared: Arc::new(shared),
        }
    }
}

impl<A: Aggregate> Shelf<A> {
    /// The state of one; `None` where there is none, or its events cannot be read.
    pub(crate) fn get(&self, id: &A::Id) -> Option<Arc<A::State>> {
        match self.read().get(id)? {
            Entry::Sound(folded) => Some(Arc::clone(&folded.state)),
            Entry::Broken => None,
        }
    }

    /// Whether there is an event of this one, one that can be read or one that cannot.
    pub(crate) fn knows(&self, id: &A::Id) -> bool {
        self.read().contains_key(id)
    }

    /// How many there are, those whose events cannot be read included.
    pub(crate) fn count(&self) -> usize {
        self.read().len()
    }

    /// All that are sound, in the order of their ids.
    pub(crate) fn all(&self) -> Vec<(A::Id, Arc<A::State>)> {
        let entries = self.read();
        let sound = entries.iter().filter_map(|(id, entry)| match entry {
            Entry::Sound(folded) => Some((id.clone(), Arc::clone(&folded.state))),
            Entry::Broken => None,
        });
        let mut all: Vec<_> = sound.collect();
        drop(entries);
        all.sort_by(|(one, _), (other, _)| one.cmp(other));
        all
    }

    /// A number that rises with every change, and wakes whoever waits for one.
    pub(crate) fn changed(&self) -> watch::Receiver<u64> {
        self.shared.changes.subscribe()
    }

    /// Takes a state that is newer than the one that is here. An older one changes nothing, so that
    /// two sources may hand over the same events.
    pub(crate) fn put(&self, id: &A::Id, folded: Folded<A>) {
        let mut entries = self.write();
        if let Some(Entry::Sound(present)) = entries.get(id)
            && present.revision >= folded.revision
        {
            return;
        }
        entries.insert(id.clone(), Entry::Sound(folded));
        drop(entries);
        self.tell();
    }

    /// What is here of one.
    fn folded(&self, id: &A::Id) -> Result<Folded<A>, Unfit> {
        match self.read().get(id) {
            Some(Entry::Sound(folded)) => Ok(folded.clone()),
            Some(Entry::Broken) => Err(Unfit),
            None => Ok(Folded::default()),
        }
    }

    /// Takes one out of service. Whether it was in service before.
    fn set_broken(&self, id: &A::Id) -> bool {
        let before = self.write().insert(id.clone(), Entry::Broken);
        self.tell();
        !matches!(before, Some(Entry::Broken))
    }

    fn tell(&self) {
        let changes = &self.shared.changes;
        changes.send_modify(|changes| *changes = changes.wrapping_add(1));
    }

    // A panic elsewhere leaves whole entries behind, so the lock's poison tells nothing.
    fn read(&self) -> RwLockReadGuard<'_, Entries<A>> {
        let entries = self.shared.entries.read();
        entries.unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Entries<A>> {
        let entries = self.shared.entries.write();
        entries.unwrap_or_else(PoisonError::into_inner)
    }
}

/// Out of service: it stays that until a whole reading of it succeeds.
struct Unfit;

#[async_trait]
impl<A: Aggregate> Book for Shelf<A> {
    fn category(&self) -> &'static str {
        A::CATEGORY
    }

    async fn take(&self, store: &dyn EventStore, recorded: &Recorded) -> Result<(), ReadError> {
        let Some(id) = A::id(&recorded.stream) else {
            return Ok(());
        };
        let Ok(mut folded) = self.folded(&id) else {
            return self.reload(store, &recorded.stream).await;
        };
        if folded.revision >= Some(recorded.revision) {
            return Ok(());
        }
        match folded.fold_stored(recorded) {
            Ok(()) => {
                self.put(&id, folded);
                Ok(())
            }
            Err(_) => self.reload(store, &recorded.stream).await,
        }
    }

    async fn reload(&self, store: &dyn EventStore, stream: &StreamName) -> Result<(), ReadError> {
        let Some(id) = A::id(stream) else {
            return Ok(());
        };
        match load::<A>(store, &id).await {
            Ok(folded) => {
                self.put(&id, folded);
                Ok(())
            }
            Err(error @ ReadError::Damaged(_)) => {
                if self.set_broken(&id) {
                    tell_out_of_service(stream, &error);
                }
                Ok(())
            }
            Err(error @ ReadError::Unavailable(_)) => Err(error),
        }
    }
}
