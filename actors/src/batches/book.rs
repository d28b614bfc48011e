//! How every batch stands. A few hundred bytes for each, and none of its lines.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use punchcard_events::batch::{BATCH_CATEGORY, BatchEvent, BatchState, Phase, apply};
use punchcard_events::{BatchId, Recorded, Revision, TenantId};
use tokio::sync::Notify;

use super::NewBatch;
use super::error::BatchError;
use crate::ports::{Direction, EventStore, ReadError};

/// Events read at a time.
const PAGE: usize = 500;

/// A batch, and where its stream is.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) state: BatchState,
    pub(super) revision: Revision,
    /// Lines that its feeder saw refused so far.
    pub(super) refused: u32,
    /// Wakes its feeder.
    pub(super) wake: Arc<Notify>,
}

/// All batches.
#[derive(Default)]
pub(super) struct Book(Mutex<Held>);

#[derive(Default)]
struct Held {
    batches: HashMap<BatchId, Entry>,
    /// In the order of ids, which is that of their beginning.
    by_tenant: HashMap<TenantId, BTreeSet<BatchId>>,
    /// Those that are open.
    open: HashMap<TenantId, HashSet<BatchId>>,
    keys: HashMap<(TenantId, String), BatchId>,
    /// Uploads that this process has given up.
    abandoned: HashSet<BatchId>,
    /// Uploads that are under way in this process.
    receiving: HashSet<BatchId>,
}

impl Book {
    /// Reads all batches. One whose events are damaged is left out, and said to be.
    pub(super) async fn read(store: &dyn EventStore) -> Result<Self, ReadError> {
        let mut held = Held::default();
        let mut after = None;
        let mut limit = PAGE;
        loop {
            let page = match store.read_category(BATCH_CATEGORY, after, limit).await {
                Ok(page) => page,
                Err(ReadError::Damaged(_)) if limit > 1 => {
                    limit = 1;
                    continue;
                }
                Err(ReadError::Damaged(reason)) => {
                    let place = store.next_place(Some(BATCH_CATEGORY), after).await?;
                    tracing::error!(reason, "an event of a batch is damaged; it is passed over");
                    let Some(place) = place else { break };
                    after = Some(place.position);
                    limit = PAGE;
                    continue;
                }
                Err(error @ ReadError::Unavailable(_)) => return Err(error),
            };
            for recorded in &page {
                held.fold(recorded);
            }
            match page.last() {
                Some(last) => after = Some(last.position),
                None => break,
            }
        }
        held.give_up_uploads();
        Ok(Self(Mutex::new(held)))
    }

    /// How many are open, of one tenant or of all.
    pub(super) fn count_open(&self, tenant: Option<&TenantId>) -> usize {
        let held = self.lock();
        match tenant {
            Some(tenant) => held.open.get(tenant).map_or(0, HashSet::len),
            None => held.open.values().map(HashSet::len).sum(),
        }
    }

    pub(super) fn get(&self, id: BatchId) -> Option<Entry> {
        self.lock().batches.get(&id).cloned()
    }

    pub(super) fn put(&self, id: BatchId, state: BatchState, revision: Revision) {
        self.lock().put(id, state, revision);
    }

    /// Makes room for a new batch; gives the earlier one of the same key, where there is one.
    pub(super) fn reserve(
        &self,
        id: BatchId,
        new: &NewBatch,
        most: usize,
    ) -> Result<Option<BatchId>, BatchError> {
        let mut held = self.lock();
        let key = new.idempotency_key.clone();
        let key = key.map(|key| (new.tenant.clone(), key));
        if let Some(earlier) = key.as_ref().and_then(|key| held.keys.get(key)).copied() {
            let phase = held.batches.get(&earlier).map(|entry| &entry.state.phase);
            match phase {
                // What was never complete claims no key.
                Some(Phase::Discarded(_)) => {}
                Some(Phase::Receiving) | None => return Err(BatchError::KeyInFlight),
                Some(Phase::Running | Phase::Cancelling | Phase::Finished(_)) => {
                    return Ok(Some(earlier));
                }
            }
        }
        let open = held.open.entry(new.tenant.clone()).or_default();
        if open.len() >= most {
            return Err(BatchError::TooMany(open.len()));
        }
        open.insert(id);
        held.receiving.insert(id);
        if let Some(key) = key {
            held.keys.insert(key, id);
        }
        Ok(None)
    }

    /// Gives back what [`Self::reserve`] took, for a batch that never began.
    pub(super) fn release(&self, id: BatchId) {
        let mut held = self.lock();
        held.receiving.remove(&id);
        held.keys.retain(|_, of| *of != id);
        for open in held.open.values_mut() {
            open.remove(&id);
        }
    }

