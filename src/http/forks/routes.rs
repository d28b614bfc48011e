//! The routes.

use actix_web::http::Method;

use super::{ask, compare, list};
use crate::http::routes::{Access, FORKERS, READERS, Route, route};

pub(in crate::http) static TABLE: &[Route] = &[
    route(
        Method::POST,
        "/v1/tickets/{id}/forks",
        Access::Ticket(FORKERS, |c| Box::pin(ask::ask(c))),
    ),
    route(
        Method::GET,
        "/v1/tickets/{id}/forks",
        Access::Ticket(READERS, |c| Box::pin(list::list(c))),
    ),
    route(
        Method::GET,
        "/v1/tickets/{id}/compare",
        Access::Ticket(READERS, |c| Box::pin(compare::compare(c))),
    ),
];
