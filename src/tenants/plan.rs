//! What is new in the configuration about one tenant, as commands. Pure.

use std::collections::{BTreeMap, BTreeSet};

use punchcard_events::tenant::{
    Command, Hooks, IssuedKey, Role as StoredRole, TenantLimits, TenantState,
};
use punchcard_events::{Act, Author, TaskName};

use crate::config::{Tenant, TenantKey};
use crate::keys::Role;

/// The most that fits what the store holds; the configuration's own type is wider.
const MOST_TICKETS: u32 = u32::MAX;

/// Why a key goes that the configuration does not list any more.
const NOT_LISTED: &str = "The configuration does not list it any more.";

/// What is to be done, in this order: one thing may need another.
pub(super) fn of(configured: &Tenant, state: &TenantState, act: &Act) -> Vec<Command> {
    let mut commands = Vec::from_iter(name(configured, state, act));
    commands.extend(limits(configured, state, act));
    commands.extend(origins(configured, state, act));
    commands.extend(callback_and_hooks(configured, state, act));
    let listed: BTreeSet<_> = configured
        .keys
        .iter()
        .map(|key| key.prefix.as_str())
        .collect();
    commands.extend(revoked(state, &listed, act));
    commands.extend(
        configured
            .keys
            .iter()
            .filter_map(|key| issued(key, state, act)),
    );
    commands
}

/// What is to be done about a tenant that the configuration does not name (any more).
pub(super) fn of_nothing(state: &TenantState, act: &Act) -> Vec<Command> {
    revoked(state, &BTreeSet::new(), act)
}

fn name(configured: &Tenant, state: &TenantState, act: &Act) -> Option<Command> {
    let (name, act) = (configured.name.trim().to_owned(), act.clone());
    if !state.exists() {
        return Some(Command::Create { name, act });
    }
    let is_new = state.said.name.as_ref() != Some(&name);
    is_new.then_some(Command::Rename { name, act })
}

/// With a table of limits the configuration speaks of all of them, without one only of the open tickets.
fn limits(configured: &Tenant, state: &TenantState, act: &Act) -> Option<Command> {
    let open = configured.max_open_tickets.map(|most| {
        let most = u32::try_from(most.get());
        most.unwrap_or(MOST_TICKETS)
    });
    let said = state.said.limits.as_deref();
    let limits = match &configured.limits {
        Some(limits) => {
            let mut limits = limits.clone();
            limits.all.concurrent_tickets = open.or(limits.all.concurrent_tickets);
            (said != Some(&limits)).then_some(limits)?
        }
        None => {
            let said = said.and_then(|said| said.all.concurrent_tickets);
            (said != open).then_some(())?;
            let mut limits = TenantLimits::clone(&state.limits);
            limits.all.concurrent_tickets = open;
            limits
        }
    };
    let act = act.clone();
    Some(Command::SetLimits { limits, act })
}

fn origins(configured: &Tenant, state: &TenantState, act: &Act) -> Option<Command> {
    let origins: BTreeSet<_> = configured.allowed_origins.iter().cloned().collect();
    let said = state.said.origins.as_deref();
    let is_new = said.map_or(!origins.is_empty(), |said| *said != origins);
    let act = act.clone();
    is_new.then_some(Command::SetOrigins { origins, act })
}

/// An address comes before the hooks that need it, and goes after them.
fn callback_and_hooks(configured: &Tenant, state: &TenantState, act: &Act) -> Vec<Command> {
    let hooks = hooks(configured, state, act);
    let base_url = configured
        .callback
        .as_ref()
        .map(|target| target.base_url.to_string());
    let said = state.said.callback.clone().flatten();
    // An admin may have taken away what new hooks of the configuration need.
    let is_needed = !hooks.is_empty() && state.callback.is_none() && base_url.is_some();
    let callback = (said != base_url || is_needed).then(|| Command::SetCallback {
        base_url: base_url.clone(),
        act: act.clone(),
    });
    let (first, last) = if base_url.is_some() {
        (callback, None)
    } else {
        (None, callback)
    };
    first.into_iter().chain(hooks).chain(last).collect()
}

fn hooks(configured: &Tenant, state: &TenantState, act: &Act) -> Vec<Command> {
    let mut wanted: BTreeMap<&TaskName, Hooks> = BTreeMap::new();
    for (task, hooks) in &state.said.hooks {
        if !hooks.is_empty() {
            wanted.insert(task, Hooks::default());
        }
    }
    for (name, task) in &configured.tasks {
        let hooks = Hooks {
            pre_process: task.pre_process.clone(),
            post_process: task.post_process.clone(),
        };
        if !hooks.is_empty() {
            wanted.insert(name, hooks);
        }
    }
    let is_new = |task: &TaskName, hooks: &Hooks| state.said.hooks.get(task) != Some(hooks);
    let new = wanted
        .into_iter()
        .filter(|(task, hooks)| is_new(task, hooks));
    new.map(|(task, hooks)| Command::SetHooks {
        task: task.clone(),
        pre_process: hooks.pre_process,
        post_process: hooks.post_process,
        act: act.clone(),
    })
    .collect()
}

/// Keys that the configuration issued, and does not list now.
fn revoked(state: &TenantState, listed: &BTreeSet<&str>, act: &Act) -> Vec<Command> {
    let gone = state.keys.iter().filter(|(prefix, known)| {
        known.issued.by == Author::Configuration
            && known.revoked.is_none()
            && !listed.contains(prefix.as_str())
    });
    gone.map(|(prefix, _)| Command::RevokeKey {
        prefix: prefix.clone(),
        reason: Some(NOT_LISTED.to_owned()),
        act: act.clone(),
    })
    .collect()
}

/// A key that is to be let in. One that was revoked stays that, and one that an admin issued or rotated
/// is the admin's.
fn issued(listed: &TenantKey, state: &TenantState, act: &Act) -> Option<Command> {
    let mut key = IssuedKey {
        prefix: listed.prefix.clone(),
        sha256: listed.sha256.to_string(),
        name: listed.name.as_ref().map(|name| name.as_str().to_owned()),
        roles: listed.roles.iter().map(stored_role).collect(),
        expires_at: None,
    };
    if let Some(known) = state.keys.get(&listed.prefix)
        && known.key.sha256 == key.sha256
    {
        let prefix = &listed.prefix;
        if known.revoked.is_some() {
            tracing::warn!(
                prefix,
                "the configuration lists a key that was revoked; it stays revoked, so take it out"
            );
            return None;
        }
        if known.issued.by != Author::Configuration {
            return None;
        }
        key.expires_at = known.key.expires_at;
    }
    let act = act.clone();
    Some(Command::IssueKey { key, act })
}

/// How a role is stored.
const fn stored_role(role: Role) -> StoredRole {
    match role {
        Role::Issuer => StoredRole::Issuer,
        Role::Viewer => StoredRole::Viewer,
        Role::Planner => StoredRole::Planner,
        Role::Publisher => StoredRole::Publisher,
        Role::Admin => StoredRole::Admin,
    }
}