    /// Says that the upload of a batch has ended, and whether it was given up.
    pub(super) fn received(&self, id: BatchId, is_given_up: bool) {
        let mut held = self.lock();
        held.receiving.remove(&id);
        if is_given_up {
            held.abandoned.insert(id);
        }
    }

    pub(super) fn refused(&self, id: BatchId, lines: u32) {
        if let Some(entry) = self.lock().batches.get_mut(&id) {
            entry.refused = lines;
        }
    }

    /// Wakes the feeder of a batch.
    pub(super) fn woken(&self, id: BatchId) {
        if let Some(entry) = self.lock().batches.get(&id) {
            entry.wake.notify_one();
        }
    }

    pub(super) fn list(
        &self,
        tenant: &TenantId,
        after: Option<BatchId>,
        limit: usize,
    ) -> Vec<(BatchId, BatchState)> {
        let held = self.lock();
        let ids = held.by_tenant.get(tenant).into_iter().flatten().rev();
        ids.filter(|id| after.is_none_or(|after| **id < after))
            .filter_map(|id| Some((*id, held.batches.get(id)?.state.clone())))
            .take(limit)
            .collect()
    }

    /// Batches that a feeder should be at, the oldest first.
    pub(super) fn to_feed(&self) -> Vec<BatchId> {
        self.open_in(|_, phase| matches!(phase, Phase::Running | Phase::Cancelling))
    }

    /// Batches whose upload was given up here, and those that no upload here is at: an earlier run's.
    pub(super) fn to_discard(&self) -> Vec<(BatchId, bool)> {
        let stale = self.open_in(|_, phase| *phase == Phase::Receiving);
        let held = self.lock();
        let stale = stale.into_iter().filter(|id| !held.receiving.contains(id));
        stale.map(|id| (id, held.abandoned.contains(&id))).collect()
    }

    fn open_in(&self, wanted: impl Fn(BatchId, &Phase) -> bool) -> Vec<BatchId> {
        let held = self.lock();
        let open = held.open.values().flatten();
        let wanted = open.filter(|id| {
            let entry = held.batches.get(id);
            entry.is_some_and(|entry| wanted(**id, &entry.state.phase))
        });
        let mut wanted: Vec<_> = wanted.copied().collect();
        wanted.sort_unstable();
        wanted
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    fn fold(&mut self, recorded: &Recorded) {
        let Some(id) = BatchId::of_stream(&recorded.stream) else {
            return;
        };
        let before = self.batches.get(&id).map(|entry| entry.state.clone());
        match folded(before, recorded) {
            Ok(state) => self.put(id, state, recorded.revision),
            Err(error) => tracing::error!(batch.id = %id, error, "a batch cannot be read"),
        }
    }

    /// Gives up what is still being received by what was read at the start: the store belongs to one
    /// process, so whoever received it is gone. Else its key would be in use until its time is over.
    fn give_up_uploads(&mut self) {
        let batches = self.batches.iter();
        let cut = batches.filter(|(_, entry)| entry.state.phase == Phase::Receiving);
        self.abandoned.extend(cut.map(|(id, _)| *id));
    }

    fn put(&mut self, id: BatchId, state: BatchState, revision: Revision) {
        let tenant = state.begun.tenant.clone();
        if let Some(key) = &state.begun.idempotency_key
            && !matches!(state.phase, Phase::Discarded(_))
        {
            self.keys.insert((tenant.clone(), key.clone()), id);
        }
        let open = self.open.entry(tenant.clone()).or_default();
        if state.phase.is_open() {
            open.insert(id);
        } else {
            open.remove(&id);
            self.abandoned.remove(&id);
        }
        self.by_tenant.entry(tenant).or_default().insert(id);
        let entry = self.batches.entry(id).or_insert_with(|| Entry {
            state: state.clone(),
            revision,
            refused: 0,
            wake: Arc::default(),
        });
        entry.state = state;
        entry.revision = revision;
    }
}

fn folded(before: Option<BatchState>, recorded: &Recorded) -> Result<BatchState, String> {
    let event = &recorded.event;
    let event = BatchEvent::decode(&event.kind, event.schema_version, &event.data)
        .map_err(|error| error.to_string())?;
    apply(before, &event).map_err(|error| error.to_string())
}

/// Reads one batch from its stream.
pub(super) async fn load(store: &dyn EventStore, id: BatchId) -> Result<Option<Entry>, ReadError> {
    let stream = id.stream();
    let events = store
        .read_stream(&stream, None, Direction::Forwards, PAGE)
        .await?;
    let mut state = None;
    for recorded in &events {
        state = Some(folded(state, recorded).map_err(ReadError::Damaged)?);
    }
    Ok(state.zip(events.last()).map(|(state, last)| Entry {
        state,
        revision: last.revision,
        refused: 0,
        wake: Arc::default(),
    }))
}
