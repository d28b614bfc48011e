//! The routes, on the admin listener: open, because there is no data behind them.

use actix_web::http::Method;

use super::handlers;
use crate::http::routes::{Access, Route, route};

pub(in crate::http) static TABLE: &[Route] = &[
    route(
        Method::GET,
        "/console",
        Access::Open(|visit| Box::pin(handlers::index(visit))),
    ),
    route(
        Method::GET,
        "/console/",
        Access::Open(|visit| Box::pin(handlers::index(visit))),
    ),
    route(
        Method::GET,
        "/console/{file}",
        Access::Open(|visit| Box::pin(handlers::file(visit))),
    ),
    route(
        Method::GET,
        "/console/{folder}/{file}",
        Access::Open(|visit| Box::pin(handlers::file(visit))),
    ),
    route(
        Method::GET,
        "/console/{folder}/{kind}/{file}",
        Access::Open(|visit| Box::pin(handlers::file(visit))),
    ),
    route(
        Method::GET,
        "/console/{folder}/{kind}/{part}/{file}",
        Access::Open(|visit| Box::pin(handlers::file(visit))),
    ),
];
