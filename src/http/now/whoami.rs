//! Who the caller is: what a program needs to know of the key it was given before it shows anything.

use actix_web::HttpResponse;
use punchcard_events::TenantId;
use schemars::JsonSchema;
use serde::Serialize;

use crate::http::dispatch::{Call, OperatorCall};
use crate::http::errors::Problem;
use crate::http::prompts::params;
use crate::keys::Role;

/// The holder of a tenant's key. Nothing of the key is shown but its prefix.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct WhoAmIView {
    /// The tenant.
    tenant: TenantId,
    /// What the tenant is called, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    key: HolderView,
    /// What the key may do, from the least.
    #[schemars(with = "Vec<punchcard_events::tenant::Role>")]
    roles: Vec<Role>,
}

/// An operator.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct OperatorView {
    operator: HolderView,
}

/// A key as it is named.
#[derive(Debug, Serialize, JsonSchema)]
struct HolderView {
    /// Its readable start.
    prefix: String,
    /// Who holds it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// `GET /v1/whoami`
#[expect(clippy::unused_async, reason = "every handler is async")]
pub(super) async fn of_a_key(call: Call) -> Result<HttpResponse, Problem> {
    params::none_in(&call.request)?;
    let caller = call.caller;
    let tenant = call.api.tenants.directory().tenant(&caller.tenant);
    Ok(HttpResponse::Ok().json(WhoAmIView {
        name: tenant.map(|state| state.name.clone()),
        tenant: caller.tenant,
        key: HolderView {
            prefix: caller.key_prefix,
            name: caller.name,
        },
        roles: caller.roles.iter().collect(),
    }))
}

/// `GET /admin/v1/whoami`
#[expect(clippy::unused_async, reason = "every handler is async")]
pub(super) async fn of_an_operator(call: OperatorCall) -> Result<HttpResponse, Problem> {
    params::none_in(&call.request)?;
    Ok(HttpResponse::Ok().json(OperatorView {
        operator: HolderView {
            prefix: call.operator.prefix,
            name: call.operator.name.map(|name| name.as_str().to_owned()),
        },
    }))
}
