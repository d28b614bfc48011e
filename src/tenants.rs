//! The configured tenants, brought into the event store at each start.
//!
//! What `[tenants]` says is compared with what the store has, and what is new in it is done as an
//! operator would, with the configuration as its author. A tenant's state remembers what the
//! configuration said last, so that what admins have changed since then through the API stays, until the
//! configuration says something else about the same thing. A key that was ever revoked never comes back;
//! a key that the configuration issued and no longer lists is revoked.
//!
//! Not here: callbacks' secrets and the settings of tasks but their hooks, which stay in the
//! configuration, and prompts (`tasks/adoption.rs`).

mod plan;
#[cfg(test)]
mod tests;

use punchcard_actors::tenants::{Directory, TenantError, Tenants};
use punchcard_events::tenant::{Command, Rejection, TenantState, decide, evolve};
use punchcard_events::{Act, Author, TenantId, Timestamp};

use crate::config::Config;

/// What the configuration says of a tenant could not be done.
#[derive(Debug, thiserror::Error)]
#[error("what the configuration says about tenant `{tenant}` cannot be done: {source}{remedy}", remedy = advice(.source))]
pub struct ProvisionError {
    tenant: TenantId,
    source: TenantError,
}

fn advice(error: &TenantError) -> String {
    match error {
        TenantError::Rejected(rejection) => format!(". {}", rejection.remedy()),
        TenantError::TooManyTenants { .. }
        | TenantError::Changed
        | TenantError::Conflict
        | TenantError::Unavailable(_)
        | TenantError::OutcomeUnknown(_)
        | TenantError::Damaged(_) => String::new(),
    }
}

/// Does what is new in the configuration. A tenant whose stored events cannot be read is left alone.
///
/// # Errors
/// When the configuration contradicts what was done before, such as with the prefix of another tenant's
/// key; when the store takes or gives nothing now.
pub async fn provision(config: &Config, tenants: &Tenants) -> Result<(), ProvisionError> {
    for (tenant, configured) in &config.tenants {
        let state = tenants.directory().tenant(tenant);
        if state.is_none() && tenants.directory().knows(tenant) {
            tracing::error!(%tenant, "a configured tenant is out of service; it is left as it is");
            continue;
        }
        let state = state.unwrap_or_default();
        let act = tenants.act(Author::Configuration);
        for command in plan::of(configured, &state, &act) {
            execute(tenants, tenant, command).await?;
        }
    }
    for (tenant, state) in tenants.directory().all() {
        if !config.tenants.contains_key(&tenant) {
            let act = tenants.act(Author::Configuration);
            for command in plan::of_nothing(&state, &act) {
                execute(tenants, &tenant, command).await?;
            }
        }
    }
    for tenant in left_to_derived_secrets(config, tenants.directory()) {
        tracing::warn!(%tenant, "the configuration no longer has the callback of this tenant, and its secrets with it, but its hooks remain: their calls are signed with a secret that is derived for the tenant; give the callback back, remove the hooks, or have the receiver take the derived secret");
    }
    Ok(())
}

/// Tenants whose callback was configured before, with secrets, and whose hooks are called without them.
fn left_to_derived_secrets(config: &Config, directory: &Directory) -> Vec<TenantId> {
    let is_configured = |tenant: &TenantId| {
        let configured = config.tenants.get(tenant);
        configured.is_some_and(|tenant| tenant.callback.is_some())
    };
    let all = directory.all().into_iter().filter(|(tenant, state)| {
        let was_configured = matches!(state.said.callback, Some(Some(_)));
        let is_called = state.callback.is_some() && !state.hooks.is_empty();
        was_configured && is_called && !is_configured(tenant)
    });
    all.map(|(tenant, _)| tenant).collect()
}

async fn execute(
    tenants: &Tenants,
    tenant: &TenantId,
    command: Command,
) -> Result<(), ProvisionError> {
    match tenants.execute(tenant, command).await {
        Ok(_) => Ok(()),
        // Admins have given it more hooks, and those need the address.
        Err(TenantError::Rejected(Rejection::HooksRemain { tasks })) => {
            tracing::warn!(%tenant, tasks, "the configuration has no callback any more, but tasks have hooks that were set since; the callback stays");
            Ok(())
        }
        // Admins have filled the tenant up. They must not be able to keep everybody else from a start.
        Err(TenantError::Rejected(rejection @ Rejection::TooMany { .. })) => {
            let remedy = rejection.remedy();
            tracing::error!(%tenant, %rejection, remedy, "something that the configuration says is not in effect");
            Ok(())
        }
        Err(source) => Err(ProvisionError {
            tenant: tenant.clone(),
            source,
        }),
    }
}

/// The tenants as a first start with this configuration makes them, without a store.
///
/// # Errors
/// As [`provision`].
pub fn as_configured(config: &Config) -> Result<Directory, ProvisionError> {
    let (at, by) = (Timestamp::default(), Author::Configuration);
    let act = Act { at, by };
    let made = config.tenants.iter().map(|(tenant, configured)| {
        let mut state = TenantState::default();
        for command in plan::of(configured, &state, &act) {
            let events = decide(&state, command).map_err(|rejection| ProvisionError {
                tenant: tenant.clone(),
                source: rejection.into(),
            })?;
            state = events.iter().fold(state, evolve);
        }
        Ok((tenant.clone(), state))
    });
    Ok(Directory::of(made.collect::<Result<Vec<_>, _>>()?))
}
