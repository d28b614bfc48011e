//! Who asks, and what goes on now.

pub(super) mod operations;
mod read;
pub(super) mod routes;
mod view;
mod whoami;
