//! The routes of batches, and who may use them.

use actix_web::http::Method;

use super::{read, receive, results};
use crate::http::routes::{Access, ISSUERS, READERS, Route, route};

/// Every route of batches.
pub(in crate::http) static TABLE: &[Route] = &[
    route(
        Method::POST,
        "/v1/batches",
        Access::Key(ISSUERS, |c| Box::pin(receive::create(c))),
    ),
    route(
        Method::GET,
        "/v1/batches",
        Access::Key(READERS, |c| Box::pin(read::list(c))),
    ),
    route(
        Method::GET,
        "/v1/batches/{batch}",
        Access::Key(READERS, |c| Box::pin(read::show(c))),
    ),
    route(
        Method::GET,
        "/v1/batches/{batch}/results",
        Access::Key(READERS, |c| Box::pin(results::stream(c))),
    ),
    route(
        Method::POST,
        "/v1/batches/{batch}/cancel",
        Access::Key(ISSUERS, |c| Box::pin(read::cancel(c))),
    ),
];
