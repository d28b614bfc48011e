//! Why something was not done to a batch.

use punchcard_events::batch::Rejection;

use crate::ports::{AppendError, ReadError};

/// Why something was not done to a batch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BatchError {
    /// The batch is not in a phase for that.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// As many of the tenant's batches are open as may be.
    #[error("{0} batches are open, and no more may be")]
    TooMany(usize),
    /// An upload with the same idempotency key is under way.
    #[error("an upload with this idempotency key is under way")]
    KeyInFlight,
    /// The upload has more lines than a batch may.
    #[error("a batch has at most {0} lines")]
    TooManyLines(u32),
    /// The store takes no events now, or cannot be read.
    #[error("{0}")]
    Unavailable(String),
}

impl From<AppendError> for BatchError {
    fn from(error: AppendError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<ReadError> for BatchError {
    fn from(error: ReadError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
