//! What asking for something of a tenant can come to instead.

use punchcard_events::tenant::Rejection;

use crate::aggregate::DeskError;
use crate::ports::ReadError;

/// Why something asked of a tenant was not done. Nothing was changed, except perhaps after
/// [`Self::OutcomeUnknown`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TenantError {
    /// The command does not fit the tenant as it is.
    #[error(transparent)]
    Rejected(#[from] Rejection),
    /// There are as many tenants as there may be.
    #[error("there are {max} tenants, and there may be no more")]
    TooManyTenants {
        /// How many there may be.
        max: usize,
    },
    /// The tenant is not as whoever asked saw it.
    #[error("the tenant was changed since it was looked at")]
    Changed,
    /// Others changed the same tenant again and again meanwhile.
    #[error("the tenant was changed by others at the same time; look at it, and ask again")]
    Conflict,
    /// The store takes or gives nothing now.
    #[error("the event store does not answer: {0}")]
    Unavailable(String),
    /// The store did not say whether it was done.
    #[error("the event store did not say whether it was done; look before you ask again: {0}")]
    OutcomeUnknown(String),
    /// What is stored of the tenant cannot be read.
    #[error("the stored events of the tenant are damaged: {0}")]
    Damaged(String),
}

/// Why a command was not decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It does not fit the tenant as it is.
    Rejected(Rejection),
    /// The tenant is not as it was seen.
    Changed,
}

impl From<DeskError<Refusal>> for TenantError {
    fn from(error: DeskError<Refusal>) -> Self {
        match error {
            DeskError::Rejected(Refusal::Rejected(rejection)) => Self::Rejected(rejection),
            DeskError::Rejected(Refusal::Changed) => Self::Changed,
            DeskError::Conflict => Self::Conflict,
            DeskError::Unavailable(reason) => Self::Unavailable(reason),
            DeskError::OutcomeUnknown(reason) => Self::OutcomeUnknown(reason),
            DeskError::Damaged(reason) => Self::Damaged(reason),
        }
    }
}

impl From<ReadError> for TenantError {
    fn from(error: ReadError) -> Self {
        DeskError::<Refusal>::from(error).into()
    }
}
