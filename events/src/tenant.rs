//! The tenant aggregate: a company with its keys, limits and settings, as what was decided about it.
//!
//! All of a tenant is one stream, `tenant-<tenant>`: short, since people cause its events. Keys stand in
//! it as prefix and hash, never as themselves, and secrets not at all.

mod event;
mod limits;

pub use event::{
    CallbackChanged, HooksChanged, IssuedKey, KeyIssued, KeyRevoked, KeyRotated, LimitsChanged,
    OriginsChanged, Role, TenantCreated, TenantEvent, TenantRenamed, TenantResumed,
    TenantSuspended,
};
pub use limits::{Budget, Limits, MicroUsd, TenantLimits};
