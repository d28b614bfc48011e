//! The routes: open, because there is no data behind them.

use actix_web::http::Method;

use super::handlers;
use crate::http::routes::{Access, Route, route};

macro_rules! open {
    ($path:literal, $handler:ident) => {
        route(
            Method::GET,
            $path,
            Access::Open(|visit| Box::pin(handlers::$handler(visit))),
        )
    };
}

pub(in crate::http) static TABLE: &[Route] = &[
    open!("/v1/openapi.json", public_document),
    open!("/docs", public_page),
    open!("/docs/style.css", style),
    open!("/docs/script.js", script),
];

pub(in crate::http) static ADMIN_TABLE: &[Route] = &[
    open!("/admin/v1/openapi.json", admin_document),
    open!("/docs", admin_page),
    open!("/docs/style.css", style),
    open!("/docs/script.js", script),
];
