//! Webhooks of the real program: what receivers get, and what the log says of it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

#[path = "../support/api.rs"]
mod api;
#[path = "../support/fake_backend.rs"]
mod fake_backend;
#[path = "../support/punchcard.rs"]
mod punchcard;

mod world;

mod endpoints;
mod failing;
mod kills;
mod resending;
mod sending;
