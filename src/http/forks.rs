//! Past tickets run again, without effects outside.

pub(super) mod operations;
pub(super) mod routes;
