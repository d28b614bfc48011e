//! Test doubles of the ports, and the contract that every event store must pass.

pub mod memory_store;
pub mod store_contract;
