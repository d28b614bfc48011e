//! Security of the whole program: what one tenant must never see of another, what must never be logged,
//! where calls must never go, who may read the files, and what reaches a terminal.
//!
//! `docs/security.md` lists every promise with its test; those of one part (keys, bodies, sessions,
//! addresses, parsers) are tested beside that part.

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

mod canaries;
mod pair;
mod trap;

mod configuration;
mod files;
mod proxies;
mod secrets;
mod tenants;
mod terminal;
