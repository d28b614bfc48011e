//! The routes.

use actix_web::http::Method;

use super::{pictures, read};
use crate::http::routes::{Access, READERS, Route, route};

pub(in crate::http) static TABLE: &[Route] = &[
    route(
        Method::GET,
        "/v1/tickets/{id}/events",
        Access::Ticket(READERS, |c| Box::pin(read::events(c))),
    ),
    route(
        Method::GET,
        "/v1/tickets/{id}/state",
        Access::Ticket(READERS, |c| Box::pin(read::state(c))),
    ),
    route(
        Method::GET,
        "/v1/tickets/{id}/timeline",
        Access::Ticket(READERS, |c| Box::pin(read::timeline(c))),
    ),
    route(
        Method::GET,
        "/v1/tickets/{id}/pictures/waterfall.svg",
        Access::Ticket(READERS, |c| Box::pin(pictures::waterfall(c))),
    ),
    route(
        Method::GET,
        "/v1/tickets/{id}/pictures/path.svg",
        Access::Ticket(READERS, |c| Box::pin(pictures::path(c))),
    ),
];
