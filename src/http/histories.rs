//! What happened to a ticket: its states, timings and pictures.
//!
//! Nothing here changes anything: a past is read from the store and told. What it means is told by
//! `punchcard_events::ticket::timeline`; here it is given its form.

pub(super) mod operations;
mod pictures;
mod read;
pub(super) mod routes;
mod timeline;
mod view;
