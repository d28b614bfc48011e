//! The routes.

use actix_web::http::Method;

use super::{complete, models};
use crate::http::routes::{Access, Route, route};
use crate::keys::{Role, Roles};

/// Who issues tickets.
const ISSUERS: Roles = Roles::of(&[Role::Issuer]);
/// Who may look at what there is.
const READERS: Roles = Roles::of(&[Role::Issuer, Role::Viewer]);

pub(in crate::http) static TABLE: &[Route] = &[
    route(
        Method::POST,
        "/v1/chat/completions",
        Access::Key(ISSUERS, |c| Box::pin(complete::complete(c))),
    ),
    route(
        Method::GET,
        "/v1/models",
        Access::Key(READERS, |c| Box::pin(models::list(c))),
    ),
    route(
        Method::GET,
        "/v1/models/{model}",
        Access::Key(READERS, |c| Box::pin(models::read(c))),
    ),
];
