//! The directory: every tenant as it is, read without I/O by every request.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock};

use async_trait::async_trait;
use punchcard_events::tenant::{IssuedKey, TenantLimits, TenantState};
use punchcard_events::{Recorded, StreamName, TenantId};
use tokio::sync::watch;

use super::TenantStream;
use crate::aggregate::{Aggregate as _, Folded, Shelf};
use crate::following::Book;
use crate::ports::{EventStore, LimitsBook, ReadError};

/// Every tenant's state, and whose each key is. Clones share one directory.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    shelf: Shelf<TenantStream>,
    index: Arc<Index>,
}

/// What is looked up by something else than a tenant's id.
#[derive(Debug, Default)]
struct Index {
    /// Who has or had a key of this prefix. A prefix is never let go, so this only grows. Nearly always
    /// one; two nodes may have issued the same prefix at the same moment.
    prefixes: RwLock<HashMap<String, Vec<TenantId>>>,
    /// Every origin of any tenant, as of this many changes.
    origins: RwLock<Option<(u64, Arc<HashSet<String>>)>>,
}

impl Directory {
    /// A tenant; `None` where there is none, or its stored events cannot be read.
    pub fn tenant(&self, tenant: &TenantId) -> Option<Arc<TenantState>> {
        self.shelf.get(tenant)
    }

    /// Every tenant, in the order of their ids. Those whose events cannot be read are left out.
    pub fn all(&self) -> Vec<(TenantId, Arc<TenantState>)> {
        self.shelf.all()
    }

    /// How many tenants there are.
    pub fn count(&self) -> usize {
        self.shelf.count()
    }

    /// Whether there is an event of this tenant, one that can be read or one that cannot.
    pub fn knows(&self, tenant: &TenantId) -> bool {
        self.shelf.knows(tenant)
    }

    /// The key of this prefix and whose it is, live or not.
    pub fn by_prefix(&self, prefix: &str) -> Option<(TenantId, IssuedKey)> {
        let mut holders = self.holders(prefix).into_iter();
        holders.find_map(|(tenant, state)| {
            let known = state.keys.get(prefix)?;
            Some((tenant, known.key.clone()))
        })
    }

    /// Every tenant that has or had a key of this prefix: nearly always one at most.
    pub fn holders(&self, prefix: &str) -> Vec<(TenantId, Arc<TenantState>)> {
        let prefixes = self.index.prefixes.read();
        let prefixes = prefixes.unwrap_or_else(PoisonError::into_inner);
        let Some(tenants) = prefixes.get(prefix).cloned() else {
            return vec![];
        };
        drop(prefixes);
        let present = tenants.into_iter().filter_map(|tenant| {
            let state = self.shelf.get(&tenant)?;
            Some((tenant, state))
        });
        present.collect()
    }

    /// Whether any tenant allows sessions from `origin`, suspended or not.
    pub fn any_allows(&self, origin: &str) -> bool {
        let changes = *self.shelf.changed().borrow();
        let known = self.index.origins.read();
        let known = known.unwrap_or_else(PoisonError::into_inner);
        if let Some((at, origins)) = known.as_ref()
            && *at == changes
        {
            return origins.contains(origin);
        }
        drop(known);
        let all = self.shelf.all();
        let origins = all.iter().flat_map(|(_, state)| state.origins.iter());
        let origins = Arc::new(origins.cloned().collect::<HashSet<_>>());
        let allows = origins.contains(origin);
        let mut known = self.index.origins.write();
        **known.as_mut().unwrap_or_else(|poisoned| poisoned.get_mut()) = Some((changes, origins));
        allows
    }

    /// A number that rises with every change of any tenant, and wakes whoever waits for one.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.shelf.changed()
    }

    /// Takes a state that is newer than the one that is here.
    pub(super) fn put(&self, tenant: &TenantId, folded: Folded<TenantStream>) {
        self.shelf.put(tenant, folded);
        self.note(tenant);
    }

    /// Notes the prefixes of a tenant's keys.
    fn note(&self, tenant: &TenantId) {
        let Some(state) = self.shelf.get(tenant) else {
            return;
        };
        let prefixes = self.index.prefixes.write();
        let mut prefixes = prefixes.unwrap_or_else(PoisonError::into_inner);
        for prefix in state.keys.keys() {
            let holders = prefixes.entry(prefix.clone()).or_default();
            if !holders.contains(tenant) {
                holders.push(tenant.clone());
            }
        }
    }
}

#[async_trait]
impl Book for Directory {
    fn category(&self) -> &'static str {
        self.shelf.category()
    }

    async fn take(&self, store: &dyn EventStore, recorded: &Recorded) -> Result<(), ReadError> {
        self.shelf.take(store, recorded).await?;
        self.note_stream(&recorded.stream);
        Ok(())
    }

    async fn reload(&self, store: &dyn EventStore, stream: &StreamName) -> Result<(), ReadError> {
        self.shelf.reload(store, stream).await?;
        self.note_stream(stream);
        Ok(())
    }
}

impl Directory {
    fn note_stream(&self, stream: &StreamName) {
        if let Some(tenant) = TenantStream::id(stream) {
            self.note(&tenant);
        }
    }
}

impl LimitsBook for Directory {
    fn limits(&self, tenant: &TenantId) -> Arc<TenantLimits> {
        let state = self.shelf.get(tenant);
        state.map_or_else(Arc::default, |state| Arc::clone(&state.limits))
    }
}
