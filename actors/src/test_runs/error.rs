//! What asking for a test run can come to instead.

use punchcard_events::TaskName;
use uuid::Uuid;

use crate::ports::ReadError;
use crate::prompts::PromptError;

/// Why something asked of test runs was not done.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TestRunError {
    /// The prompt says no: there is none of this name, or it has mistakes.
    #[error(transparent)]
    Prompt(#[from] PromptError),
    /// There is nothing to test with.
    #[error("the task `{0}` has no test cases; write at least one, then test")]
    NoTestCases(TaskName),
    /// The content cannot be used at all.
    #[error("the prompt cannot be tested: {0}")]
    Unusable(String),
    /// The tenant's runs take all the room it has.
    #[error("{0} test runs are going on already; wait until one ends, or stop one")]
    TooManyOfTenant(usize),
    /// All tenants' runs together take all the room there is.
    #[error("{0} test runs are going on in this server already; try again in a minute")]
    TooMany(usize),
    /// The tenant has no such run.
    #[error("there is no test run {0}")]
    NoSuchRun(Uuid),
    /// The store takes or gives nothing now.
    #[error("the event store does not answer: {0}")]
    Unavailable(String),
    /// What is stored of the run cannot be read.
    #[error("the stored events of the test run are damaged: {0}")]
    Damaged(String),
    /// The runtime is stopping.
    #[error("the server is stopping; test again when it is back")]
    Stopping,
}

impl From<ReadError> for TestRunError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable(reason) => Self::Unavailable(reason),
            ReadError::Damaged(reason) => Self::Damaged(reason),
        }
    }
}
