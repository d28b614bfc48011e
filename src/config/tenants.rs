//! The tenants and their tasks, as the configuration has them. At each start what it says about tenants
//! is compared with the event store, which is what counts (`src/tenants.rs`).

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use punchcard_events::TaskName;
use punchcard_events::prompt::{Content, MessageTemplate};
use punchcard_events::tenant::TenantLimits;
use punchcard_events::ticket::{AnswerFormat, Parameters};
use serde::{Deserialize, Serialize};
use url::Url;

use super::sections::{Retries, TicketLimits};
use super::values;
use crate::keys::{KeyHash, KeyName, Roles};
use crate::secret::Secret;

/// A company that issues tickets.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tenant {
    /// Its name for people.
    pub name: String,
    /// The API keys its backends may use.
    #[serde(default)]
    pub keys: Vec<TenantKey>,
    /// Where its API is; absent where no task has a hook.
    #[serde(default)]
    pub callback: Option<CallbackTarget>,
    /// The web origins its users' sessions may come from, such as `https://app.example.com`.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
    /// The most open tickets it may have, in place of `runtime.max_open_tickets_per_tenant`: the same
    /// as `limits.all.concurrent_tickets`, and the one that counts where both are written.
    #[serde(default)]
    pub max_open_tickets: Option<NonZeroUsize>,
    /// How much it may use. Absent: what operators have said.
    #[serde(default)]
    pub limits: Option<TenantLimits>,
    /// Its tasks.
    #[serde(default)]
    pub tasks: BTreeMap<TaskName, Task>,
}

/// An API key as it is kept: never the key itself. `punchcard key new` makes one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TenantKey {
    /// The readable start of the key.
    pub prefix: String,
    /// SHA-256 of the whole key, in hexadecimal.
    pub sha256: KeyHash,
    /// Who holds it: stands in the history of what is done with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<KeyName>,
    /// What its holder may do.
    #[serde(default)]
    pub roles: Roles,
}

/// A tenant's own API.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallbackTarget {
    /// What the hooks' paths are added to.
    #[serde(deserialize_with = "values::url")]
    pub base_url: Url,
    /// The Standard Webhooks secrets (`whsec_…`) that calls are signed with: several while one
    /// replaces another.
    #[serde(deserialize_with = "values::secrets")]
    pub secrets: Vec<Secret>,
}

/// A named AI function: its settings and, where the configuration has it, its first prompt. The
/// prompt that tickets run is the one in the event store.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// What it does, for people.
    #[serde(default)]
    pub description: String,
    /// The model its prompt asks, by its name under `[models]`; there where there are messages.
    #[serde(default)]
    pub model: Option<String>,
    /// The models it asks in turn where that one cannot answer.
    pub fallback_models: Vec<String>,
    /// How the model is asked.
    #[serde(default)]
    pub parameters: Parameters,
    /// The prompt: messages whose contents are templates over the input's variables. Without any,
    /// this is the settings of a task whose prompt planners write.
    #[serde(default)]
    pub messages: Option<Vec<MessageTemplate>>,
    /// What an input must be.
    #[serde(default, deserialize_with = "values::schema")]
    pub input_schema: Option<Arc<serde_json::Value>>,
    /// What an answer must be; only for JSON answers.
    #[serde(default, deserialize_with = "values::schema")]
    pub answer_schema: Option<Arc<serde_json::Value>>,
    /// Whether the answer is text or one JSON document.
    pub answer: AnswerFormat,
    /// The path of the hook that prepares the input, if the task has one.
    #[serde(default)]
    pub pre_process: Option<String>,
    /// The path of the hook that persists the answer, if the task has one.
    #[serde(default)]
    pub post_process: Option<String>,
    /// The most bytes an input may have, written as JSON.
    pub max_input_bytes: NonZeroUsize,
    /// The most bytes the rendered messages may have together.
    pub max_prompt_bytes: NonZeroUsize,
    /// The most bytes an answer may have.
    pub max_answer_bytes: NonZeroUsize,
    /// This task's deadlines: those of `[ticket]`, except where it has its own.
    pub ticket: TicketLimits,
    /// This task's retries: those of `[retry]`, except where it has its own.
    pub retry: Retries,
}

/// What tasks have that do not say otherwise, and those that only planners know.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// A task without a prompt.
    pub task: Task,
}

impl Task {
    /// The task's first prompt, where the configuration has it.
    pub fn content(&self) -> Option<Content> {
        Some(Content {
            messages: self.messages.clone()?,
            model: self.model.clone()?,
            parameters: self.parameters.clone(),
            answer: self.answer,
            input_schema: self.input_schema.clone(),
            answer_schema: self.answer_schema.clone(),
            partials: BTreeMap::new(),
        })
    }
}
