//! Why something was not done with a redrive.

use punchcard_events::redrive::Rejection;
use uuid::Uuid;

use crate::aggregate::DeskError;
use crate::ports::ReadError;

/// Why something was not done with a redrive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedrivesError {
    /// It does not fit the redrive as it is.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The tenant has one that runs.
    #[error("the redrive {0} is still running")]
    Running(Uuid),
    /// No failed ticket is meant. Nothing was stored.
    #[error("no failed tickets match")]
    NothingMatches,
    /// Others wrote to it again and again.
    #[error("others write to the redrive all the time")]
    Conflict,
    /// The store takes or gives nothing now, or did not say what became of it.
    #[error("{0}")]
    Unavailable(String),
    /// What is stored cannot be read.
    #[error("{0}")]
    Damaged(String),
}

impl From<DeskError<Rejection>> for RedrivesError {
    fn from(error: DeskError<Rejection>) -> Self {
        match error {
            DeskError::Rejected(rejection) => Self::Rejected(rejection),
            DeskError::Conflict => Self::Conflict,
            DeskError::Unavailable(reason) | DeskError::OutcomeUnknown(reason) => {
                Self::Unavailable(reason)
            }
            DeskError::Damaged(reason) => Self::Damaged(reason),
        }
    }
}

impl From<ReadError> for RedrivesError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable(reason) => Self::Unavailable(reason),
            ReadError::Damaged(reason) => Self::Damaged(reason),
        }
    }
}
