//! The web console: its files, embedded in the binary.

pub(super) mod routes;
