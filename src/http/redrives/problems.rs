//! What a refusal is over HTTP.

use std::time::Duration;

use punchcard_actors::redrives::RedrivesError;
use punchcard_actors::tickets::RedriveError;
use punchcard_events::redrive::Rejection;

use crate::http::errors::{Code, Problem, store_unavailable};

impl From<RedriveError> for Problem {
    fn from(error: RedriveError) -> Self {
        match error {
            RedriveError::Ticket(error) => error.into(),
            RedriveError::Expired => Self::result_expired(),
            RedriveError::Refused(error) => error.into(),
        }
    }
}

impl From<RedrivesError> for Problem {
    fn from(error: RedrivesError) -> Self {
        let detail = error.to_string();
        match error {
            RedrivesError::Rejected(Rejection::Unknown) => {
                Self::new(Code::NotFound, "There is no such redrive.")
            }
            RedrivesError::Rejected(Rejection::OutOfRange(_)) => {
                Self::new(Code::InvalidRequest, detail)
            }
            RedrivesError::Rejected(
                Rejection::AlreadyStarted | Rejection::Ended(_) | Rejection::WrongBatch,
            ) => Self::new(
                Code::RedriveEnded,
                "The redrive has ended. Start another one.",
            ),
            RedrivesError::Running(running) => Self::new(
                Code::RedriveRunning,
                format!(
                    "The redrive {running} is still running. Wait until it has ended, or stop it."
                ),
            ),
            RedrivesError::NothingMatches => {
                Self::new(Code::NoDeadLetters, "No failed tickets match the filter.").remedy(
                    "See `GET /v1/dead-letters` for those that there are, or widen the filter.",
                )
            }
            RedrivesError::Conflict => Self::later(
                Code::Overloaded,
                "The redrive is busy. Repeat the request in a moment.",
                Duration::from_secs(1),
                String::new(),
            ),
            RedrivesError::Unavailable(cause) => store_unavailable(cause),
            RedrivesError::Damaged(cause) => Self::internal(cause),
        }
    }
}
