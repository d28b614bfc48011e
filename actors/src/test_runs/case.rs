//! Trying one case with one content.

use std::sync::Arc;
use std::time::Duration;

use punchcard_events::prompt::{Expectation, TestCase};
use punchcard_events::test_run::{Arm, TestCaseFinished};
use tokio::time::timeout;

use super::aside::aside;
use super::ask::{Answer, Asking, Question};
use super::plan::Subject;
use super::price::Price;
use crate::ports::{Answered, Grading, Verdict};

/// The case of this place in the test set, to be tried with this content.
pub(super) struct Job {
    pub(super) case: TestCase,
    pub(super) subject: Subject,
    /// What the content's model costs.
    pub(super) price: Option<Price>,
    /// For each answer.
    pub(super) deadline: Duration,
}

impl Job {
    /// Tries it. Whatever goes wrong is a failure of the case.
    pub(super) async fn run(self, asking: &Asking) -> TestCaseFinished {
        let (judge, input) = (
            Arc::clone(&self.subject.judge),
            Arc::clone(&self.case.input),
        );
        let question = match aside(move || judge.render(&input)).await {
            Ok(messages) => Question {
                model: Arc::clone(&self.subject.model),
                messages,
                parameters: Arc::clone(&self.subject.parameters),
                max_answer_bytes: self.subject.max_answer_bytes,
            },
            Err(why) => {
                let why = format!("The prompt cannot be filled in with this input: {why}.");
                return failed(self.case.name, self.subject.arm, why);
            }
        };
        let answer = match self.ask(asking, &question).await {
            Ok(answer) => answer,
            Err(why) => {
                let why = format!("The model gave no answer: {why}.");
                return failed(self.case.name, self.subject.arm, why);
            }
        };
        let answered = Answered {
            input: Arc::clone(&self.case.input),
            content: answer.content,
            usage: answer.usage,
            latency_ms: u64::try_from(answer.latency.as_millis()).unwrap_or(u64::MAX),
        };
        let mut failures = Vec::new();
        for expected in &self.case.expect {
            if let Err(why) = self.judge(asking, expected, &answered).await {
                failures.push(why);
            }
        }
        let price = self.price;
        TestCaseFinished {
            case: self.case.name,
            arm: self.subject.arm,
            failures,
            cost_usd: price
                .zip(answered.usage)
                .and_then(|(price, usage)| price.cost(usage)),
            answer: Some(answered.content),
            usage: answered.usage,
            latency_ms: answered.latency_ms,
        }
    }

    async fn judge(
        &self,
        asking: &Asking,
        expected: &Expectation,
        answered: &Answered,
    ) -> Result<(), String> {
        let judge = Arc::clone(&self.subject.judge);
        let (on, of) = (expected.clone(), answered.clone());
        let verdict = match aside(move || judge.judge(&on, &of)).await {
            Verdict::AskModel(grading) => self.grade(asking, expected, grading).await,
            told @ (Verdict::Holds | Verdict::Fails(_)) => told,
        };
        match verdict {
            Verdict::Holds => Ok(()),
            Verdict::Fails(why) => Err(why),
            Verdict::AskModel(_) => Err("The judging model gave no verdict.".to_owned()),
        }
    }

    async fn grade(&self, asking: &Asking, expected: &Expectation, grading: Grading) -> Verdict {
        let rubric = match expected {
            Expectation::Rubric { text, .. } => text.as_str(),
            Expectation::FitsSchema
            | Expectation::Contains(_)
            | Expectation::NotContains(_)
            | Expectation::Matches(_)
            | Expectation::JsonEquals { .. }
            | Expectation::NumberBetween { .. }
            | Expectation::LengthBetween { .. }
            | Expectation::Language(_)
            | Expectation::LatencyUnderMs(_)
            | Expectation::TokensUnder(_) => "",
        };
        let model = grading.model.map(Arc::from);
        let question = Question {
            model: model.unwrap_or_else(|| Arc::clone(&self.subject.model)),
            messages: grading.messages,
            parameters: grading.parameters,
            max_answer_bytes: asking.max_answer_bytes,
        };
        match self.ask(asking, &question).await {
            Ok(reply) => self.subject.judge.grade(rubric, &reply.content),
            Err(why) => Verdict::Fails(format!("The judging model gave no verdict: {why}.")),
        }
    }

    /// Asks within the deadline.
    async fn ask(&self, asking: &Asking, question: &Question) -> Result<Answer, String> {
        match timeout(self.deadline, asking.ask(question)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(error.message),
            Err(_) => Err(format!("it took more than {} s", self.deadline.as_secs())),
        }
    }
}

/// A case that has no answer to judge.
pub(super) fn failed(case: String, arm: Arm, why: String) -> TestCaseFinished {
    TestCaseFinished {
        case,
        arm,
        failures: vec![why],
        answer: None,
        usage: None,
        cost_usd: None,
        latency_ms: 0,
    }
}
