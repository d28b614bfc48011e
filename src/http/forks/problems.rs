//! Why a ticket is not run again, as problems that say what to do.

use std::time::Duration;

use punchcard_actors::forks::ForkError;
use punchcard_actors::ports::AgainError;

use crate::http::errors::{Code, Problem};
use crate::http::prompts::problems::sentence;

/// When to come back for a prompt that could not be made ready.
const RETRY: Duration = Duration::from_secs(2);

impl From<ForkError> for Problem {
    fn from(error: ForkError) -> Self {
        let told = sentence(&error);
        match error {
            ForkError::NoSuchTicket => Self::no_such_ticket(),
            ForkError::Expired => Self::result_expired(),
            ForkError::Damaged => Self::internal(told),
            ForkError::NotPrepared => Self::new(Code::NotPrepared, told)
                .remedy("Wait until its input is ready, or redrive it if it has failed."),
            ForkError::NoMessages => Self::new(Code::NotPrepared, told)
                .remedy("Fork it from `requested`, which renders its input again."),
            ForkError::VersionOfMessages => Self::new(Code::InvalidRequest, told)
                .field("/from")
                .remedy("Fork it from `requested` to choose a version, or leave the version out."),
            ForkError::NoPrompt => Self::new(Code::InvalidRequest, told)
                .field("/version")
                .remedy("Leave the version out: its model and parameters can be others."),
            ForkError::UnknownModel(_) => {
                Self::new(Code::UnknownModel, told).field("/model").remedy(
                    "Name a model that this server is configured with and that you may choose.",
                )
            }
            ForkError::BadParameter { name, range } => Self::new(Code::InvalidRequest, told)
                .field(format!("/parameters/{name}"))
                .remedy(format!("Choose a number from {range}, or leave it out.")),
            ForkError::Again(error) => again(error, told),
            ForkError::Issue(error) => error.into(),
        }
    }
}

fn again(error: AgainError, told: String) -> Problem {
    match error {
        AgainError::UnknownTask(_) => Problem::new(Code::UnknownTask, told),
        AgainError::NotDeployed { .. } => Problem::new(Code::TaskNotDeployed, told)
            .field("/label")
            .remedy("Name a version, or a label that points to one."),
        AgainError::NoSuchVersion { .. } => Problem::new(Code::NoSuchVersion, told)
            .field("/version")
            .remedy("Choose one of the versions in the prompt's history."),
        AgainError::Broken(_) => Problem::new(Code::BrokenPrompt, told).remedy(
            "Choose another version; or begin a draft from this one, mend it and publish it.",
        ),
        AgainError::Unavailable(_) => Problem::later(Code::Overloaded, &told, RETRY, String::new()),
        AgainError::InvalidInput { pointer, .. } => Problem::new(Code::InvalidInput, told)
            .field(format!("/input{pointer}"))
            .remedy("Choose a version that takes inputs like this ticket's."),
        AgainError::Template(_) => Problem::new(Code::InvalidInput, told)
            .field("/input")
            .remedy("Choose a version whose texts this ticket's input fills in."),
    }
}
