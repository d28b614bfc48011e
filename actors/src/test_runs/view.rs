//! A run as planners see it: each case beside what is in production, and both sums.

use punchcard_events::prompt::{Author, ContentHash, PromptTested, Tested};
use punchcard_events::test_run::{self, Arm, TestCaseFinished, TestRun, TestRunEnd};
use punchcard_events::ticket::Usage;
use punchcard_events::{TaskName, Timestamp};
use serde::Serialize;
use std::sync::Arc;
use uuid::Uuid;

use super::price::rounded;

/// A run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunView {
    /// Its id.
    pub run: Uuid,
    /// The task.
    pub task: TaskName,
    /// What is tested.
    pub tested: Tested,
    /// Its content.
    pub hash: ContentHash,
    /// The number of the test set.
    pub test_set: u32,
    /// How it stands.
    pub state: RunState,
    /// Why it was stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who started it.
    pub by: Author,
    /// When.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// How many cases there are.
    pub cases_total: u32,
    /// How many of them what is tested has answered.
    pub cases_done: u32,
    /// What it is compared with.
    pub baseline: Option<BaselineView>,
    /// The cases that were tried, by name.
    pub cases: Vec<CaseView>,
    /// The sums.
    pub totals: ArmTotals,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// It is going on.
    Running,
    /// Every case passed.
    Passed,
    /// A case failed.
    Failed,
    /// It was given up.
    Stopped,
    /// It began, did not end, and does not run here: its server stopped.
    Interrupted,
}

/// The version in production that a run is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BaselineView {
    /// The version.
    pub version: u32,
    /// Its content.
    pub hash: ContentHash,
    /// The earlier run its results are taken from; absent: it was asked in this one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reused: Option<Uuid>,
}

/// A case of what is tested, and of what is in production beside it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CaseView {
    /// The case's name.
    pub case: String,
    /// What came of it.
    #[serde(flatten)]
    pub result: CaseResult,
    /// What came of it in production, where that is known.
    pub baseline: Option<CaseResult>,
    /// The first beside the second.
    pub compared: Option<Compared>,
}

/// What came of a case.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CaseResult {
    /// What did not hold, each as a sentence; empty: it passed.
    pub failures: Vec<String>,
    /// The answer, shortened.
    pub answer: Option<Arc<str>>,
    /// Tokens, where they were counted.
    pub usage: Option<Usage>,
    /// What the call cost in US dollars, where the model has a price.
    pub cost_usd: Option<f64>,
    /// How long the call took, in milliseconds.
    pub latency_ms: u64,
}

/// What is tested beside what is in production.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Compared {
    /// It passes where production fails.
    Better,
    /// It fails where production passes.
    Worse,
    /// Both pass, or both fail.
    Same,
}

/// The sums of both.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ArmTotals {
    /// Of what is tested.
    pub candidate: Totals,
    /// Of what is in production, where it is another.
    pub baseline: Option<Totals>,
}

/// The sums of one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Totals {
    /// Cases tried.
    pub cases: u32,
    /// Cases failed.
    pub failed: u32,
    /// Tokens of the messages, as far as they were counted.
    pub prompt_tokens: u64,
    /// Tokens of the answers, as far as they were counted.
    pub completion_tokens: u64,
    /// US dollars; absent where any call has no cost.
    pub cost_usd: Option<f64>,
    /// The time of all calls, one after the other, in milliseconds.
    pub latency_ms: u64,
}

/// A run in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunLine {
    /// Its id.
    pub run: Uuid,
    /// What was tested.
    pub tested: Tested,
    /// Its content.
    pub hash: ContentHash,
    /// The number of the test set.
    pub test_set: u32,
    /// How it stands.
    pub state: RunState,
    /// How many cases there are.
    pub cases: u32,
    /// How many failed (so far).
    pub failed: u32,
    /// When it began, or ended, if it did.
    pub at: Timestamp,
    /// Who started it.
    pub by: Author,
}

impl RunView {
    pub(super) fn running(id: Uuid, run: TestRun) -> Self {
        Self::of(id, run, RunState::Running)
    }

