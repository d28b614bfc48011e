//! What a test run needs to know of a prompt's content: the messages it makes of an input, and
//! whether an answer is what a test case expects.
//!
//! Nothing here calls a model. An expectation that only a model can judge comes back as the
//! question to put to it ([`Verdict::AskModel`]); what the model says is read by [`Judge::grade`].

use std::num::NonZeroUsize;
use std::sync::Arc;

use punchcard_events::prompt::{Content, Expectation, TestCase};
use punchcard_events::ticket::{Message, Parameters, Usage};
use punchcard_events::{TaskName, TenantId};
use serde_json::Value;

use super::prompts::Finding;

/// Makes judges, one for each content that is tested.
pub trait Judges: Send + Sync + 'static {
    /// A judge for `content`, its partials written in, by the settings of the task that it belongs
    /// to. This may take a while.
    ///
    /// # Errors
    /// With a sentence that says why the content cannot be used.
    fn of(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        content: &Arc<Content>,
    ) -> Result<Arc<dyn Judge>, String>;

    /// Finds what is wrong with the cases of a test set; `content` is what they are going to be
    /// tried with, where there is something.
    fn check(&self, cases: &[TestCase], content: Option<&Arc<Content>>) -> Vec<Finding>;
}

/// One content under test. Rendering and judging are plain work that may take a while.
pub trait Judge: Send + Sync {
    /// The messages for `input`.
    ///
    /// # Errors
    /// With a sentence that says why there are none.
    fn render(&self, input: &Value) -> Result<Arc<[Message]>, String>;

    /// The most bytes that an answer may have, where the task says so.
    fn max_answer_bytes(&self) -> Option<NonZeroUsize> {
        None
    }

    /// Whether `answered` is what is expected.
    fn judge(&self, expected: &Expectation, answered: &Answered) -> Verdict;

    /// What the model that was asked for a [`Grading`] of `rubric` has decided. Never
    /// [`Verdict::AskModel`].
    fn grade(&self, rubric: &str, reply: &str) -> Verdict;
}

/// An answer to be judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    /// What was asked: the case's input.
    pub input: Arc<Value>,
    /// The whole text.
    pub content: Arc<str>,
    /// Tokens of the call, where the model counted them.
    pub usage: Option<Usage>,
    /// From the start of the call to the complete answer, in milliseconds.
    pub latency_ms: u64,
}

/// What became of an expectation.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It holds.
    Holds,
    /// It does not: a sentence that says what was expected and what was found.
    Fails(String),
    /// A model has to say.
    AskModel(Grading),
}

/// A question to a model that judges.
#[derive(Debug, Clone, PartialEq)]
pub struct Grading {
    /// The model, by its name in the configuration; `None`: the one that answered.
    pub model: Option<String>,
    /// The messages.
    pub messages: Arc<[Message]>,
    /// How to ask.
    pub parameters: Arc<Parameters>,
}
