//! Every failpoint of the program, one after the other: the real binary is killed there, or whoever
//! passes it panics, while tickets go through all transitions. Each fault is proven to have happened,
//! and at the end the checker from outside (`tests/support/account/`) has no objection.
//!
//! `table.rs` says which points there are and makes the tests. `PUNCHCARD_FAILPOINT_PASSES=3` also
//! kills at the second and the third time that a point is passed.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says why"
)]

#[path = "../support/account/mod.rs"]
mod account;
#[path = "../support/api.rs"]
mod api;
#[path = "../support/clients.rs"]
mod clients;
#[path = "../support/account/control.rs"]
mod control;
#[path = "../support/fake_backend.rs"]
mod fake_backend;
#[path = "../support/figures.rs"]
mod figures;
#[path = "../support/punchcard.rs"]
mod punchcard;
#[path = "../support/scripted_model.rs"]
mod scripted_model;
#[path = "../support/session.rs"]
mod session;
#[path = "../end_to_end/world.rs"]
mod world;

mod kill;
mod lives;
mod panics;
mod table;
