//! What histories are good for once they are written, with the whole program: looked at as of any
//! event, redriven, forked, shadow-run, and watched.
//!
//! The world is that of the end-to-end tests: one tenant with its API, a scripted model, the program
//! between them, and a stranger who must not see anything of it.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says why"
)]

#[path = "../support/api.rs"]
mod api;
#[path = "../support/fake_backend.rs"]
mod fake_backend;
#[path = "../support/punchcard.rs"]
mod punchcard;
#[path = "../support/scripted_model.rs"]
mod scripted_model;
#[path = "../support/session.rs"]
mod session;
#[path = "../end_to_end/world.rs"]
mod world;

mod forks;
mod now;
mod redrives;
mod shadow_runs;
mod time_travel;
