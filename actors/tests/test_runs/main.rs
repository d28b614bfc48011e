//! Test runs over a real desk, a real store in memory, and a model that says what it is told to.

#![expect(
    clippy::unwrap_used,
    reason = "what does not go as expected fails the test"
)]

mod bench;
mod comparing;
mod ending;
mod trying;
