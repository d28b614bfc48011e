//! The desk and the directory of tenants over a store in memory: what operators do, on one node and on
//! two, and what goes wrong at the store.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod desk;
mod directory;
mod faults;
mod node;
