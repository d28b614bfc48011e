//! Commands to events: the only place that says yes or no. What is true already is no event, unless it
//! is the configuration that says it for the first time: then it is remembered as said.

use std::collections::BTreeSet;

use super::command::Command;
use super::event::{
    CallbackChanged, HooksChanged, LimitsChanged, OriginsChanged, TenantCreated, TenantEvent,
    TenantRenamed, TenantResumed, TenantSuspended,
};
use super::limits::{MAX_HOOKED_TASKS, MAX_ORIGINS, TenantLimits};
use super::rejection::Rejection;
use super::state::{Hooks, TenantState};
use super::{forms, keys};
use crate::act::{Act, Author};
use crate::ids::TaskName;

type Decided = Result<Vec<TenantEvent>, Rejection>;

/// What `command` leads to. An empty list means that it is so already.
///
/// # Errors
/// When the command does not fit the tenant as it is.
pub fn decide(state: &TenantState, command: Command) -> Decided {
    if let Command::Create { name, act } = command {
        return create(state, name, act);
    }
    if !state.exists() {
        return Err(Rejection::NoTenant);
    }
    match command {
        // Decided above.
        Command::Create { .. } => Err(Rejection::TenantExists),
        Command::Rename { name, act } => rename(state, name, act),
        Command::Suspend { reason, act } => suspend(state, reason, act),
        Command::Resume { act } => {
            let resumed = TenantEvent::TenantResumed(TenantResumed { act });
            Ok(state.suspended.iter().map(|_| resumed.clone()).collect())
        }
        Command::SetLimits { limits, act } => set_limits(state, limits, act),
        Command::SetOrigins { origins, act } => set_origins(state, origins, act),
        Command::SetCallback { base_url, act } => set_callback(state, base_url, act),
        Command::SetHooks {
            task,
            pre_process,
            post_process,
            act,
        } => {
            let hooks = Hooks {
                pre_process,
                post_process,
            };
            set_hooks(state, task, hooks, act)
        }
        Command::IssueKey { key, act } => keys::issue(state, key, act),
        Command::RotateKey {
            prefix,
            key,
            until,
            act,
        } => keys::rotate(state, prefix, key, until, act),
        Command::RevokeKey {
            prefix,
            reason,
            act,
        } => keys::revoke(state, prefix, reason, act),
    }
}

/// Whether nothing is to be recorded: it is so, and nobody is saying it for the first time.
fn settled(is_so: bool, was_said: bool, act: &Act) -> bool {
    is_so && (was_said || act.by != Author::Configuration)
}

fn create(state: &TenantState, name: String, act: Act) -> Decided {
    if state.exists() {
        return Err(Rejection::TenantExists);
    }
    forms::name(&name)?;
    Ok(vec![TenantEvent::TenantCreated(TenantCreated {
        name,
        act,
    })])
}

fn rename(state: &TenantState, name: String, act: Act) -> Decided {
    let said = state.said.name.as_ref() == Some(&name);
    if settled(state.name == name, said, &act) {
        return Ok(vec![]);
    }
    forms::name(&name)?;
    Ok(vec![TenantEvent::TenantRenamed(TenantRenamed {
        name,
        act,
    })])
}

fn suspend(state: &TenantState, reason: String, act: Act) -> Decided {
    let present = state.suspended.as_ref();
    if present.is_some_and(|suspended| suspended.reason == reason) {
        return Ok(vec![]);
    }
    forms::reason(&reason)?;
    let suspended = TenantSuspended { reason, act };
    Ok(vec![TenantEvent::TenantSuspended(suspended)])
}

fn set_limits(state: &TenantState, limits: TenantLimits, act: Act) -> Decided {
    let said = state.said.limits.as_deref() == Some(&limits);
    if settled(*state.limits == limits, said, &act) {
        return Ok(vec![]);
    }
    limits.check()?;
    let changed = LimitsChanged { limits, act };
    Ok(vec![TenantEvent::LimitsChanged(changed)])
}

fn set_origins(state: &TenantState, origins: BTreeSet<String>, act: Act) -> Decided {
    let said = state.said.origins.as_deref() == Some(&origins);
    if settled(*state.origins == origins, said, &act) {
        return Ok(vec![]);
    }
    if origins.len() > MAX_ORIGINS {
        let (what, max) = ("origins", MAX_ORIGINS);
        return Err(Rejection::TooMany { what, max });
    }
    origins
        .iter()
        .try_for_each(|origin| forms::origin(origin))?;
    let changed = OriginsChanged { origins, act };
    Ok(vec![TenantEvent::OriginsChanged(changed)])
}

fn set_callback(state: &TenantState, base_url: Option<String>, act: Act) -> Decided {
    let said = state.said.callback.as_ref() == Some(&base_url);
    if settled(state.callback == base_url, said, &act) {
        return Ok(vec![]);
    }
    match &base_url {
        Some(url) => forms::base_url(url)?,
        None if !state.hooks.is_empty() => {
            let tasks = state.hooks.len();
            return Err(Rejection::HooksRemain { tasks });
        }
        None => {}
    }
    let changed = CallbackChanged { base_url, act };
    Ok(vec![TenantEvent::CallbackChanged(changed)])
}

fn set_hooks(state: &TenantState, task: TaskName, hooks: Hooks, act: Act) -> Decided {
    let none = Hooks::default();
    let present = state.hooks.get(&task);
    let said = state.said.hooks.get(&task) == Some(&hooks);
    if settled(present.unwrap_or(&none) == &hooks, said, &act) {
        return Ok(vec![]);
    }
    let paths = hooks.pre_process.iter().chain(&hooks.post_process);
    paths
        .into_iter()
        .try_for_each(|path| forms::hook_path(path))?;
    if !hooks.is_empty() && state.callback.is_none() {
        return Err(Rejection::NoCallback);
    }
    if present.is_none() && state.hooks.len() >= MAX_HOOKED_TASKS {
        let (what, max) = ("tasks with hooks", MAX_HOOKED_TASKS);
        return Err(Rejection::TooMany { what, max });
    }
    let Hooks {
        pre_process,
        post_process,
    } = hooks;
    Ok(vec![TenantEvent::HooksChanged(HooksChanged {
        task,
        pre_process,
        post_process,
        act,
    })])
}
