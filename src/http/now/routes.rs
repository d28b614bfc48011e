//! The routes.

use actix_web::http::Method;

use super::{read, whoami};
use crate::http::routes::{Access, EVERYBODY, READERS, Route, route};

pub(in crate::http) static TABLE: &[Route] = &[
    route(
        Method::GET,
        "/v1/whoami",
        Access::Key(EVERYBODY, |call| Box::pin(whoami::of_a_key(call))),
    ),
    route(
        Method::GET,
        "/v1/now",
        Access::Key(READERS, |call| Box::pin(read::of_a_tenant(call))),
    ),
];

pub(in crate::http) static ADMIN_TABLE: &[Route] = &[
    route(
        Method::GET,
        "/admin/v1/whoami",
        Access::Operator(|call| Box::pin(whoami::of_an_operator(call))),
    ),
    route(
        Method::GET,
        "/admin/v1/now",
        Access::Operator(|call| Box::pin(read::of_all(call))),
    ),
];
