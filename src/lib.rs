//! Punchcard: an actor-based, event-sourced runtime for LLM tickets.
//!
//! The words are in `punchcard-events`, the motion in `punchcard-actors`; this crate is the world
//! around them: HTTP, storage, model servers, the tenants' APIs, configuration and the command
//! line. Start at [`app`], the composition root.

pub mod adapters;
pub mod app;
mod callback_bodies;
pub mod cli;
pub mod compare;
pub mod config;
#[cfg(test)]
mod fuzz;
pub mod http;
mod invisible;
pub mod keys;
pub mod master_secret;
mod pictures;
pub mod prompts;
pub mod secret;
pub mod tasks;
pub mod telemetry;
pub mod tenants;
