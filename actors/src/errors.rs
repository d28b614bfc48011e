//! What issuing and asking can come to instead of an answer.

use std::time::Duration;

use punchcard_events::ticket::Rejection;

use crate::admission::{Bound, Refusal};
use crate::ports::InputRefusal;
use crate::schedule::BadTime;
use crate::usage::Exceeded;

/// Why a ticket was not issued.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// The request does not fit the task.
    #[error(transparent)]
    Refused(#[from] InputRefusal),
    /// The times of the request do not fit.
    #[error(transparent)]
    BadTime(#[from] BadTime),
    /// The idempotency key was used for another request.
    #[error("the idempotency key was used before, with another request")]
    KeyReused,
    /// The first request with this idempotency key is not finished yet.
    #[error("a request with this idempotency key is being handled right now")]
    KeyInFlight,
    /// More than this runtime, or this tenant, takes now. Nothing was stored.
    #[error("too much is going on: the bound `{}` is met", .bound.as_str())]
    Overloaded {
        /// Which bound was met.
        bound: Bound,
        /// When it may be worth trying again.
        retry_after: Duration,
    },
    /// What the ticket may use would pass a budget. Nothing was stored.
    #[error("{} would be passed", .exceeded.limit)]
    BudgetExhausted {
        /// Which, and when its period ends.
        exceeded: Exceeded,
        /// When it may be worth trying again.
        retry_after: Duration,
    },
    /// The tenant has budgets, and what it used before the start is still being added up. Nothing
    /// was stored.
    #[error("what was used before is still being added up")]
    StillCounting,
    /// The store takes no events now. The ticket may exist all the same: repeat the request with
    /// the same idempotency key.
    #[error("{0}")]
    Unavailable(String),
    /// The runtime is stopping.
    #[error("the server is stopping")]
    Stopping,
}

impl From<Refusal> for IssueError {
    fn from(refusal: Refusal) -> Self {
        Self::Overloaded {
            bound: refusal.bound,
            retry_after: refusal.retry_after,
        }
    }
}

/// Why a ticket did not do as asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TicketError {
    /// There is no such ticket.
    #[error("there is no such ticket")]
    NotFound,
    /// The ticket is not in a state for that.
    #[error(transparent)]
    Rejected(Rejection),
    /// The ticket's actor has too much to do.
    #[error("the ticket is busy")]
    Busy,
    /// The store takes no events now.
    #[error("{0}")]
    Unavailable(String),
}

/// Why a failed ticket was not opened again. It is as it was.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RedriveError {
    /// It cannot be.
    #[error(transparent)]
    Ticket(#[from] TicketError),
    /// It failed so long ago that its tenant keeps it no longer.
    #[error("the ticket is kept no longer")]
    Expired,
    /// No ticket like it is taken now.
    #[error(transparent)]
    Refused(#[from] IssueError),
}
