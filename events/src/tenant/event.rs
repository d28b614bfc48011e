//! What can happen to a tenant. These shapes are stored for ever: a change is a new schema version
//! with an upcaster, and a golden file stands for every version ever shipped.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::limits::TenantLimits;
use crate::act::Act;
use crate::ids::TaskName;
use crate::time::Timestamp;

/// One event of a tenant's life.
#[derive(Debug, Clone, PartialEq)]
pub enum TenantEvent {
    /// A company came.
    TenantCreated(TenantCreated),
    /// It is called something else.
    TenantRenamed(TenantRenamed),
    /// Its keys open nothing for now.
    TenantSuspended(TenantSuspended),
    /// They do again.
    TenantResumed(TenantResumed),
    /// How much it may use changed.
    LimitsChanged(LimitsChanged),
    /// The web origins of its users' sessions changed.
    OriginsChanged(OriginsChanged),
    /// Where its own API is changed.
    CallbackChanged(CallbackChanged),
    /// What is called for one of its tasks changed.
    HooksChanged(HooksChanged),
    /// A key was issued.
    KeyIssued(KeyIssued),
    /// A key was issued in place of another, which holds on for a while.
    KeyRotated(KeyRotated),
    /// A key opens nothing any more.
    KeyRevoked(KeyRevoked),
}

/// Body of `TenantCreated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantCreated {
    /// Its name for people.
    pub name: String,
    /// When and by whom.
    pub act: Act,
}

/// Body of `TenantRenamed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantRenamed {
    /// Its new name for people.
    pub name: String,
    /// When and by whom.
    pub act: Act,
}

/// Body of `TenantSuspended`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantSuspended {
    /// Why, for people: the tenant is told.
    pub reason: String,
    /// When and by whom.
    pub act: Act,
}

/// Body of `TenantResumed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TenantResumed {
    /// When and by whom.
    pub act: Act,
}

/// Body of `LimitsChanged`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitsChanged {
    /// All of them, as they are now.
    pub limits: TenantLimits,
    /// When and by whom.
    pub act: Act,
}

/// Body of `OriginsChanged`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginsChanged {
    /// All of them, as they are now.
    pub origins: BTreeSet<String>,
    /// When and by whom.
    pub act: Act,
}

/// Body of `CallbackChanged`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackChanged {
    /// What the hooks' paths are added to; absent where it has no API any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// When and by whom.
    pub act: Act,
}

/// Body of `HooksChanged`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HooksChanged {
    /// The task.
    pub task: TaskName,
    /// The path of the hook that prepares the input.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pre_process: Option<String>,
    /// The path of the hook that persists the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post_process: Option<String>,
    /// When and by whom.
    pub act: Act,
}

/// What the holder of a key works as. The order is the stored one of their names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "KeyRole")
)]
pub enum Role {
    /// May do everything for its tenant.
    Admin,
    /// The tenant's backend.
    Issuer,
    /// Writes, tests and publishes prompts.
    Planner,
    /// Decides what reaches users.
    Publisher,
    /// Reads.
    Viewer,
}

/// A key as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedKey {
    /// Its readable start, which names it: no two keys that were ever issued share one.
    pub prefix: String,
    /// SHA-256 of the whole key, in hexadecimal.
    pub sha256: String,
    /// Who holds it, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What its holder may do.
    pub roles: BTreeSet<Role>,
    /// From when on it opens nothing; absent: until it is revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
}

/// Body of `KeyIssued`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyIssued {
    /// The key.
    pub key: IssuedKey,
    /// When and by whom.
    pub act: Act,
}

/// Body of `KeyRotated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRotated {
    /// The prefix of the key that goes.
    pub prefix: String,
    /// From when on it opens nothing.
    pub until: Timestamp,
    /// The key that comes in its place, with its name and roles.
    pub key: IssuedKey,
    /// When and by whom.
    pub act: Act,
}

/// Body of `KeyRevoked`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRevoked {
    /// The key's prefix.
    pub prefix: String,
    /// Why, where it was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When and by whom.
    pub act: Act,
}
