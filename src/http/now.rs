//! Who asks, and what goes on now.

pub(super) mod operations;
pub(super) mod routes;
mod whoami;
