//! What is recorded of calls to the tenant's API. Stored for ever, as everything in
//! [`event`](super::event).

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// The two calls a task may ask of the tenant's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CallbackKind {
    /// Before the model call: prepare the input.
    PreProcess,
    /// After it: persist the answer.
    PostProcess,
}

impl CallbackKind {
    /// The stored name, as in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PreProcess => "pre_process",
            Self::PostProcess => "post_process",
        }
    }
}

/// A try of a callback, as whoever made it measured it. Absent where there was none, and in what was stored
/// before calls were measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallMade {
    /// Which try it was, from 1; after a redrive they count from 1 again.
    #[serde(rename = "try")]
    pub try_number: u32,
    /// How long the ticket waited for its turn to call, from the time it might: in milliseconds.
    pub waited_ms: u64,
    /// How long the call took, to the last byte that was read of the reply: in milliseconds.
    pub took_ms: u64,
    /// The HTTP status of the reply, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
}

/// Body of `CallbackFailed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallbackFailed {
    /// Which call.
    pub callback: CallbackKind,
    /// Which try of it, from 1.
    #[serde(rename = "try")]
    pub try_number: u32,
    /// Why.
    pub error: CallbackError,
    /// When the next try may start; absent where there will be none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// How the call went, where one was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallMade>,
}

/// Why a callback failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CallbackError {
    /// The class, which decides about a retry.
    pub kind: CallbackErrorKind,
    /// A sentence for people.
    pub message: String,
    /// How long the tenant's API asked to wait, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// What it says of the tenant's API as a whole. Not stored: it is of no use once the call is over.
    #[serde(skip)]
    pub blame: Blame,
}

/// What a failed callback says of the tenant's API as a whole, and so of calls for other tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Blame {
    /// What its class says.
    #[default]
    Class,
    /// There is too much to do for it.
    Overloaded,
    /// Nothing: no call was made, or a host that is alive turned down this one.
    Nobody,
}

/// The classes of callback failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CallbackErrorKind {
    /// No connection.
    Connection,
    /// No answer in time.
    Timeout,
    /// A status that is not 2xx and has no meaning of its own; redirects count here.
    Status,
    /// A 2xx whose body is not what the contract says.
    Body,
    /// The answer passed the byte cap.
    TooLarge,
    /// 422: the tenant's API refuses this ticket.
    Refused,
    /// 410: the endpoint is gone.
    Gone,
    /// The address is one that Punchcard never calls.
    Forbidden,
}

impl CallbackErrorKind {
    /// Whether the same call may succeed later.
    pub const fn is_transient(self) -> bool {
        match self {
            Self::Connection | Self::Timeout | Self::Status | Self::Body | Self::TooLarge => true,
            Self::Refused | Self::Gone | Self::Forbidden => false,
        }
    }
}
