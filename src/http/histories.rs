//! What happened to a ticket: its states, timings and pictures.

pub(super) mod operations;
pub(super) mod routes;
