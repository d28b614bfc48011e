//! The admin API: tenants, their keys and limits, for operators; and what a tenant's own admin may see
//! and do of that.
//!
//! Operators' routes are below `/admin/v1`, on the admin listener alone. A tenant's own are below
//! `/v1`. What may be done is decided by the tenant's aggregate; here it is read, asked and shown.

mod history;
mod keys;
mod own;
mod problems;
pub(super) mod routes;
mod sentence;
mod settings;
mod tag;
mod tenants;
mod view;
mod words;

use std::sync::Arc;

use punchcard_events::tenant::TenantState;
use punchcard_events::{Act, Author, TenantId};

use self::keys::Keeper;
use super::dispatch::OperatorCall;
use super::errors::Problem;

impl OperatorCall {
    /// What the operator does now, as tenants record it.
    fn act(&self) -> Act {
        let operator = &self.operator;
        self.api.tenants.act(Author::Key {
            prefix: operator.prefix.clone(),
            name: operator.name.as_ref().map(|name| name.as_str().to_owned()),
        })
    }

    /// The tenant in the path. A name that no tenant can have is one that no tenant has.
    fn tenant(&self) -> Result<TenantId, Problem> {
        let name = self.request.match_info().get("tenant").unwrap_or_default();
        TenantId::new(name).map_err(|_| Problem::no_such_tenant())
    }

    /// A tenant that must be there.
    fn state(&self, tenant: &TenantId) -> Result<Arc<TenantState>, Problem> {
        let found = self.api.tenants.directory().tenant(tenant);
        found.ok_or_else(Problem::no_such_tenant)
    }

    /// The keys of a tenant, kept by the operator.
    fn keeper<'a>(&'a self, tenant: &'a TenantId) -> Keeper<'a> {
        Keeper {
            api: &self.api,
            tenant,
            act: self.act(),
        }
    }
}
