//! What can happen to a ticket. These shapes are stored for ever: a change is a new schema version
//! with an upcaster, and a golden file stands for every version ever shipped.
//!
//! How they are written and read back is in `codec.rs`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::codec::finite;
use crate::ids::{BatchId, LabelName, TaskName, TenantId, UserId};
use crate::retry::RetryPolicy;
use crate::time::Timestamp;

/// One event of a ticket's life.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "the first event of a ticket holds what was asked; none is kept in numbers"
)]
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

/// Body of `TicketRequested`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TicketRequested {
    /// Who pays and who may see it.
    pub tenant: TenantId,
    /// What to run.
    pub task: TaskName,
    /// The label whose version it runs; absent: `production`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<LabelName>,
    /// Whom the answer is for; without one, the issuer fetches it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The values of the prompt's variables.
    pub input: Arc<Value>,
    /// The issuer's own labels, handed back in callbacks and reads.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// The issuer's idempotency key, where it sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency: Option<Idempotency>,
    /// The W3C `traceparent` of the request, passed on to callbacks and the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// When it was issued.
    pub requested_at: Timestamp,
    /// How it stands among its tenant's own tickets.
    #[serde(default, skip_serializing_if = "Priority::is_normal")]
    pub priority: Priority,
    /// Before this it owes nothing; absent where it starts at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// The batch it is a line of, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchLine>,
    /// What is said beside the prompt, or in place of one; absent for tickets that are an input alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conversation: Option<Arc<Conversation>>,
    /// What holds for this ticket whatever the configuration says later.
    pub terms: Terms,
}

/// How a ticket stands among the other tickets of its tenant: never among those of another.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Goes when nothing else of the tenant waits: batches.
    Low,
    /// What nobody said otherwise about.
    #[default]
    Normal,
    /// Goes before the tenant's other tickets.
    High,
}

impl Priority {
    /// Whether it is the one that need not be said.
    pub const fn is_normal(&self) -> bool {
        matches!(self, Self::Normal)
    }
}

/// A line of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BatchLine {
    /// The batch.
    pub batch: BatchId,
    /// The line's number, from 1.
    pub line: u32,
}

/// Messages that the issuer brings itself, as chat completion requests do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Conversation {
    /// What was said, oldest first. They follow the messages of the task's prompt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Message>,
    /// The model to ask, where no prompt names one: the ticket then runs no prompt at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How to ask it; what is absent is as the prompt says.
    #[serde(default)]
    pub parameters: Parameters,
}

/// The issuer's idempotency key and what it was first used for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Idempotency {
    /// The `Idempotency-Key` header.
    pub key: String,
    /// SHA-256 of the request it came with, in hexadecimal.
    pub fingerprint: String,
}

/// The rules a ticket was accepted under. They travel with it, so that changing the configuration
/// changes no open ticket and a replay needs none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Whether the tenant's API prepares the input.
    pub pre_process: bool,
    /// Whether the tenant's API persists the answer.
    pub post_process: bool,
    /// What the answer must be, as the prompt was when the ticket was issued. The prompt it is
    /// prepared with may say otherwise ([`TicketPreProcessed::answer_format`]).
    pub answer_format: AnswerFormat,
    /// Tries of the model call.
    pub model_retry: RetryPolicy,
    /// Tries of each callback.
    pub callback_retry: RetryPolicy,
    /// When what is owed must be done.
    pub deadlines: Deadlines,
    /// The models that are asked in turn when the one that the prompt names cannot answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fallback_models: Vec<String>,
}

/// The points after which a ticket gives up. Nothing is open for ever.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadlines {
    /// The model must have answered.
    pub answer_by: Timestamp,
    /// The tenant's API must have persisted the answer.
    pub persist_by: Timestamp,
    /// The user or issuer must have taken the answer.
    pub deliver_by: Timestamp,
}

/// What an answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum AnswerFormat {
    /// Plain text.
    Text,
    /// One JSON document.
    Json,
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
}

/// Why a model call gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// The two calls a task may ask of the tenant's API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
}

/// Why a callback failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
}
