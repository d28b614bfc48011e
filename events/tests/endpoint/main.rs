//! Webhook endpoints and their messages: what is stored, what is decided, what a state is.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

mod deciding;
mod golden;
mod samples;
mod table;
