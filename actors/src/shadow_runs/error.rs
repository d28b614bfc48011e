//! Why something was not done with a shadow run.

use punchcard_events::shadow_run::Rejection;

use crate::aggregate::DeskError;
use crate::ports::{AppendError, ReadError};
use crate::prompts::PromptError;

/// Why something was not done with a shadow run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ShadowRunError {
    /// The prompt has no such version, or cannot be read.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// The candidate cannot be run at all.
    #[error("{0}")]
    Unusable(String),
    /// No ticket of the past was chosen.
    #[error("no answered ticket of this task was chosen, of {matched} that match")]
    NoCases {
        /// How many match.
        matched: u32,
    },
    /// The model has no price, so nobody knows what the run costs.
    #[error("the version's model has no price, so the cost of a run cannot be limited")]
    NoPrice,
    /// As many of the tenant's runs are running as may be.
    #[error("{0} shadow runs are running, and no more may be")]
    TooMany(usize),
    /// There is no such run.
    #[error("there is no such shadow run")]
    NoSuchRun,
    /// The run is not in a phase for that.
    #[error(transparent)]
    Rejected(Rejection),
    /// The store takes no events now, or cannot be read.
    #[error("{0}")]
    Unavailable(String),
}

impl From<DeskError<Rejection>> for ShadowRunError {
    fn from(error: DeskError<Rejection>) -> Self {
        match error {
            DeskError::Rejected(Rejection::Unknown) => Self::NoSuchRun,
            DeskError::Rejected(rejection) => Self::Rejected(rejection),
            DeskError::Conflict => {
                Self::Unavailable("others write to the run all the time".to_owned())
            }
            DeskError::Unavailable(reason)
            | DeskError::OutcomeUnknown(reason)
            | DeskError::Damaged(reason) => Self::Unavailable(reason),
        }
    }
}

impl From<ReadError> for ShadowRunError {
    fn from(error: ReadError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<AppendError> for ShadowRunError {
    fn from(error: AppendError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
