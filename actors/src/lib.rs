//! The motion of Punchcard: a ticket actor per open ticket, the registry that keeps them alive, and
//! the supervisors of the model, the callbacks and the sessions.
//!
//! This crate knows no HTTP, no database driver and no SQL: the world comes in through [`ports`].

pub mod admission;
mod aggregate;
pub mod batches;
pub mod callbacks;
mod errors;
pub mod failpoints;
pub mod feed;
mod following;
pub mod forks;
pub mod guards;
mod history;
pub mod llm;
pub mod now;
pub mod ports;
pub mod prompts;
pub mod redrives;
mod registry;
pub mod runtime;
pub mod schedule;
pub mod sessions;
pub mod shadow_runs;
mod steady;
pub mod tenants;
pub mod test_runs;
mod ticket;
pub mod tickets;
pub mod usage;
pub mod webhooks;

#[cfg(feature = "testing")]
pub mod testing;
