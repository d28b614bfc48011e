//! Batches: many tickets in one request.

pub(super) mod routes;
