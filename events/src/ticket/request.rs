//! What the first event of a ticket holds: what was asked, and the terms it was accepted under. Stored
//! for ever, as everything in [`event`](super::event).

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::event::{Message, Parameters};
use super::fork::Fork;
use crate::ids::{BatchId, LabelName, TaskName, TenantId, UserId};
use crate::retry::RetryPolicy;
use crate::time::Timestamp;

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
    /// What it is a fork of, where it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fork: Option<Arc<Fork>>,
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
    /// prepared with may say otherwise ([`answer_format`](super::TicketPreProcessed::answer_format)).
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
