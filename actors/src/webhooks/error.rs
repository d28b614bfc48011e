//! What asking for something of an endpoint can come to instead.

use punchcard_events::endpoint::{MAX_ENDPOINTS, Rejection};

use crate::ports::{AppendError, LogError, ReadError};

/// Why something asked of an endpoint was not done. Nothing was changed, except perhaps after
/// [`Self::OutcomeUnknown`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// The command does not fit the endpoint as it is, or there is none.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// The tenant has as many as it may have.
    #[error("there are {MAX_ENDPOINTS} webhook endpoints, and there may be no more")]
    TooMany,
    /// Others changed the same endpoint again and again meanwhile.
    #[error("the webhook endpoint was changed by others at the same time; ask again")]
    Conflict,
    /// The store takes or gives nothing now.
    #[error("the event store does not answer: {0}")]
    Unavailable(String),
    /// The store did not say whether it was done.
    #[error("the event store did not say whether it was done; look before you ask again: {0}")]
    OutcomeUnknown(String),
    /// What is stored cannot be read.
    #[error("stored events are damaged: {0}")]
    Damaged(String),
}

impl From<AppendError> for WebhookError {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Conflict { .. } => Self::Conflict,
            AppendError::Unavailable(why) => Self::Unavailable(why),
            AppendError::OutcomeUnknown(why) => Self::OutcomeUnknown(why),
        }
    }
}

impl From<ReadError> for WebhookError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable(why) => Self::Unavailable(why),
            ReadError::Damaged(why) => Self::Damaged(why),
        }
    }
}

impl From<LogError> for WebhookError {
    fn from(error: LogError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
