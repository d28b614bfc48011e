//! Judges that know no templates and few expectations.

use std::sync::Arc;

use punchcard_events::prompt::{Content, Expectation, MessageTemplate, TestCase};
use punchcard_events::ticket::{Message, Parameters, Role};
use punchcard_events::{TaskName, TenantId};
use serde_json::Value;

use crate::ports::{Answered, Finding, Grading, Judge, Judges, Verdict};

/// The input that cannot be rendered.
pub const UNRENDERABLE: &str = "unrenderable";

/// The message of contents that have no judge.
pub const UNUSABLE: &str = "unusable";

/// The pattern at which a judge panics.
pub const PANICS: &str = "panics";

/// Judges for every content. One message is made of an input, and only these expectations are looked
/// at: that a text is contained or not, latency, and rubrics, whose grade is `yes` or something else.
/// [`UNRENDERABLE`], [`UNUSABLE`] and a pattern [`PANICS`] do what they say; all else holds.
#[derive(Debug, Clone, Copy, Default)]
pub struct PlainJudges;

#[derive(Debug)]
struct PlainJudge {
    content: Arc<Content>,
}

impl Judges for PlainJudges {
    fn of(
        &self,
        _: &TenantId,
        _: &TaskName,
        content: &Arc<Content>,
    ) -> Result<Arc<dyn Judge>, String> {
        if content
            .messages
            .iter()
            .any(|message| message.content == UNUSABLE)
        {
            return Err("it is unusable".to_owned());
        }
        let content = Arc::clone(content);
        Ok(Arc::new(PlainJudge { content }))
    }

    fn check(&self, _: &[TestCase], _: Option<&Arc<Content>>) -> Vec<Finding> {
        vec![]
    }
}

impl Judge for PlainJudge {
    fn render(&self, input: &Value) -> Result<Arc<[Message]>, String> {
        if input == UNRENDERABLE {
            return Err("it is unrenderable".to_owned());
        }
        let message = |message: &MessageTemplate| Message {
            role: message.role,
            content: format!("{} {input}", message.content),
        };
        Ok(self.content.messages.iter().map(message).collect())
    }

    #[expect(clippy::panic, reason = "the test asks for it")]
    fn judge(&self, expected: &Expectation, answered: &Answered) -> Verdict {
        let holds = match expected {
            Expectation::Contains(text) => answered.content.contains(text),
            Expectation::NotContains(text) => !answered.content.contains(text),
            Expectation::LatencyUnderMs(limit) => answered.latency_ms <= *limit,
            Expectation::Rubric { text, model } => {
                let content = format!("grade {text}: {}", answered.content);
                let role = Role::User;
                return Verdict::AskModel(Grading {
                    model: model.clone(),
                    messages: Arc::new([Message { role, content }]),
                    parameters: Arc::new(Parameters::default()),
                });
            }
            Expectation::Matches(pattern) if pattern == PANICS => {
                panic!("the judge panics as told")
            }
            Expectation::Matches(_)
            | Expectation::FitsSchema
            | Expectation::JsonEquals { .. }
            | Expectation::NumberBetween { .. }
            | Expectation::LengthBetween { .. }
            | Expectation::Language(_)
            | Expectation::TokensUnder(_) => true,
        };
        if holds {
            Verdict::Holds
        } else {
            Verdict::Fails(format!("{expected:?} does not hold"))
        }
    }

    fn grade(&self, rubric: &str, reply: &str) -> Verdict {
        match reply {
            "yes" => Verdict::Holds,
            _ => Verdict::Fails(format!("{rubric}: {reply}")),
        }
    }
}
