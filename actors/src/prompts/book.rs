//! The book: which version of every prompt is in effect, read without I/O.

use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use punchcard_events::prompt::{Content, ContentHash, PromptSummary, in_canary};
use punchcard_events::{LabelName, TaskName, TenantId, Timestamp};
use tokio::sync::watch;
use uuid::Uuid;

use super::canaries::{Canaries, CanaryBoard};
use super::page::Page;

/// Every prompt's summary, and the contents that are in effect. Clones share one book.
///
/// It is a fold of the prompts' streams: what this node writes is in it before the writer is
/// answered, what another node writes shortly after. It is never asked whether a command fits.
#[derive(Debug, Clone, Default)]
pub struct PromptBook {
    tenants: Arc<RwLock<Tenants>>,
    canaries: CanaryBoard,
}

type Tenants = HashMap<TenantId, BTreeMap<TaskName, Entry>>;

/// A prompt in the book.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    /// All its events could be read.
    Sound(Page),
    /// One of them could not, so nothing of it is served.
    Broken,
}

/// What a ticket runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective {
    /// The version.
    pub version: u32,
    /// Its content's identity.
    pub hash: ContentHash,
    /// What it says.
    pub content: Arc<Content>,
    /// The label that it was asked for by.
    pub label: LabelName,
    /// The canary that it is, where it is one.
    pub canary: Option<Uuid>,
    /// Since when it is in effect.
    pub since: Timestamp,
    /// Whether the prompt takes no new tickets. Those that were taken before still run it.
    pub retired: bool,
}

/// Why a ticket has nothing to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotEffective {
    /// There is no such prompt.
    #[error("there is no such prompt")]
    NoSuchPrompt,
    /// The label points to no version.
    #[error("the label points to no version")]
    NotDeployed,
    /// The prompt's stored events cannot be read.
    #[error("the prompt's stored events cannot be read")]
    Broken,
}

impl PromptBook {
    /// What `label` gives to `sticky` now. Only `production`, the label where none is named, has
    /// canaries; without `sticky` there is none.
    ///
    /// # Errors
    /// See [`NotEffective`].
    pub fn effective(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        label: Option<&LabelName>,
        sticky: Option<&str>,
    ) -> Result<Effective, NotEffective> {
        let page = match self.read().get(tenant).and_then(|tasks| tasks.get(task)) {
            None => return Err(NotEffective::NoSuchPrompt),
            Some(Entry::Broken) => return Err(NotEffective::Broken),
            Some(Entry::Sound(page)) => page.clone(),
        };
        let summary = &page.summary;
        let label = label.cloned().unwrap_or_else(LabelName::production);
        let pointed = summary
            .labels
            .get(&label)
            .ok_or(NotEffective::NotDeployed)?;
        let chosen = summary.canary.as_ref().filter(|canary| {
            label.is_production()
                && sticky.is_some_and(|sticky| in_canary(canary.canary, canary.percent, sticky))
        });
        let (version, since) = chosen.map_or((pointed.version, pointed.act.at), |canary| {
            (canary.version, canary.act.at)
        });
        let line = summary.version(version).ok_or(NotEffective::Broken)?;
        let content = page.content(version).ok_or(NotEffective::Broken)?;
        Ok(Effective {
            version,
            hash: line.hash,
            content: Arc::clone(content),
            label,
            canary: chosen.map(|canary| canary.canary),
            since,
            retired: summary.retired.is_some(),
        })
    }

    /// Up to `limit` prompts of `tenant` in the order of their tasks' names, after the task `after`.
    /// Those whose events cannot be read are left out.
    pub fn list(
        &self,
        tenant: &TenantId,
        after: Option<&TaskName>,
        limit: usize,
    ) -> Vec<(TaskName, Arc<PromptSummary>)> {
        let tenants = self.read();
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let tasks = tenants.get(tenant).into_iter();
        let tasks = tasks.flat_map(|tasks| tasks.range::<TaskName, _>((from, Bound::Unbounded)));
        let sound = tasks.filter_map(|(task, entry)| match entry {
            Entry::Sound(page) => Some((task.clone(), Arc::clone(&page.summary))),
            Entry::Broken => None,
        });
        sound.take(limit).collect()
    }

    /// The summary of a prompt; `None` where there is none, or its events cannot be read.
    pub fn summary(&self, tenant: &TenantId, task: &TaskName) -> Option<Arc<PromptSummary>> {
        self.page(tenant, task).map(|page| page.summary)
    }

    /// The content of a version, if it is held: that of every version in effect is.
    pub fn content(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        version: u32,
    ) -> Option<Arc<Content>> {
        self.page(tenant, task)?.content(version).cloned()
    }

    /// Whether there is an event of this prompt, one that can be read or one that cannot.
    pub fn knows(&self, tenant: &TenantId, task: &TaskName) -> bool {
        let tenants = self.read();
        tenants
            .get(tenant)
            .is_some_and(|tasks| tasks.contains_key(task))
    }

    /// How many prompts `tenant` has.
    pub fn count(&self, tenant: &TenantId) -> usize {
        self.read().get(tenant).map_or(0, BTreeMap::len)
    }

    /// The canaries that run, and each change to come.
    pub(super) fn canaries(&self) -> watch::Receiver<Canaries> {
        self.canaries.follow()
    }

    pub(super) fn page(&self, tenant: &TenantId, task: &TaskName) -> Option<Page> {
        match self.read().get(tenant)?.get(task)? {
            Entry::Sound(page) => Some(page.clone()),
            Entry::Broken => None,
        }
    }

    /// Takes a page that is newer than the one that is here. An older one changes nothing, so that
    /// two sources may hand over the same events.
    pub(super) fn put(&self, tenant: &TenantId, task: &TaskName, page: Page) {
        let mut tenants = self.write();
        let tasks = tenants.entry(tenant.clone()).or_default();
        if let Some(Entry::Sound(present)) = tasks.get(task)
            && present.summary.revision >= page.summary.revision
        {
            return;
        }
        // While the lock is held, so that the notes are in the order of the pages.
        self.canaries
            .note(tenant, task, page.summary.canary.as_ref());
        tasks.insert(task.clone(), Entry::Sound(page));
    }

    /// Takes a prompt out of service. Whether it was in service before.
    pub(super) fn set_broken(&self, tenant: &TenantId, task: &TaskName) -> bool {
        let mut tenants = self.write();
        let tasks = tenants.entry(tenant.clone()).or_default();
        self.canaries.note(tenant, task, None);
        let before = tasks.insert(task.clone(), Entry::Broken);
        !matches!(before, Some(Entry::Broken))
    }

    // A panic elsewhere leaves whole entries behind, so the lock's poison tells nothing.
    fn read(&self) -> RwLockReadGuard<'_, Tenants> {
        self.tenants.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tenants> {
        self.tenants.write().unwrap_or_else(PoisonError::into_inner)
    }
}
