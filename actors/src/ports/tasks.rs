//! The tasks a tenant may run and the prompts behind them, read by tickets without I/O.

use std::sync::Arc;
use std::time::Duration;

use punchcard_events::ticket::{Message, Parameters, PromptRef, Terms};
use punchcard_events::{TaskName, TenantId, Timestamp};
use serde_json::Value;

/// The book of tasks and prompts. Reads are from memory; a change of the book is seen by the next
/// read.
pub trait TaskBook: Send + Sync + 'static {
    /// Where the task's tickets wait for a model: asked before anything costly. `None` where
    /// there is no such task.
    fn lane(&self, tenant: &TenantId, task: &TaskName) -> Option<Lane>;

    /// Checks a request and gives the terms a ticket is accepted under.
    ///
    /// # Errors
    /// When there is no such task or the input does not fit it.
    fn accept(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        input: &Value,
        now: Timestamp,
    ) -> Result<Terms, InputRefusal>;

    /// Renders the task's prompt with `input`.
    ///
    /// # Errors
    /// When the task is gone or the template cannot be rendered with this input.
    fn prepare(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        input: &Value,
    ) -> Result<Prepared, PrepareError>;

    /// Checks a complete answer against the task's answer schema, if it has one.
    ///
    /// # Errors
    /// With a sentence that says what does not fit, without quoting the answer.
    fn check_answer(&self, tenant: &TenantId, task: &TaskName, content: &str)
    -> Result<(), String>;
}

/// Where the tickets of a task wait for a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// The models that may serve them, the first choice first.
    pub models: Vec<String>,
    /// A ticket that would wait longer than this is refused at its issue.
    pub max_wait: Duration,
}

/// A rendered prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// Which prompt it was.
    pub prompt: PromptRef,
    /// The messages, word for word.
    pub messages: Arc<[Message]>,
    /// The model to ask.
    pub model: String,
    /// How to ask it.
    pub parameters: Arc<Parameters>,
}

/// Why a request was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputRefusal {
    /// The tenant has no such task.
    #[error("there is no task `{0}`")]
    UnknownTask(TaskName),
    /// A part of the input does not fit the task.
    #[error("{message}")]
    InvalidInput {
        /// Where, as a JSON pointer (RFC 6901) from the request's root, such as `/input/essay`.
        field: String,
        /// What does not fit and what would.
        message: String,
    },
    /// The input is too large.
    #[error("the input has {actual} bytes, the task takes at most {limit}")]
    InputTooLarge {
        /// Its size as JSON, in bytes.
        actual: usize,
        /// The most the task takes, in bytes.
        limit: usize,
    },
}

/// Why a prompt could not be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrepareError {
    /// The tenant has no such task any more.
    #[error("there is no task `{0}` any more")]
    UnknownTask(TaskName),
    /// The template and the input do not fit together.
    #[error("{0}")]
    Template(String),
}
