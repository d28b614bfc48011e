//! What goes on now.

pub(super) mod operations;
pub(super) mod routes;
