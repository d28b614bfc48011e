//! One task, ready for use: prompt parsed, schemas compiled, hash taken.

use std::collections::BTreeMap;
use std::sync::Arc;

use punchcard_actors::ports::{InputRefusal, Lane, PrepareError, Prepared};
use punchcard_events::Timestamp;
use punchcard_events::prompt::Content;
use punchcard_events::ticket::{Deadlines, PromptRef, Terms};
use serde_json::Value;

use super::size;
use crate::config::{KeyPath, Task};
use crate::prompts::schema::Schema;
use crate::prompts::{self, CompiledPrompt, Limits, Place, Templates};

/// The version of every prompt that stands in the configuration, where only the newest exists.
const PROMPT_VERSION: u32 = 1;

/// A task, ready for use.
#[derive(Debug)]
pub(super) struct CompiledTask {
    task: Task,
    prompt: CompiledPrompt,
    reference: PromptRef,
}

/// What makes a task unusable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// The key, from the task's own table.
    pub(crate) key: KeyPath,
    /// What is wrong.
    pub(crate) message: String,
}

impl CompiledTask {
    /// Makes a task ready.
    ///
    /// # Errors
    /// With everything that is wrong with it.
    pub(super) fn compile(task: &Task) -> Result<Self, Vec<Flaw>> {
        let content = Arc::new(content(task));
        let limits = Limits {
            max_prompt_bytes: task.max_prompt_bytes,
            max_answer_bytes: task.max_answer_bytes,
        };
        let prompt = CompiledPrompt::compile(&content, limits)
            .map_err(|flaws| flaws.into_iter().map(Flaw::from).collect::<Vec<_>>())?;
        if let Some(schema) = prompt.input_schema() {
            let flaws = unknown_variables(task, prompt.templates(), schema);
            if !flaws.is_empty() {
                return Err(flaws);
            }
        }
        Ok(Self {
            reference: PromptRef {
                version: PROMPT_VERSION,
                hash: content.hash().to_string(),
                label: None,
                canary: None,
            },
            task: task.clone(),
            prompt,
        })
    }

    /// Where this task's tickets wait.
    pub(super) fn lane(&self) -> Lane {
        let limits = &self.task.ticket;
        // The other half is for the call itself and its retries.
        let max_wait = limits.max_queue_wait.unwrap_or(limits.answer_within / 2);
        Lane {
            models: std::iter::once(&self.task.model)
                .chain(&self.task.fallback_models)
                .cloned()
                .collect(),
            max_wait,
        }
    }

    /// Checks an input and gives the terms of its ticket.
    pub(super) fn accept(&self, input: &Value, now: Timestamp) -> Result<Terms, InputRefusal> {
        let limit = self.task.max_input_bytes.get();
        let actual = size::json_bytes(input);
        if actual > limit {
            return Err(InputRefusal::InputTooLarge { actual, limit });
        }
        let hook = self.task.pre_process.is_some();
        self.prompt
            .check_input(input, hook)
            .map_err(|misfit| InputRefusal::InvalidInput {
                field: format!("/input{}", misfit.pointer),
                message: misfit.message,
            })?;
        let limits = &self.task.ticket;
        Ok(Terms {
            pre_process: self.task.pre_process.is_some(),
            post_process: self.task.post_process.is_some(),
            answer_format: self.task.answer,
            model_retry: self.task.retry.model.policy(),
            callback_retry: self.task.retry.callback.policy(),
            deadlines: Deadlines {
                answer_by: now.plus(limits.answer_within),
                persist_by: now.plus(limits.persist_within),
                deliver_by: now.plus(limits.deliver_within),
            },
            fallback_models: self.task.fallback_models.clone(),
        })
    }

    /// Renders the prompt.
    pub(super) fn prepare(&self, input: &Value) -> Result<Prepared, PrepareError> {
        Ok(Prepared {
            prompt: self.reference.clone(),
            messages: self.prompt.render(input).map_err(PrepareError::Template)?,
            model: self.task.model.clone(),
            parameters: Arc::clone(self.prompt.parameters()),
            answer_format: self.task.answer,
        })
    }

    /// Checks a complete answer.
    pub(super) fn check_answer(&self, content: &str) -> Result<(), String> {
        self.prompt.check_answer(content)
    }
}

impl From<prompts::Flaw> for Flaw {
    fn from(flaw: prompts::Flaw) -> Self {
        let key = match flaw.place {
            Place::Model => KeyPath::of(&["model"]),
            Place::Parameter(key) => KeyPath::of(&["parameters", key]),
            Place::Messages | Place::Partial(_) => KeyPath::of(&["messages"]),
            Place::Message(index) => content_key(index),
            Place::InputSchema(_) => KeyPath::of(&["input_schema"]),
            Place::AnswerSchema => KeyPath::of(&["answer_schema"]),
        };
        let message = match flaw.at {
            Some(at) => format!(
                "{} (line {}, column {} of the text)",
                flaw.message, at.line, at.column
            ),
            None => flaw.message,
        };
        Self { key, message }
    }
}

fn content_key(message: usize) -> KeyPath {
    KeyPath::of(&["messages"]).index(message).key("content")
}

/// Variables that an input which fits the schema may lack. A task with a pre-process hook is not
/// asked: its prompt sees what the hook returns, the schema describes what the issuer sends.
fn unknown_variables(task: &Task, prompt: &Templates, schema: &Schema) -> Vec<Flaw> {
    let Some(properties) = schema.properties().filter(|_| task.pre_process.is_none()) else {
        return Vec::new();
    };
    let mut flaws = Vec::new();
    for (place, (template, used)) in task.messages.iter().zip(prompt.used()).enumerate() {
        for name in used {
            let message = if !properties.contains(name) {
                let known = properties.join("`, `");
                format!(
                    "uses the variable `{name}`, which is not in input_schema; it has `{known}`"
                )
            } else if !schema.requires(name) && !guards(&template.content, name) {
                format!(
                    "uses the variable `{name}`, which input_schema does not require; require it, \
                     or write `{{% if {name} is defined %}}` or `{{{{ {name} | default(…) }}}}`"
                )
            } else {
                continue;
            };
            let key = content_key(place);
            flaws.push(Flaw { key, message });
        }
    }
    flaws
}

/// Whether a template that uses an optional variable also says what holds without it. This reads
/// the text, not the logic: it is there to catch the forgotten case, not every wrong one.
fn guards(content: &str, name: &str) -> bool {
    let words: String = content.split_whitespace().collect::<Vec<_>>().join(" ");
    let ways = [" is defined", " is not defined", " | default", "|default"];
    ways.iter()
        .any(|way| words.contains(&format!("{name}{way}")))
}

/// The part of a task that is its prompt.
fn content(task: &Task) -> Content {
    Content {
        messages: task.messages.clone(),
        model: task.model.clone(),
        parameters: task.parameters.clone(),
        answer: task.answer,
        input_schema: task.input_schema.clone(),
        answer_schema: task.answer_schema.clone(),
        partials: BTreeMap::new(),
    }
}
