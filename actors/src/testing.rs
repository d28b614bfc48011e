//! Test doubles of the ports, and the contract that every event store must pass.
