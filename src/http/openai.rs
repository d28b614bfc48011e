//! The OpenAI-compatible face: chat completions as tickets, and the models that they may name.
//!
//! A chat completion is a ticket like any other: its request is durable before it is answered, its
//! tries survive a crash, and its answer can be fetched under `/v1/tickets`. `docs/openai.md` says
//! what clients of OpenAI's API find here, and what they do not.
//!
//! Not here: where a conversation goes in a task's prompt (`tasks/conversation.rs`).

mod answer;
mod ask;
mod complete;
mod messages;
mod models;
pub(super) mod operations;
mod problems;
pub(super) mod routes;
mod runs;
mod stream;
mod tell;
mod unsupported;

pub(super) use problems::{dress, is_here};
pub(super) use runs::RAW_TASK;
