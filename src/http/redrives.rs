//! Failed tickets opened again.

pub(super) mod operations;
pub(super) mod routes;
