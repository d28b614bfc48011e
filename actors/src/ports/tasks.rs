//! The tasks a tenant may run and the prompts behind them, read by tickets without I/O.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use punchcard_events::ticket::{AnswerFormat, Conversation, Message, Parameters, PromptRef, Terms};
use punchcard_events::{LabelName, TaskName, TenantId, Timestamp};
use serde_json::Value;

/// What a ticket asks to be run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked<'a> {
    /// Whose task.
    pub tenant: &'a TenantId,
    /// The task.
    pub task: &'a TaskName,
    /// The label whose version is to run; `None`: `production`, and with it a canary.
    pub label: Option<&'a LabelName>,
    /// What is said beside the prompt, or in place of one; `None`: the input is all.
    pub conversation: Option<&'a Conversation>,
}

impl<'a> Asked<'a> {
    /// What tickets ask for that name no label.
    pub const fn in_production(tenant: &'a TenantId, task: &'a TaskName) -> Self {
        Self {
            tenant,
            task,
            label: None,
            conversation: None,
        }
    }

    /// The model that is asked without a prompt, where one is.
    pub fn raw_model(&self) -> Option<&'a str> {
        self.conversation?.model.as_deref()
    }
}

/// The book of tasks and prompts. Reads are from memory; a change of the book is seen by the next
/// read. Only [`Self::check_answer`] may have to fetch a prompt that is not in effect any more.
#[async_trait]
pub trait TaskBook: Send + Sync + 'static {
    /// Where the task's tickets wait for a model: asked before anything costly. `None` where
    /// there is no such task, or nothing of it is in effect.
    fn lane(&self, asked: Asked<'_>) -> Option<Lane>;

    /// Checks a request and gives the terms a ticket is accepted under. An input that is null beside
    /// a conversation is one that nobody gave: the conversation says what there is to say.
    ///
    /// # Errors
    /// When there is no such task, none of its versions is in effect, or the input does not fit it.
    fn accept(
        &self,
        asked: Asked<'_>,
        input: &Value,
        now: Timestamp,
    ) -> Result<Terms, InputRefusal>;

    /// Renders with `input` the version that is in effect now for `sticky`: the user, or the ticket
    /// where it has none. The same `sticky` gets the same side of a canary each time.
    ///
    /// # Errors
    /// When nothing is in effect any more or the template cannot be rendered with this input.
    fn prepare(
        &self,
        asked: Asked<'_>,
        sticky: &str,
        input: &Value,
    ) -> Result<Prepared, PrepareError>;

    /// Renders a past ticket's input again, without canaries: with a version that need not be in effect
    /// any more, or with the one that the label points to.
    ///
    /// # Errors
    /// See [`AgainError`].
    async fn render_again(
        &self,
        asked: Asked<'_>,
        again: Again<'_>,
    ) -> Result<Prepared, AgainError>;

    /// The terms of a ticket that calls nobody but `model`, and where it waits for that; `None` where
    /// there is no such model, or no such tenant.
    fn terms_of_fork(
        &self,
        asked: Asked<'_>,
        model: &str,
        answer_format: AnswerFormat,
        now: Timestamp,
    ) -> Option<(Terms, Lane)>;

    /// Checks a complete answer against what the ticket's own version of the prompt asked for,
    /// whatever is in effect by now.
    ///
    /// # Errors
    /// When it does not fit, or cannot be checked. An answer is taken unchecked only where the task
    /// never had a prompt in the store; where no prompt was run, its size alone is looked at.
    async fn check_answer(
        &self,
        asked: Asked<'_>,
        prompt: &PromptRef,
        content: &str,
    ) -> Result<(), AnswerError>;
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
    /// What the answer must be.
    pub answer_format: AnswerFormat,
}

/// What of a past ticket is rendered again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Again<'a> {
    /// The version; `None`: the one that the label points to.
    pub version: Option<u32>,
    /// The input, as it was ready for the prompt.
    pub input: &'a Value,
    /// Whether the tenant's API made it ready: it need not be what an issuer may send then.
    pub prepared_by_hook: bool,
}

/// Why a past ticket's input cannot be rendered again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AgainError {
    /// The tenant has no such task any more.
    #[error("there is no task `{0}` any more")]
    UnknownTask(TaskName),
    /// The label points to no version.
    #[error("the task `{task}` has no version in `{label}`")]
    NotDeployed {
        /// The task.
        task: TaskName,
        /// The label that was asked for, or `production`.
        label: LabelName,
    },
    /// The prompt has no such version.
    #[error("the prompt `{task}` has no version {version}")]
    NoSuchVersion {
        /// The task.
        task: TaskName,
        /// The version that was asked for.
        version: u32,
    },
    /// The version cannot be used under today's configuration.
    #[error("this version of the prompt `{0}` cannot be used any more")]
    Broken(TaskName),
    /// The prompt cannot be made ready now. Nothing is wrong with it.
    #[error("the prompt of the task `{0}` cannot be made ready now: ask again in a moment")]
    Unavailable(TaskName),
    /// A part of the input does not fit the version.
    #[error("{message}")]
    InvalidInput {
        /// Where in the input, as a JSON pointer (RFC 6901).
        pointer: String,
        /// What does not fit and what would.
        message: String,
    },
    /// The template and the input do not fit together.
    #[error("{0}")]
    Template(String),
}

/// Why a request was not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InputRefusal {
    /// The tenant has no such task.
    #[error("there is no task `{0}`")]
    UnknownTask(TaskName),
    /// The label points to no version.
    #[error("the task `{task}` has no version in `{label}` yet: publish one and deploy it there")]
    NotDeployed {
        /// The task.
        task: TaskName,
        /// The label that was asked for, or `production`.
        label: LabelName,
    },
    /// The task takes no new tickets.
    #[error("the task `{0}` is retired and takes no new tickets")]
    Retired(TaskName),
    /// The task's prompt cannot be used, for a reason that the log says.
    #[error("the prompt of the task `{0}` cannot be used")]
    Broken(TaskName),
    /// The task's prompt cannot be made ready now; later it may be.
    #[error("the prompt of the task `{0}` cannot be made ready now: issue the ticket again later")]
    Unavailable(TaskName),
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
    /// The label points to no version any more.
    #[error("the task `{task}` has no version in `{label}` any more")]
    NotDeployed {
        /// The task.
        task: TaskName,
        /// The label that was asked for, or `production`.
        label: LabelName,
    },
    /// The task's prompt cannot be used, for a reason that the log says.
    #[error("the prompt of the task `{0}` cannot be used")]
    Broken(TaskName),
    /// The prompt cannot be made ready now. Nothing is wrong with it: ask again in a moment.
    #[error("the prompt of the task `{0}` cannot be made ready now")]
    Unavailable(TaskName),
    /// The template and the input do not fit together.
    #[error("{0}")]
    Template(String),
}

/// Why an answer was not taken. The sentences do not quote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// It is not what the prompt asked for.
    #[error("{0}")]
    Misfit(String),
    /// The prompt that asked for it cannot be had, so nobody can say.
    #[error("{0}")]
    Unavailable(String),
}
