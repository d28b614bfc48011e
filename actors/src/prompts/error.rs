//! What asking for something of a prompt can come to instead.

use punchcard_events::TaskName;
use punchcard_events::partial::PartialRejection;
use punchcard_events::prompt::Rejection;

use super::name::ContentName;
use crate::ports::{AppendError, Finding, ReadError};

/// Why something asked of a prompt was not done. Nothing was changed, except perhaps after
/// [`Self::OutcomeUnknown`].
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PromptError {
    /// The tenant has no prompt for this task.
    #[error("there is no prompt `{0}`")]
    NoSuchPrompt(TaskName),
    /// The prompt has nothing of this name.
    #[error("the prompt `{task}` has no {name}")]
    NoSuchContent {
        /// The prompt's task.
        task: TaskName,
        /// What was asked for.
        name: ContentName,
    },
    /// The command does not fit the prompt as it is.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The command does not fit the partials as they are.
    #[error(transparent)]
    PartialRejected(#[from] PartialRejection),
    /// The content has mistakes, so it can neither be tested nor published.
    #[error("the prompt has mistakes that keep it from being used: {}", first(.findings))]
    Broken {
        /// All that was found, warnings too.
        findings: Vec<Finding>,
    },
    /// The version was sound when it was published, and is not by today's configuration.
    #[error("version {version} cannot be used any more: {}", first(.findings))]
    BrokenVersion {
        /// The version.
        version: u32,
        /// All that was found, warnings too.
        findings: Vec<Finding>,
    },
    /// The tenant has as many prompts as it may have.
    #[error("there are {max} prompts, and there may be no more; use one of them for this")]
    TooManyPrompts {
        /// How many there may be.
        max: usize,
    },
    /// Others changed the same prompt again and again meanwhile.
    #[error("the prompt was changed by others at the same time; look at it, and ask again")]
    Conflict,
    /// The store takes or gives nothing now.
    #[error("the event store does not answer: {0}")]
    Unavailable(String),
    /// The store did not say whether it was done.
    #[error("the event store did not say whether it was done; look before you ask again: {0}")]
    OutcomeUnknown(String),
    /// What is stored of the prompt cannot be read.
    #[error("the stored events of the prompt are damaged: {0}")]
    Damaged(String),
}

impl From<ReadError> for PromptError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable(reason) => Self::Unavailable(reason),
            ReadError::Damaged(reason) => Self::Damaged(reason),
        }
    }
}

impl From<AppendError> for PromptError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Conflict { .. } => Self::Conflict,
            AppendError::Unavailable(reason) => Self::Unavailable(reason),
            AppendError::OutcomeUnknown(reason) => Self::OutcomeUnknown(reason),
        }
    }
}

fn first(findings: &[Finding]) -> String {
    let is_error = |finding: &&Finding| finding.severity == crate::ports::Severity::Error;
    let first = findings.iter().find(is_error);
    first.map(ToString::to_string).unwrap_or_default()
}
