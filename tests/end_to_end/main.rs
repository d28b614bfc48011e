//! End to end: the real `punchcard` binary over real sockets, between a scripted model and a tenant's
//! API that keeps a ledger. One file per theme.
//!
//! Every test has its own processes, ports and directories, so all of them run side by side. Waiting
//! is always for something that happens (a frame, an event, a request at a fake), with a bound.

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
#[path = "../support/fake_backend.rs"]
mod fake_backend;
#[path = "../support/figures.rs"]
mod figures;
#[path = "../support/process.rs"]
mod process;
#[path = "../support/punchcard.rs"]
mod punchcard;
#[path = "../support/scripted_model.rs"]
mod scripted_model;
#[path = "../support/session.rs"]
mod session;

mod history;
mod world;

mod asking;
mod batches;
mod cancelling;
mod failing;
mod kills;
mod load;
mod prompt_story;
mod refusals;
mod reopening;
mod restarts;
mod sessions;
mod soak;
mod starting;
mod whole_path;
