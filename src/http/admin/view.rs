//! Tenants and keys as the API shows them. Nothing of a key is ever shown but its prefix, except in the
//! one answer that makes it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use punchcard_events::tenant::{Hooks, KeyState, Role, TenantLimits, TenantState};
use punchcard_events::{Act, TaskName, TenantId, Timestamp};
use serde::Serialize;

use super::tag;
use crate::http::prompts::view::ByView;

/// A page of tenants.
#[derive(Debug, Serialize)]
pub(super) struct TenantPage {
    pub(super) tenants: Vec<TenantLine>,
    /// What `after` is for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<TenantId>,
}

/// A tenant in a list.
#[derive(Debug, Serialize)]
pub(super) struct TenantLine {
    tenant: TenantId,
    name: String,
    created: Option<DoneView>,
    suspended: Option<SuspendedView>,
    active_keys: usize,
}

/// A tenant, whole. What there is not is `null`, so that its fields are always the same.
#[derive(Debug, Serialize)]
pub(super) struct TenantView {
    #[serde(flatten)]
    line: TenantLine,
    /// What a change of the settings is made from: the entity tag, without its quotes.
    etag: String,
    #[serde(flatten)]
    settings: SettingsView,
}

/// A tenant as its own people see it.
#[derive(Debug, Serialize)]
pub(super) struct OwnView {
    tenant: TenantId,
    name: String,
    #[serde(flatten)]
    settings: SettingsView,
}

/// What is set for a tenant.
#[derive(Debug, Serialize)]
struct SettingsView {
    limits: Arc<TenantLimits>,
    origins: Arc<BTreeSet<String>>,
    callback: Option<CallbackView>,
    hooks: BTreeMap<TaskName, HooksView>,
}

#[derive(Debug, Serialize)]
struct CallbackView {
    base_url: String,
}

#[derive(Debug, Serialize)]
struct HooksView {
    pre_process: Option<String>,
    post_process: Option<String>,
}

/// When something was done, and by whom.
#[derive(Debug, Serialize)]
struct DoneView {
    at: Timestamp,
    by: ByView,
}

#[derive(Debug, Serialize)]
struct SuspendedView {
    reason: String,
    #[serde(flatten)]
    done: DoneView,
}

impl TenantLine {
    /// `now` tells which of its keys still open something.
    pub(super) fn of(tenant: TenantId, state: &TenantState, now: Timestamp) -> Self {
        Self {
            tenant,
            name: state.name.clone(),
            created: state.created.as_ref().map(DoneView::from),
            suspended: state.suspended.as_ref().map(|suspended| SuspendedView {
                reason: suspended.reason.clone(),
                done: (&suspended.act).into(),
            }),
            active_keys: state.live_keys(now).count(),
        }
    }
}

impl TenantView {
    /// The same as a line, with the settings.
    pub(super) fn of(tenant: TenantId, state: &TenantState, now: Timestamp) -> Self {
        Self {
            line: TenantLine::of(tenant, state, now),
            etag: tag::of(state),
            settings: state.into(),
        }
    }
}

impl TenantView {
    /// The entity tag of its settings, without quotes.
    pub(super) fn etag(&self) -> &str {
        &self.etag
    }
}

impl OwnView {
    /// The caller's own tenant.
    pub(super) fn of(tenant: TenantId, state: &TenantState) -> Self {
        Self {
            tenant,
            name: state.name.clone(),
            settings: state.into(),
        }
    }
}

impl From<&TenantState> for SettingsView {
    fn from(state: &TenantState) -> Self {
        let hooks = state.hooks.iter();
        let callback = state.callback.as_ref();
        Self {
            limits: Arc::clone(&state.limits),
            origins: Arc::clone(&state.origins),
            callback: callback.map(|base_url| CallbackView {
                base_url: base_url.clone(),
            }),
            hooks: hooks
                .map(|(task, hooks)| (task.clone(), hooks.into()))
                .collect(),
        }
    }
}

impl From<&Hooks> for HooksView {
    fn from(hooks: &Hooks) -> Self {
        Self {
            pre_process: hooks.pre_process.clone(),
            post_process: hooks.post_process.clone(),
        }
    }
}

impl From<&Act> for DoneView {
    fn from(act: &Act) -> Self {
        Self {
            at: act.at,
            by: (&act.by).into(),
        }
    }
}

/// A page of keys.
#[derive(Debug, Serialize)]
pub(super) struct KeyPage {
    pub(super) keys: Vec<KeyView>,
    /// What `after` is for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

/// A key: everything but the key itself.
#[derive(Debug, Serialize)]
pub(super) struct KeyView {
    pub(super) prefix: String,
    name: Option<String>,
    roles: BTreeSet<Role>,
    state: KeyStanding,
    issued: DoneView,
    /// When it opens nothing any more by itself.
    ends_at: Option<Timestamp>,
    replaced_by: Option<String>,
    revoked: Option<RevokedView>,
}

/// Whether a key opens anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum KeyStanding {
    /// It does.
    Active,
    /// It does, beside the one in its place, for a while.
    Ending,
    /// Its time is over.
    Expired,
    /// It was taken back.
    Revoked,
}

#[derive(Debug, Serialize)]
struct RevokedView {
    reason: Option<String>,
    #[serde(flatten)]
    done: DoneView,
}

impl KeyView {
    /// A key as it is at `now`.
    pub(super) fn of(state: &KeyState, now: Timestamp) -> Self {
        let key = &state.key;
        let revoked = state.revoked.as_ref();
        let replaced = state.replaced.as_ref();
        Self {
            prefix: key.prefix.clone(),
            name: key.name.clone(),
            roles: key.roles.clone(),
            state: standing(state, now),
            issued: (&state.issued).into(),
            ends_at: state.ends_at(),
            replaced_by: replaced.map(|replaced| replaced.by.clone()),
            revoked: revoked.map(|revoked| RevokedView {
                reason: revoked.reason.clone(),
                done: (&revoked.act).into(),
            }),
        }
    }
}

fn standing(state: &KeyState, now: Timestamp) -> KeyStanding {
    match (&state.revoked, state.is_live(now), &state.replaced) {
        (Some(_), _, _) => KeyStanding::Revoked,
        (None, false, _) => KeyStanding::Expired,
        (None, true, Some(_)) => KeyStanding::Ending,
        (None, true, None) => KeyStanding::Active,
    }
}

/// A key that was just made: the only time that it is shown.
#[derive(Serialize)]
pub(super) struct MadeView {
    pub(super) key: String,
    #[serde(flatten)]
    pub(super) view: KeyView,
}
