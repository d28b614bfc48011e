//! The prompt routes of the real program: each way that goes well, and each that must not. Who may
//! use which route is tested in `tests/http_edge`.

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

mod desk;

mod deploying;
mod drafts;
mod importing;
mod reading;
mod tenants;
mod testing;
