//! Why a ticket is not run again.

use crate::errors::IssueError;
use crate::ports::{AgainError, ReadError};

/// Why a ticket is not run again. Nothing was stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForkError {
    /// There is no such ticket, or it is another tenant's.
    #[error("there is no such ticket")]
    NoSuchTicket,
    /// It ended so long ago that its texts are not to be used any more.
    #[error("the ticket ended longer ago than its tenant keeps texts")]
    Expired,
    /// Its history is damaged, for a reason that the log says.
    #[error("the ticket's history is damaged")]
    Damaged,
    /// The tenant's API has not made its input ready, and a fork does not call it.
    #[error("the tenant's API has not made the ticket's input ready, and a fork does not call it")]
    NotPrepared,
    /// Nothing was rendered yet that could be sent again.
    #[error("no messages were rendered for the ticket yet")]
    NoMessages,
    /// Messages are sent word for word, so a version has no part in that.
    #[error("messages that are sent again word for word have no other version")]
    VersionOfMessages,
    /// It ran no prompt, so there is no version to choose.
    #[error("the ticket ran no prompt, only its own messages")]
    NoPrompt,
    /// There is no such model.
    #[error("there is no model `{0}`")]
    UnknownModel(String),
    /// A parameter is out of its range.
    #[error("{name} is outside {range}")]
    BadParameter {
        /// Which.
        name: &'static str,
        /// What it may be.
        range: &'static str,
    },
    /// The input cannot be rendered again like that.
    #[error(transparent)]
    Again(#[from] AgainError),
    /// It was not issued.
    #[error(transparent)]
    Issue(#[from] IssueError),
}

impl From<ReadError> for ForkError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable(reason) => Self::Issue(IssueError::Unavailable(reason)),
            ReadError::Damaged(reason) => {
                tracing::error!(reason, "a ticket's history cannot be used");
                Self::Damaged
            }
        }
    }
}
