//! The routes.

use actix_web::http::Method;

use super::read;
use crate::http::routes::{Access, Route, route};
use crate::keys::{Role, Roles};

/// Who may look at what was used.
const VIEWERS: Roles = Roles::of(&[Role::Viewer]);

pub(in crate::http) static TABLE: &[Route] = &[route(
    Method::GET,
    "/v1/usage",
    Access::Key(VIEWERS, |call| Box::pin(read::read(call))),
)];
