//! The OpenAI-compatible face: chat completions as tickets.

pub(super) mod routes;
