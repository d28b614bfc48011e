//! OpenAI-compatible chat completions, streamed.
