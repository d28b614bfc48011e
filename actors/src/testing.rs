//! Test doubles of the ports, a world to run them in, and the contract that every event store must
//! pass.
//!
//! The doubles are scripted before and asked after: a [`ScriptedModel`](model::ScriptedModel) says
//! what it is told to, a [`RecordingCallbacks`](callbacks::RecordingCallbacks) keeps a ledger, and a
//! [`World`](world::World) starts the real runtime over them, in time that passes only when
//! everybody waits. Nothing here sleeps to synchronise.

pub mod callbacks;
pub mod clock;
pub mod judges;
pub mod limits;
pub mod memory_store;
pub mod model;
pub mod prompts;
pub mod store_contract;
pub mod tasks;
pub mod vouched;
pub mod world;
