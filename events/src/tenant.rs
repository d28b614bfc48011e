//! The tenant aggregate: a company with its keys, limits and settings, as what was decided about it.
//!
//! All of a tenant is one stream, `tenant-<tenant>`: short, since people cause its events. Keys stand in
//! it as prefix and hash, never as themselves, and secrets not at all.
//!
//! [`decide`] turns a command into events and [`evolve`] folds an event into the state, as for tickets:
//!
//! ```
//! use punchcard_events::tenant::*;
//! # use serde_json::{from_value, json};
//! # let act: punchcard_events::Act =
//! #     from_value(json!({ "at": "2026-11-23T10:44:30.000Z", "by": "configuration" }))?;
//! # let key: IssuedKey = from_value(json!({
//! #     "prefix": "pk_live_0a1b2c3d", "sha256": "0".repeat(64), "roles": ["issuer"],
//! # }))?;
//! let prefix = key.prefix.clone();
//! let mut tenant = TenantState::default();
//! for command in [
//!     Command::Create { name: "OneHour".to_owned(), act: act.clone() },
//!     Command::IssueKey { key, act: act.clone() },
//!     Command::RevokeKey { prefix: prefix.clone(), reason: None, act: act.clone() },
//! ] {
//!     // The events are stored here, before they change anything.
//!     for event in decide(&tenant, command)? {
//!         tenant = evolve(tenant, &event);
//!     }
//! }
//! assert!(!tenant.keys[&prefix].is_live(act.at));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Two voices speak about a tenant: its admins, and the configuration at each start. What the
//! configuration said last is remembered ([`Said`]), so that a start repeats nothing that admins have
//! changed since, and still says what is new.
//!
//! Not here: what a key itself looks like, whether a callback's address may be called (the edge knows),
//! and whether another tenant's key has the same prefix (that takes all tenants).

mod apply;
mod codec;
mod command;
mod decide;
mod event;
mod forms;
mod keys;
pub mod limits;
mod rejection;
mod state;

pub use apply::{IllegalTransition, ReplayError, apply, evolve, replay};
pub use command::Command;
pub use decide::decide;
pub use event::{
    CallbackChanged, HooksChanged, IssuedKey, KeyIssued, KeyRevoked, KeyRotated, LimitsChanged,
    OriginsChanged, Role, TenantCreated, TenantEvent, TenantRenamed, TenantResumed,
    TenantSuspended,
};
pub use forms::{NO_ORIGIN, is_key_prefix, is_origin};
pub use limits::{Budget, Limits, MicroUsd, TenantLimits};
pub use rejection::Rejection;
pub use state::{Hooks, KeyState, Replaced, Revoked, Said, Suspended, TenantState};
