//! What tenants use is counted from stored events, and refused before it passes a budget.

#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod budgets;
mod counting;
