//! Real tickets of the past against a candidate version.

pub(super) mod operations;
pub(super) mod routes;
