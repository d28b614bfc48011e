//! The judges of test runs, over compiled prompts.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroUsize;
use std::sync::Arc;

use punchcard_actors::ports::{Answered, Finding, Judge, Judges, Verdict};
use punchcard_events::prompt::{Content, Expectation, TestCase};
use punchcard_events::ticket::Message;
use punchcard_events::{TaskName, TenantId};
use serde_json::Value;

use super::super::{CompiledPrompt, Limits};
use super::check::check_test_set;
use super::quote::quote;
use super::{json, language, measures, rubric, text};

/// Makes judges. Clones share the names of the models.
#[derive(Debug, Clone)]
pub struct PromptJudges {
    limits: Limits,
    own: Arc<HashMap<(TenantId, TaskName), Limits>>,
    models: Arc<BTreeSet<String>>,
}

impl PromptJudges {
    /// Judges for prompts within `limits`, or those that are a task's `own`; rubrics may name one of
    /// `models`.
    pub fn new(
        limits: Limits,
        own: HashMap<(TenantId, TaskName), Limits>,
        models: BTreeSet<String>,
    ) -> Self {
        Self {
            limits,
            own: Arc::new(own),
            models: Arc::new(models),
        }
    }
}

impl Judges for PromptJudges {
    fn of(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        content: &Arc<Content>,
    ) -> Result<Arc<dyn Judge>, String> {
        let own = self.own.get(&(tenant.clone(), task.clone()));
        let limits = own.copied().unwrap_or(self.limits);
        match CompiledPrompt::compile(content, limits) {
            Ok(prompt) => Ok(Arc::new(PromptJudge { prompt, limits })),
            Err(uncompiled) => Err(uncompiled
                .into_flaws()
                .into_iter()
                .next()
                .map_or_else(|| "it cannot be used".to_owned(), |flaw| flaw.message)),
        }
    }

    fn check(&self, cases: &[TestCase], content: Option<&Arc<Content>>) -> Vec<Finding> {
        // What is wrong with the content itself is told where the content is checked.
        let prompt = content.and_then(|content| CompiledPrompt::compile(content, self.limits).ok());
        check_test_set(cases, prompt.as_ref(), |model| self.models.contains(model))
    }
}

#[derive(Debug)]
struct PromptJudge {
    prompt: CompiledPrompt,
    limits: Limits,
}

impl Judge for PromptJudge {
    fn render(&self, input: &Value) -> Result<Arc<[Message]>, String> {
        self.prompt.render(input)
    }

    fn max_answer_bytes(&self) -> Option<NonZeroUsize> {
        Some(self.limits.max_answer_bytes)
    }

    fn judge(&self, expected: &Expectation, answered: &Answered) -> Verdict {
        judge(expected, answered, |answer| {
            self.prompt.check_answer(answer)
        })
    }

    fn grade(&self, rubric: &str, reply: &str) -> Verdict {
        rubric::read(rubric, reply)
    }
}

/// A sentence with its first letter as one begins.
pub(super) fn capital(sentence: &str) -> String {
    let mut characters = sentence.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

/// Judges one expectation; `fits_schema` checks the answer against the prompt's answer schema.
pub(super) fn judge(
    expected: &Expectation,
    answered: &Answered,
    fits_schema: impl Fn(&str) -> Result<(), String>,
) -> Verdict {
    let answer = &*answered.content;
    let held = match expected {
        Expectation::FitsSchema => fits_schema(answer).map_err(|why| {
            let (why, found) = (capital(&why), quote(answer));
            format!("{why}. It is {found}.")
        }),
        Expectation::Contains(expected) => text::contains(expected, answer),
        Expectation::NotContains(expected) => text::not_contains(expected, answer),
        Expectation::Matches(pattern) => text::matches(pattern, answer),
        Expectation::JsonEquals { path, value } => json::equals(path, value, answer),
        Expectation::NumberBetween { path, min, max } => json::number(path, *min, *max, answer),
        Expectation::LengthBetween { min, max } => measures::length(*min, *max, answer),
        Expectation::Language(code) => language::check(code, answer),
        Expectation::LatencyUnderMs(limit) => measures::latency(*limit, answered.latency_ms),
        Expectation::TokensUnder(limit) => measures::tokens(*limit, answered.usage),
        Expectation::Rubric { text, model } => {
            return Verdict::AskModel(rubric::grading(text, model.as_ref(), answered));
        }
    };
    match held {
        Ok(()) => Verdict::Holds,
        Err(why) => Verdict::Fails(why),
    }
}
