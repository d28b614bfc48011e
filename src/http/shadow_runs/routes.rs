//! The routes of shadow runs, and who may use them.

use actix_web::http::Method;

use super::{ask, read};
use crate::http::routes::{Access, Route, route};
use crate::keys::{Role, Roles};

/// Who may look at shadow runs.
const VIEWERS: Roles = Roles::of(&[Role::Viewer]);
/// Who may start, stop and resume them.
const PLANNERS: Roles = Roles::of(&[Role::Planner]);

/// Every route of shadow runs.
pub(in crate::http) static TABLE: &[Route] = &[
    route(
        Method::POST,
        "/v1/shadow-runs",
        Access::Key(PLANNERS, |c| Box::pin(ask::start(c))),
    ),
    route(
        Method::GET,
        "/v1/shadow-runs",
        Access::Key(VIEWERS, |c| Box::pin(read::list(c))),
    ),
    route(
        Method::GET,
        "/v1/shadow-runs/{shadow_run}",
        Access::Key(VIEWERS, |c| Box::pin(read::show(c))),
    ),
    route(
        Method::GET,
        "/v1/shadow-runs/{shadow_run}/report",
        Access::Key(VIEWERS, |c| Box::pin(read::report(c))),
    ),
    route(
        Method::POST,
        "/v1/shadow-runs/{shadow_run}/stop",
        Access::Key(PLANNERS, |c| Box::pin(ask::stop(c))),
    ),
    route(
        Method::POST,
        "/v1/shadow-runs/{shadow_run}/resume",
        Access::Key(PLANNERS, |c| Box::pin(ask::resume(c))),
    ),
];
