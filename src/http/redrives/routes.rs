//! The routes.

use actix_web::http::Method;

use super::{many, one};
use crate::http::routes::{Access, READERS, REDRIVERS, Route, route};

/// Every route of failed tickets and redrives.
pub(in crate::http) static TABLE: &[Route] = &[
    route(
        Method::POST,
        "/v1/tickets/{id}/redrive",
        Access::Ticket(REDRIVERS, |c| Box::pin(one::redrive(c))),
    ),
    route(
        Method::GET,
        "/v1/dead-letters",
        Access::Key(READERS, |c| Box::pin(one::dead_letters(c))),
    ),
    route(
        Method::POST,
        "/v1/redrives",
        Access::Key(REDRIVERS, |c| Box::pin(many::start(c))),
    ),
    route(
        Method::GET,
        "/v1/redrives",
        Access::Key(READERS, |c| Box::pin(many::list(c))),
    ),
    route(
        Method::GET,
        "/v1/redrives/{redrive}",
        Access::Key(READERS, |c| Box::pin(many::show(c))),
    ),
    route(
        Method::POST,
        "/v1/redrives/{redrive}/stop",
        Access::Key(REDRIVERS, |c| Box::pin(many::stop(c))),
    ),
];