    /// A run that has an end.
    pub(super) fn ended(id: Uuid, run: TestRun) -> Self {
        let state = match &run.end {
            Some(TestRunEnd::Finished(_)) if run.passed() => RunState::Passed,
            Some(TestRunEnd::Finished(_)) => RunState::Failed,
            Some(TestRunEnd::Stopped(_)) => RunState::Stopped,
            None => RunState::Interrupted,
        };
        Self::of(id, run, state)
    }

    /// A run that has none; its prompt may hold its result all the same.
    pub(super) fn without_end(id: Uuid, run: TestRun, result: Option<PromptTested>) -> Self {
        let state = match &result {
            Some(result) if result.passed() => RunState::Passed,
            Some(_) => RunState::Failed,
            None => RunState::Interrupted,
        };
        let mut view = Self::of(id, run, state);
        view.ended_at = result.map(|result| result.act.at);
        view
    }

    fn of(id: Uuid, run: TestRun, state: RunState) -> Self {
        let totals = ArmTotals {
            candidate: Totals::of(run.totals(Arm::Candidate)),
            baseline: run
                .started
                .baseline
                .map(|_| Totals::of(run.totals(Arm::Baseline))),
        };
        let (ended_at, reason) = match &run.end {
            Some(TestRunEnd::Finished(end)) => (Some(end.act.at), None),
            Some(TestRunEnd::Stopped(end)) => (Some(end.act.at), Some(end.reason.clone())),
            None => (None, None),
        };
        let mut cases: Vec<_> = run.cases(Arm::Candidate).to_vec();
        cases.sort_by(|one, other| one.case.cmp(&other.case));
        let beside = |case: TestCaseFinished| {
            let baseline = run.case(Arm::Baseline, &case.case);
            CaseView {
                compared: baseline.map(|baseline| compare(case.passed(), baseline.passed())),
                baseline: baseline.cloned().map(CaseResult::from),
                case: case.case.clone(),
                result: case.into(),
            }
        };
        let cases: Vec<_> = cases.into_iter().map(beside).collect();
        let started = run.started;
        Self {
            run: id,
            task: started.task,
            tested: started.tested,
            hash: started.hash,
            test_set: started.test_set,
            state,
            reason,
            by: started.act.by,
            started_at: started.act.at,
            ended_at,
            cases_total: started.cases,
            cases_done: u32::try_from(cases.len()).unwrap_or(u32::MAX),
            baseline: started.baseline.map(|baseline| BaselineView {
                version: baseline.version,
                hash: baseline.hash,
                reused: baseline.reused,
            }),
            cases,
            totals,
        }
    }
}

impl RunLine {
    pub(super) fn running(run: Uuid, state: &TestRun) -> Self {
        let started = &state.started;
        Self {
            run,
            tested: started.tested,
            hash: started.hash,
            test_set: started.test_set,
            state: RunState::Running,
            cases: started.cases,
            failed: state.totals(Arm::Candidate).failed,
            at: started.act.at,
            by: started.act.by.clone(),
        }
    }

    pub(super) fn ended(result: &PromptTested) -> Self {
        Self {
            run: result.run,
            tested: result.tested,
            hash: result.hash,
            test_set: result.test_set,
            state: if result.passed() {
                RunState::Passed
            } else {
                RunState::Failed
            },
            cases: result.cases,
            failed: result.failed,
            at: result.act.at,
            by: result.act.by.clone(),
        }
    }
}

impl From<TestCaseFinished> for CaseResult {
    fn from(case: TestCaseFinished) -> Self {
        Self {
            failures: case.failures,
            answer: case.answer,
            usage: case.usage,
            cost_usd: case.cost_usd,
            latency_ms: case.latency_ms,
        }
    }
}

impl Totals {
    fn of(totals: test_run::Totals) -> Self {
        Self {
            cases: totals.cases,
            failed: totals.failed,
            prompt_tokens: totals.prompt_tokens,
            completion_tokens: totals.completion_tokens,
            cost_usd: totals.cost_usd.map(rounded),
            latency_ms: totals.latency_ms,
        }
    }
}

const fn compare(candidate: bool, baseline: bool) -> Compared {
    match (candidate, baseline) {
        (true, false) => Compared::Better,
        (false, true) => Compared::Worse,
        (true, true) | (false, false) => Compared::Same,
    }
}
