//! Operators at the real program, with the real command line: from the first operator's key in the
//! configuration to a tenant whose key was rotated, revoked and suspended. What the routes refuse is
//! tested in `tests/http_edge`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

#[path = "../support/api.rs"]
mod api;
#[path = "../support/punchcard.rs"]
mod punchcard;

mod story;
mod world;
