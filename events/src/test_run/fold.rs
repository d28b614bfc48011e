//! A test run as its events tell it.

use super::{Arm, TestCaseFinished, TestRunEvent, TestRunFinished, TestRunStarted, TestRunStopped};
use crate::ticket::Usage;

/// A test run: the fold of its events.
#[derive(Debug, Clone, PartialEq)]
pub struct TestRun {
    /// What was asked for.
    pub started: TestRunStarted,
    /// The cases that the tested content has answered, in the order they ended.
    pub candidate: Vec<TestCaseFinished>,
    /// The cases that the version in production has answered, in the order they ended.
    pub baseline: Vec<TestCaseFinished>,
    /// How it ended; absent while it runs, and for ever where the runtime stopped under it.
    pub end: Option<TestRunEnd>,
}

/// How a test run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TestRunEnd {
    /// All cases were tried.
    Finished(TestRunFinished),
    /// It was given up.
    Stopped(TestRunStopped),
}

/// One arm's cases together.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Totals {
    /// Cases that were tried.
    pub cases: u32,
    /// Of these, those where something did not hold.
    pub failed: u32,
    /// Tokens of the messages, of the cases whose model counted them.
    pub prompt_tokens: u64,
    /// Tokens of the answers, of the cases whose model counted them.
    pub completion_tokens: u64,
    /// The cost in US dollars; absent where any case has none, or there are none.
    pub cost_usd: Option<f64>,
    /// The sum of the cases' latencies, in milliseconds.
    pub latency_ms: u64,
}

impl TestRun {
    /// The run after a whole history; `None`: it never started.
    pub fn replay<'a>(history: impl IntoIterator<Item = &'a TestRunEvent>) -> Option<Self> {
        history.into_iter().fold(None, Self::fold)
    }

    /// The run after one more event. Total: what cannot happen changes nothing.
    #[must_use]
    pub fn fold(run: Option<Self>, event: &TestRunEvent) -> Option<Self> {
        let Some(mut run) = run else {
            return first(event);
        };
        if run.end.is_some() {
            return Some(run);
        }
        match event {
            TestRunEvent::TestRunStarted(_) => {}
            TestRunEvent::TestCaseFinished(case) => run.tried(case),
            TestRunEvent::TestRunFinished(end) => {
                run.end = Some(TestRunEnd::Finished(end.clone()));
            }
            TestRunEvent::TestRunStopped(end) => run.end = Some(TestRunEnd::Stopped(end.clone())),
        }
        Some(run)
    }

    /// The cases of one arm.
    pub fn cases(&self, arm: Arm) -> &[TestCaseFinished] {
        match arm {
            Arm::Candidate => &self.candidate,
            Arm::Baseline => &self.baseline,
        }
    }

    /// One arm's result of a case, where it was tried.
    pub fn case(&self, arm: Arm, name: &str) -> Option<&TestCaseFinished> {
        self.cases(arm).iter().find(|case| case.case == name)
    }

    /// One arm's cases together.
    pub fn totals(&self, arm: Arm) -> Totals {
        let cases = self.cases(arm);
        let mut totals = Totals {
            cost_usd: (!cases.is_empty()).then_some(0.0),
            ..Totals::default()
        };
        for case in cases {
            totals.add(case);
        }
        totals
    }

    /// Whether every case of the tested content was tried and passed.
    pub fn passed(&self) -> bool {
        match &self.end {
            Some(TestRunEnd::Finished(end)) => self.started.cases > 0 && end.failed == 0,
            Some(TestRunEnd::Stopped(_)) | None => false,
        }
    }

    /// A case is tried once by each arm.
    fn tried(&mut self, case: &TestCaseFinished) {
        if self.case(case.arm, &case.case).is_some() {
            return;
        }
        match case.arm {
            Arm::Candidate => self.candidate.push(case.clone()),
            Arm::Baseline => self.baseline.push(case.clone()),
        }
    }
}

impl Totals {
    fn add(&mut self, case: &TestCaseFinished) {
        let Usage {
            prompt_tokens,
            completion_tokens,
        } = case.usage.unwrap_or(Usage {
            prompt_tokens: 0,
            completion_tokens: 0,
        });
        self.cases = self.cases.saturating_add(1);
        self.failed = self.failed.saturating_add(u32::from(!case.passed()));
        self.prompt_tokens = self.prompt_tokens.saturating_add(prompt_tokens);
        self.completion_tokens = self.completion_tokens.saturating_add(completion_tokens);
        self.cost_usd = self
            .cost_usd
            .zip(case.cost_usd)
            .map(|(sum, cost)| sum + cost);
        self.latency_ms = self.latency_ms.saturating_add(case.latency_ms);
    }
}

impl TestCaseFinished {
    /// Whether everything held.
    pub const fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

fn first(event: &TestRunEvent) -> Option<TestRun> {
    match event {
        TestRunEvent::TestRunStarted(started) => Some(TestRun {
            started: started.clone(),
            candidate: vec![],
            baseline: vec![],
            end: None,
        }),
        TestRunEvent::TestCaseFinished(_)
        | TestRunEvent::TestRunFinished(_)
        | TestRunEvent::TestRunStopped(_) => None,
    }
}
