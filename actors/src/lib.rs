//! The motion of Punchcard: a ticket actor per open ticket, the registry that keeps them alive, and
//! the supervisors of the model, the callbacks and the sessions.
//!
//! This crate knows no HTTP, no database driver and no SQL: the world comes in through [`ports`].

pub mod feed;
pub mod ports;
#[cfg(feature = "testing")]
pub mod testing;
