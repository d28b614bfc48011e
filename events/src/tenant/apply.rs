//! Folding events into the state.

use std::sync::Arc;

use super::event::{IssuedKey, KeyIssued, TenantEvent};
use super::state::{Hooks, KeyState, Replaced, Revoked, Suspended, TenantState};
use crate::act::{Act, Author};
use crate::recorded::Revision;

/// An event that cannot happen to the tenant it met.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event} cannot happen to the tenant as it is")]
pub struct IllegalTransition {
    /// The state, unchanged.
    pub state: TenantState,
    /// The event's type.
    pub event: &'static str,
}

/// A history that no tenant can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the tenant's history breaks at revision {}: {event} cannot happen there", .revision.0)]
pub struct ReplayError {
    /// Where it breaks.
    pub revision: Revision,
    /// The event's type.
    pub event: &'static str,
}

/// The state after a whole history, the first event at revision 0.
///
/// # Errors
/// At the first event that cannot follow the ones before it.
pub fn replay<'a>(
    history: impl IntoIterator<Item = &'a TenantEvent>,
) -> Result<TenantState, ReplayError> {
    let mut state = TenantState::default();
    for (revision, event) in (0..).map(Revision).zip(history) {
        state = apply(state, event).map_err(|illegal| ReplayError {
            revision,
            event: illegal.event,
        })?;
    }
    Ok(state)
}

/// The state after `event`. Total: an event that cannot happen leaves the state as it was.
#[must_use]
pub fn evolve(state: TenantState, event: &TenantEvent) -> TenantState {
    apply(state, event).unwrap_or_else(|illegal| illegal.state)
}

/// The state after `event`.
///
/// # Errors
/// When the event cannot happen to this tenant; the state comes back unchanged.
pub fn apply(
    mut state: TenantState,
    event: &TenantEvent,
) -> Result<TenantState, Box<IllegalTransition>> {
    if !can_happen(&state, event) {
        return Err(Box::new(IllegalTransition {
            state,
            event: event.kind(),
        }));
    }
    match event {
        TenantEvent::TenantCreated(created) => {
            state.created = Some(created.act.clone());
            state.name.clone_from(&created.name);
        }
        TenantEvent::TenantRenamed(renamed) => state.name.clone_from(&renamed.name),
        TenantEvent::TenantSuspended(suspended) => {
            state.suspended = Some(Suspended {
                reason: suspended.reason.clone(),
                act: suspended.act.clone(),
            });
        }
        TenantEvent::TenantResumed(_) => state.suspended = None,
        TenantEvent::LimitsChanged(changed) => state.limits = Arc::new(changed.limits.clone()),
        TenantEvent::OriginsChanged(changed) => state.origins = Arc::new(changed.origins.clone()),
        TenantEvent::CallbackChanged(changed) => state.callback.clone_from(&changed.base_url),
        TenantEvent::HooksChanged(changed) => {
            let hooks = Hooks {
                pre_process: changed.pre_process.clone(),
                post_process: changed.post_process.clone(),
            };
            if hooks.is_empty() {
                state.hooks.remove(&changed.task);
            } else {
                state.hooks.insert(changed.task.clone(), hooks);
            }
        }
        TenantEvent::KeyIssued(issued) => issue(&mut state, &issued.key, &issued.act),
        TenantEvent::KeyRotated(rotated) => {
            issue(&mut state, &rotated.key, &rotated.act);
            if let Some(old) = state.keys.get_mut(&rotated.prefix) {
                old.replaced = Some(Replaced {
                    by: rotated.key.prefix.clone(),
                    until: rotated.until,
                    act: rotated.act.clone(),
                });
            }
        }
        TenantEvent::KeyRevoked(revoked) => {
            if let Some(key) = state.keys.get_mut(&revoked.prefix) {
                key.revoked = Some(Revoked {
                    reason: revoked.reason.clone(),
                    act: revoked.act.clone(),
                });
            }
        }
    }
    if event.act().by == Author::Configuration {
        remember(&mut state, event);
    }
    Ok(state)
}

/// A key that is there already keeps its time, and who issued it.
fn issue(state: &mut TenantState, key: &IssuedKey, act: &Act) {
    let entry = state.keys.entry(key.prefix.clone());
    let known = entry.or_insert_with(|| KeyState {
        key: key.clone(),
        issued: act.clone(),
        replaced: None,
        revoked: None,
    });
    known.key = key.clone();
}

/// Notes what the configuration said. What it said of keys is told by who issued them.
fn remember(state: &mut TenantState, event: &TenantEvent) {
    let said = &mut state.said;
    match event {
        TenantEvent::TenantCreated(created) => said.name = Some(created.name.clone()),
        TenantEvent::TenantRenamed(renamed) => said.name = Some(renamed.name.clone()),
        TenantEvent::LimitsChanged(_) => said.limits = Some(Arc::clone(&state.limits)),
        TenantEvent::OriginsChanged(_) => said.origins = Some(Arc::clone(&state.origins)),
        TenantEvent::CallbackChanged(_) => said.callback = Some(state.callback.clone()),
        TenantEvent::HooksChanged(changed) => {
            let hooks = state.hooks.get(&changed.task).cloned();
            said.hooks
                .insert(changed.task.clone(), hooks.unwrap_or_default());
        }
        TenantEvent::TenantSuspended(_)
        | TenantEvent::TenantResumed(_)
        | TenantEvent::KeyIssued(_)
        | TenantEvent::KeyRotated(_)
        | TenantEvent::KeyRevoked(_) => {}
    }
}

fn can_happen(state: &TenantState, event: &TenantEvent) -> bool {
    match event {
        TenantEvent::TenantCreated(_) => !state.exists(),
        TenantEvent::TenantRenamed(_)
        | TenantEvent::TenantSuspended(_)
        | TenantEvent::LimitsChanged(_)
        | TenantEvent::OriginsChanged(_)
        | TenantEvent::CallbackChanged(_)
        | TenantEvent::HooksChanged(_) => state.exists(),
        TenantEvent::TenantResumed(_) => state.suspended.is_some(),
        TenantEvent::KeyIssued(issued) => state.exists() && can_issue(state, issued),
        TenantEvent::KeyRotated(rotated) => {
            let old = state.keys.get(&rotated.prefix);
            old.is_some_and(|old| old.revoked.is_none() && old.replaced.is_none())
                && !state.keys.contains_key(&rotated.key.prefix)
        }
        TenantEvent::KeyRevoked(revoked) => {
            let key = state.keys.get(&revoked.prefix);
            key.is_some_and(|key| key.revoked.is_none())
        }
    }
}

/// A prefix names one key for ever. The same key may be named again, with other roles.
fn can_issue(state: &TenantState, issued: &KeyIssued) -> bool {
    let known = state.keys.get(&issued.key.prefix);
    known.is_none_or(|known| known.key.sha256 == issued.key.sha256 && known.revoked.is_none())
}
