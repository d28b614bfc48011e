//! What is recorded of the model calls of a ticket. Stored for ever, as everything in
//! [`event`](super::event).

use serde::{Deserialize, Serialize};

use super::event::Usage;
use crate::time::Timestamp;

/// Body of `TicketSent`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketSent {
    /// The attempt's number, from 1; also the generation of the text it streams.
    pub attempt: u32,
    /// The model that is called.
    pub model: String,
    /// Why it is not the one that the prompt names; absent where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
}

/// Why a fallback model is asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Fallback {
    /// The model whose turn it was before.
    pub from: String,
    /// Why that one is not asked any more.
    pub reason: FallbackReason,
}

/// What makes a ticket leave a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum FallbackReason {
    /// The model's circuit breaker was open when the ticket's turn came.
    BreakerOpen,
    /// Attempts at the model failed; the `AttemptFailed` before says how.
    Failed,
}

/// Body of `AttemptFailed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptFailed {
    /// Which attempt.
    pub attempt: u32,
    /// Why.
    pub error: AttemptError,
    /// When the next attempt may start; absent where there will be none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// The fallback that is asked next; absent where the same model is, or none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_model: Option<String>,
    /// Tokens, where the server counted them before it failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// Bytes of text that had come until then.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub answer_bytes: u64,
}

/// What a failed attempt used, as far as that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spent {
    /// Tokens, where the server counted them.
    pub usage: Option<Usage>,
    /// Bytes of text that had come.
    pub answer_bytes: u64,
}

/// For serde: a number that need not be written.
#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Why a model call gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AttemptError {
    /// The class, which decides about a retry.
    pub kind: AttemptErrorKind,
    /// A sentence for people, without prompt, answer or key.
    pub message: String,
    /// How long the model's server asked to wait, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
}

/// The classes of model call failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AttemptErrorKind {
    /// No connection to the model's server.
    Connection,
    /// One of the call's clocks ran out.
    Timeout,
    /// 429: too many requests or tokens.
    RateLimited,
    /// 5xx, or an error inside the stream.
    Server,
    /// The stream ended before the answer was complete.
    Incomplete,
    /// The answer does not fit the task's schema.
    SchemaViolation,
    /// Punchcard stopped while the call was running.
    Interrupted,
    /// The stream was not what the API promises.
    Protocol,
    /// The answer passed the byte cap.
    TooLarge,
    /// The account's quota is used up.
    QuotaExceeded,
    /// The key was refused.
    Unauthorized,
    /// The server refuses this request as it is.
    InvalidRequest,
    /// The model or a filter refused the content.
    ContentFiltered,
}

impl AttemptErrorKind {
    /// Whether the same call may succeed later.
    pub const fn is_transient(self) -> bool {
        match self {
            Self::Connection
            | Self::Timeout
            | Self::RateLimited
            | Self::Server
            | Self::Incomplete
            | Self::SchemaViolation
            | Self::Interrupted
            | Self::Protocol => true,
            Self::TooLarge
            | Self::QuotaExceeded
            | Self::Unauthorized
            | Self::InvalidRequest
            | Self::ContentFiltered => false,
        }
    }

    /// Whether another model may answer where this one failed for good: because its tries are
    /// used up, because they would come too late, or because the error is permanent.
    ///
    /// A quota and a key belong to one account; a request may be wrong for one model alone (its
    /// context is too short, it does not know a parameter, its name is gone); an answer without
    /// end is one model's doing. Each attempt at a fallback costs one call, so asking is cheap.
    ///
    /// Not so for content: what one model's filter refused is not carried on to another until one
    /// lets it pass. And an interruption says nothing about the model at all.
    pub const fn may_fall_back(self) -> bool {
        match self {
            Self::Connection
            | Self::Timeout
            | Self::RateLimited
            | Self::Server
            | Self::Incomplete
            | Self::SchemaViolation
            | Self::Protocol
            | Self::TooLarge
            | Self::QuotaExceeded
            | Self::Unauthorized
            | Self::InvalidRequest => true,
            Self::Interrupted | Self::ContentFiltered => false,
        }
    }
}
