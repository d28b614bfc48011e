//! The desk and the book over a store in memory: what planners do, on one node and on two, and what
//! goes wrong at the store.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod book;
mod desk;
mod faults;
mod office;
