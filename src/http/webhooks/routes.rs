//! The routes, and who may use them.

use actix_web::http::Method;

use super::call::EndpointCall;
use super::{deliveries, endpoints, resend, secrets};
use crate::http::prompts::params;
use crate::http::routes::{Access, Route, route};
use crate::keys::{Role, Roles};

/// Who may look at endpoints and their log: whoever may look at tickets.
const READERS: Roles = Roles::of(&[Role::Issuer, Role::Viewer]);
/// Who may change them and see their secrets.
const ADMINS: Roles = Roles::of(&[Role::Admin]);

/// A route about one endpoint of the caller's tenant. Its handler is reached only with the endpoint.
macro_rules! endpoint {
    ($method:ident, $path:literal, $roles:expr, $handler:path) => {
        route(
            Method::$method,
            concat!("/v1/webhooks/{endpoint}", $path),
            Access::Key($roles, |call| {
                Box::pin(async move { $handler(EndpointCall::of(call)?).await })
            }),
        )
    };
}

/// Such a route that takes no parameters.
macro_rules! plain {
    ($method:ident, $path:literal, $roles:expr, $handler:path) => {
        route(
            Method::$method,
            concat!("/v1/webhooks/{endpoint}", $path),
            Access::Key($roles, |call| {
                Box::pin(async move {
                    params::none(&call)?;
                    $handler(EndpointCall::of(call)?).await
                })
            }),
        )
    };
}

pub(in crate::http) static TABLE: &[Route] = &[
    route(
        Method::GET,
        "/v1/webhooks",
        Access::Key(READERS, |c| Box::pin(endpoints::list(c))),
    ),
    route(
        Method::POST,
        "/v1/webhooks",
        Access::Key(ADMINS, |c| Box::pin(endpoints::create(c))),
    ),
    plain!(GET, "", READERS, endpoints::read),
    plain!(PATCH, "", ADMINS, endpoints::change),
    plain!(DELETE, "", ADMINS, endpoints::remove),
    plain!(GET, "/secret", ADMINS, secrets::reveal),
    plain!(POST, "/rotate-secret", ADMINS, secrets::rotate),
    plain!(POST, "/enable", ADMINS, endpoints::enable),
    plain!(POST, "/disable", ADMINS, endpoints::disable),
    plain!(POST, "/test", ADMINS, endpoints::test),
    plain!(POST, "/resend", ADMINS, resend::range),
    endpoint!(GET, "/deliveries", READERS, deliveries::list),
    plain!(GET, "/deliveries/{delivery}", READERS, deliveries::read),
    plain!(POST, "/deliveries/{delivery}/resend", ADMINS, resend::one),
];
