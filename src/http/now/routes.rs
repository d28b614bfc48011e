//! The routes.

use actix_web::http::Method;

use super::whoami;
use crate::http::routes::{Access, EVERYBODY, Route, route};

pub(in crate::http) static TABLE: &[Route] = &[route(
    Method::GET,
    "/v1/whoami",
    Access::Key(EVERYBODY, |call| Box::pin(whoami::of_a_key(call))),
)];

pub(in crate::http) static ADMIN_TABLE: &[Route] = &[route(
    Method::GET,
    "/admin/v1/whoami",
    Access::Operator(|call| Box::pin(whoami::of_an_operator(call))),
)];
