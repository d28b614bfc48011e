//! What holds for every route of the API, found in the route table and in the OpenAPI document: who is
//! let in, what another tenant is told, what bad requests get, and that no answer is undocumented. A
//! new route is covered by being there.
//!
//! The document and its answers are judged by others' programs (openapi-spec-validator, schemathesis),
//! which `tests/clients/setup` installs. Without them these tests fail.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says what it has seen"
)]

#[path = "../support/api.rs"]
mod api;
#[path = "../support/punchcard.rs"]
mod punchcard;

mod asking;
mod world;

mod bad_requests;
mod documents;
mod examples;
mod matrix;
mod property;
