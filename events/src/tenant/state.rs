//! What a tenant is after its events.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::event::IssuedKey;
use super::limits::TenantLimits;
use crate::act::Act;
use crate::ids::TaskName;
use crate::time::Timestamp;

/// A tenant as its events have made it. The default is one that never came.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TenantState {
    /// When it came, and by whose doing; `None`: there is no such tenant.
    pub created: Option<Act>,
    /// Its name for people.
    pub name: String,
    /// Whether its keys open nothing for now.
    pub suspended: Option<Suspended>,
    /// How much it may use.
    pub limits: Arc<TenantLimits>,
    /// The web origins of its users' sessions.
    pub origins: Arc<BTreeSet<String>>,
    /// What its hooks' paths are added to.
    pub callback: Option<String>,
    /// The hooks of each task that has any.
    pub hooks: BTreeMap<TaskName, Hooks>,
    /// Every key that was ever issued, by its prefix.
    pub keys: BTreeMap<String, KeyState>,
    /// What the configuration said last.
    pub said: Said,
}

/// Why and since when a tenant's keys open nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suspended {
    /// Why, for people.
    pub reason: String,
    /// When and by whom.
    pub act: Act,
}

/// What a tenant's API is called for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hooks {
    /// The path of the hook that prepares the input.
    pub pre_process: Option<String>,
    /// The path of the hook that persists the answer.
    pub post_process: Option<String>,
}

/// A key and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyState {
    /// The key.
    pub key: IssuedKey,
    /// When it was issued, and by whom.
    pub issued: Act,
    /// The key that took its place, and until when this one holds on beside it.
    pub replaced: Option<Replaced>,
    /// When it was taken back.
    pub revoked: Option<Revoked>,
}

/// What took a key's place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replaced {
    /// The prefix of the key that came.
    pub by: String,
    /// From when on the one that goes opens nothing.
    pub until: Timestamp,
    /// When it was done, and by whom.
    pub act: Act,
}

/// That a key opens nothing any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revoked {
    /// Why, where it was said.
    pub reason: Option<String>,
    /// When and by whom.
    pub act: Act,
}

/// What the configuration said last about each thing, whatever admins have done since. Each is `None`
/// or absent where it never said anything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Said {
    /// The name.
    pub name: Option<String>,
    /// The limits.
    pub limits: Option<Arc<TenantLimits>>,
    /// The origins.
    pub origins: Option<Arc<BTreeSet<String>>>,
    /// The callbacks' base URL, or that there is none.
    pub callback: Option<Option<String>>,
    /// The hooks of a task, or that it has none.
    pub hooks: BTreeMap<TaskName, Hooks>,
}

impl TenantState {
    /// Whether there is such a tenant.
    pub const fn exists(&self) -> bool {
        self.created.is_some()
    }

    /// The keys that open something at `now`, suspended or not.
    pub fn live_keys(&self, now: Timestamp) -> impl Iterator<Item = &KeyState> {
        self.keys.values().filter(move |key| key.is_live(now))
    }
}

impl Hooks {
    /// Whether nothing is called.
    pub const fn is_empty(&self) -> bool {
        self.pre_process.is_none() && self.post_process.is_none()
    }
}

impl KeyState {
    /// Whether it opens anything at `now`, its tenant not being suspended.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.ends_at().is_none_or(|end| now < end)
    }

    /// When it ends by itself: it expires, or its time beside the key in its place is over.
    pub fn ends_at(&self) -> Option<Timestamp> {
        let until = self.replaced.as_ref().map(|replaced| replaced.until);
        match (self.key.expires_at, until) {
            (Some(expires), Some(until)) => Some(expires.min(until)),
            (one, other) => one.or(other),
        }
    }
}
