//! What can happen to a ticket. These shapes are stored for ever: a change is a new schema version
//! with an upcaster, and a golden file stands for every version ever shipped.
//!
//! The larger bodies have files of their own: `request.rs`, `attempt.rs`, `callback.rs`. How all are
//! written and read back is in `codec.rs`.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use uuid::Uuid;

use super::attempt::{AttemptFailed, TicketSent};
use super::callback::{CallMade, CallbackFailed};
use super::request::{AnswerFormat, Deadlines, TicketRequested};
use crate::codec::finite;
use crate::ids::LabelName;

/// One event of a ticket's life.
#[derive(Debug, Clone, PartialEq)]
pub enum TicketEvent {
    /// A backend issued the ticket.
    TicketRequested(TicketRequested),
    /// The request is ready for the model.
    TicketPreProcessed(TicketPreProcessed),
    /// A model call is about to start. Written before the call.
    TicketSent(TicketSent),
    /// A model call ended without an answer.
    AttemptFailed(AttemptFailed),
    /// The model gave a complete answer.
    TicketAnswered(TicketAnswered),
    /// A call to the tenant's API failed.
    CallbackFailed(CallbackFailed),
    /// The tenant's API has the answer (or the task asks for no such call).
    TicketPersisted(TicketPersisted),
    /// The answer reached who it is for.
    TicketDelivered(TicketDelivered),
    /// The ticket ended without a delivery.
    TicketFailed(TicketFailed),
    /// Somebody ended the ticket.
    TicketCancelled(TicketCancelled),
    /// An admin opened a failed ticket again.
    TicketRedriven(TicketRedriven),
}

/// Body of `TicketPreProcessed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketPreProcessed {
    /// The input as the tenant's API replaced it; absent where it left it as it was.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub input: Option<Arc<Value>>,
    /// The prompt that was rendered.
    pub prompt: PromptRef,
    /// What will be sent to the model, word for word.
    pub messages: Arc<[Message]>,
    /// The model that will be asked.
    pub model: String,
    /// How it will be asked.
    pub parameters: Arc<Parameters>,
    /// What the answer must be; absent where it is what the ticket's terms say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer_format: Option<AnswerFormat>,
    /// The call that prepared the input, where one was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallMade>,
}

/// Which prompt made the messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct PromptRef {
    /// The prompt's version number.
    pub version: u32,
    /// SHA-256 of the version's content, in hexadecimal.
    pub hash: String,
    /// The label that the version was chosen by; absent: `production`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<LabelName>,
    /// The canary beside `production` that gave it to the ticket's user, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canary: Option<Uuid>,
}

impl PromptRef {
    /// No prompt at all: the messages are the issuer's own. Versions count from 1, and nothing has an
    /// empty hash.
    pub const fn none() -> Self {
        Self {
            version: 0,
            hash: String::new(),
            label: None,
            canary: None,
        }
    }

    /// Whether there was no prompt.
    pub const fn is_none(&self) -> bool {
        self.version == 0
    }
}

/// One message to the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Message {
    /// Who speaks.
    pub role: Role,
    /// The words.
    pub content: String,
}

/// Who speaks in a message to the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Standing instructions.
    System,
    /// The request.
    User,
    /// An earlier or example answer.
    Assistant,
}

/// Model parameters, in the words of the OpenAI chat completions API.
///
/// JSON has no way to write a number that is not finite, so a body with one is refused when it is
/// encoded: read back, it would be another body.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    /// Sampling temperature, 0 to 2.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "finite"
    )]
    pub temperature: Option<f64>,
    /// Nucleus sampling mass, 0 to 1.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "finite"
    )]
    pub top_p: Option<f64>,
    /// The most tokens the answer may have.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// The sampling seed, for models that honour one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// Whether the model is told to answer with one JSON object.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub json: bool,
}

/// A document that is there: `null` is a document of its own, not an absent one.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Arc<Value>>, D::Error> {
    Arc::<Value>::deserialize(deserializer).map(Some)
}

/// Body of `TicketAnswered`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketAnswered {
    /// The attempt that gave it.
    pub attempt: u32,
    /// The whole text, as it was streamed.
    pub content: Arc<str>,
    /// Why the model stopped, in its own word (`stop`, `length`, …).
    pub finish_reason: String,
    /// Tokens, where the server counted them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// How long it took.
    pub timings: Timings,
}

/// Tokens of one model call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Usage {
    /// Tokens of the messages.
    pub prompt_tokens: u64,
    /// Tokens of the answer.
    pub completion_tokens: u64,
}

/// Durations of one model call, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Timings {
    /// From the call to its first text.
    pub first_token_ms: u64,
    /// From the call to its end.
    pub total_ms: u64,
}

/// Body of `TicketPersisted`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketPersisted {
    /// The answer as the tenant's API replaced it; absent where the model's stands.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "present"
    )]
    pub answer: Option<Arc<Value>>,
    /// The call that had it persisted, where one was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<CallMade>,
}

/// Body of `TicketDelivered`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketDelivered {
    /// By which way.
    pub channel: Channel,
    /// Who acknowledged: a session's id, or the issuer's key prefix.
    pub acknowledged_by: String,
}

/// The ways an answer can reach somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// Acknowledged by a user's session.
    Session,
    /// Taken by the issuer over HTTP.
    Fetch,
    /// Acknowledged by one of the tenant's webhook endpoints.
    Webhook,
    /// Brought to nobody: a fork's answer is kept, to be looked at.
    Kept,
}

/// Body of `TicketFailed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketFailed {
    /// Where and why.
    pub failure: Failure,
}

/// Where and why a ticket failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Failure {
    /// What was being done.
    pub stage: Stage,
    /// A stable word for programs, such as `deadline_exceeded`.
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

/// What a ticket was owed when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Preparing the request.
    PreProcess,
    /// Asking the model.
    Model,
    /// Having the answer persisted.
    Persist,
    /// Delivering it.
    Deliver,
}

impl Stage {
    /// Every stage, in the order of a ticket's life.
    pub const ALL: [Self; 4] = [Self::PreProcess, Self::Model, Self::Persist, Self::Deliver];

    /// The stored name, as in JSON.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PreProcess => "pre_process",
            Self::Model => "model",
            Self::Persist => "persist",
            Self::Deliver => "deliver",
        }
    }

    /// The stage of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.as_str() == name)
    }
}

/// Body of `TicketCancelled`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketCancelled {
    /// Whether the text so far is kept.
    pub mode: CancelMode,
    /// Who asked: the issuer's key prefix, or a session's id.
    pub by: String,
    /// The text kept by `stop`; absent for `void`, or where there was none yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Arc<str>>,
}

/// The two ways to cancel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CancelMode {
    /// Keep the text so far.
    Stop,
    /// Throw it away.
    Void,
}

/// Body of `TicketRedriven`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketRedriven {
    /// Who asked.
    pub by: String,
    /// The new deadlines.
    pub deadlines: Deadlines,
    /// The redrive of many that it is a part of, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redrive: Option<Uuid>,
    /// The step that it goes on from; absent: the one that it failed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<RedriveFrom>,
}

/// A step before the one that a ticket failed in, to go back to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RedriveFrom {
    /// It is prepared anew: by the tenant's API where its terms say so, with the prompt that is in effect
    /// then, and asked of the model again.
    Requested,
}
