//! A test run: a prompt's content tried on every case of a test set. Each run has a stream of its
//! own, `test-run-<uuid>`, with every answer; the prompt's stream gets the result
//! ([`PromptTested`](crate::prompt::PromptTested)).
//!
//! Nothing decides here: a run goes from its start to its end, and a restart of the runtime in
//! between leaves it without an end, which readers see.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::codec::{finite, stored};
use crate::ids::{StreamName, TaskName};
use crate::prompt::{Act, ContentHash, Tested};
use crate::recorded::Upcaster;
use crate::ticket::Usage;

mod fold;

pub use fold::{TestRun, TestRunEnd, Totals};

/// Every upcaster of test run events ever needed. Empty while all types are at version 1.
const UPCASTERS: &[Upcaster] = &[];

stored!(
    TestRunEvent,
    UPCASTERS,
    [
        TestRunStarted @ 1,
        TestCaseFinished @ 1,
        TestRunFinished @ 1,
        TestRunStopped @ 1,
    ]
);

/// One event of a test run.
#[derive(Debug, Clone, PartialEq)]
pub enum TestRunEvent {
    /// The run began.
    TestRunStarted(TestRunStarted),
    /// A case was tried.
    TestCaseFinished(TestCaseFinished),
    /// All cases were tried.
    TestRunFinished(TestRunFinished),
    /// The run was given up.
    TestRunStopped(TestRunStopped),
}

/// Body of `TestRunStarted`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestRunStarted {
    /// The task.
    pub task: TaskName,
    /// What is tested.
    pub tested: Tested,
    /// The content that is tested.
    pub hash: ContentHash,
    /// The version in production that it is compared with, if there is one and it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub baseline: Option<Baseline>,
    /// The number of the test set.
    pub test_set: u32,
    /// How many cases it has.
    pub cases: u32,
    /// When and by whom.
    pub act: Act,
}

/// What a test run is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Baseline {
    /// The version.
    pub version: u32,
    /// Its hash.
    pub hash: ContentHash,
    /// The earlier run whose results of this content are used again; absent: the content is asked
    /// in this run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reused: Option<Uuid>,
}

/// Which of the two contents answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// What is tested.
    Candidate,
    /// What is in production.
    Baseline,
}

/// Body of `TestCaseFinished`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestCaseFinished {
    /// The case's name.
    pub case: String,
    /// Which content answered.
    pub arm: Arm,
    /// What did not hold, each as a sentence; empty: the case passed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<String>,
    /// The answer, shortened to 64 KiB; absent where there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Arc<str>>,
    /// Tokens of the answer's call, where the model counted them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// What the call cost in US dollars, where the model has a price.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "finite"
    )]
    pub cost_usd: Option<f64>,
    /// From the start of the call to the complete answer, in milliseconds.
    pub latency_ms: u64,
}

/// Body of `TestRunFinished`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestRunFinished {
    /// How many of the candidate's cases failed; the run passed if none did.
    pub failed: u32,
    /// When.
    pub act: Act,
}

/// Body of `TestRunStopped`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestRunStopped {
    /// Why.
    pub reason: String,
    /// When and by whom.
    pub act: Act,
}

/// The stream of a run.
pub fn stream(run: Uuid) -> StreamName {
    StreamName::of_uuid("test-run", run)
}
