//! The HTTP edge on real sockets: keys, tenancy, requests, idempotency and event streams. Sessions, and
//! whatever misbehaves on a long connection, are tested in `tests/sessions`.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

#[path = "../support/edge.rs"]
mod edge;

mod admin;
mod chat;
mod headers;
mod histories;
mod keys;
mod malformed;
mod now;
mod prompts;
mod requests;
mod roles;
mod tickets;
mod usage;
mod webhooks;

/// An id that no ticket has.
const UNKNOWN: &str = "01920000-0000-7000-8000-000000000001";
