//! The routes, and who may use them.

use actix_web::http::Method;

use super::{history, keys, own, settings, tenants};
use crate::http::prompts::params;
use crate::http::routes::{Access, Route, route};
use crate::keys::{Role, Roles};

/// Who may look at what a tenant is.
const VIEWERS: Roles = Roles::of(&[Role::Viewer]);
/// Who keeps a tenant's keys.
const ADMINS: Roles = Roles::of(&[Role::Admin]);

/// A route for operators.
macro_rules! operator {
    ($method:ident, $path:literal, $handler:path) => {
        route(
            Method::$method,
            concat!("/admin/v1", $path),
            Access::Operator(|call| Box::pin($handler(call))),
        )
    };
}

/// Such a route that takes no parameters.
macro_rules! plain {
    ($method:ident, $path:literal, $handler:path) => {
        route(
            Method::$method,
            concat!("/admin/v1", $path),
            Access::Operator(|call| {
                Box::pin(async move {
                    params::none_in(&call.request)?;
                    $handler(call).await
                })
            }),
        )
    };
}

/// The operators' table.
pub(in crate::http) static TABLE: &[Route] = &[
    operator!(GET, "/tenants", tenants::list),
    plain!(POST, "/tenants", tenants::create),
    plain!(GET, "/tenants/{tenant}", tenants::read),
    plain!(PUT, "/tenants/{tenant}/name", tenants::rename),
    plain!(POST, "/tenants/{tenant}/suspend", tenants::suspend),
    plain!(POST, "/tenants/{tenant}/resume", tenants::resume),
    plain!(PUT, "/tenants/{tenant}/limits", settings::limits),
    plain!(PUT, "/tenants/{tenant}/origins", settings::origins),
    plain!(PUT, "/tenants/{tenant}/callback", settings::callback),
    plain!(PUT, "/tenants/{tenant}/hooks/{task}", settings::hooks),
    operator!(GET, "/tenants/{tenant}/history", history::read),
    operator!(GET, "/tenants/{tenant}/keys", keys::list),
    plain!(POST, "/tenants/{tenant}/keys", keys::issue),
    plain!(POST, "/tenants/{tenant}/keys/{prefix}/rotate", keys::rotate),
    plain!(POST, "/tenants/{tenant}/keys/{prefix}/revoke", keys::revoke),
];

/// A route for a tenant's own people that takes no parameters.
macro_rules! own {
    ($method:ident, $path:literal, $roles:expr, $handler:path) => {
        route(
            Method::$method,
            $path,
            Access::Key($roles, |call| {
                Box::pin(async move {
                    params::none_in(&call.request)?;
                    $handler(call).await
                })
            }),
        )
    };
}

/// What a tenant may see and do of itself, by its own admin.
pub(in crate::http) static OWN: &[Route] = &[
    own!(GET, "/v1/tenant", VIEWERS, own::read),
    route(
        Method::GET,
        "/v1/keys",
        Access::Key(ADMINS, |call| Box::pin(own::list(call))),
    ),
    own!(POST, "/v1/keys", ADMINS, own::issue),
    own!(POST, "/v1/keys/{prefix}/rotate", ADMINS, own::rotate),
    own!(POST, "/v1/keys/{prefix}/revoke", ADMINS, own::revoke),
];
