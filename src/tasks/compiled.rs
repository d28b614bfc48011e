//! One task, ready for use: prompt parsed, schemas compiled, hash taken.

use std::sync::Arc;

use punchcard_actors::ports::{InputRefusal, Lane, PrepareError, Prepared};
use punchcard_events::Timestamp;
use punchcard_events::ticket::{AnswerFormat, Deadlines, Parameters, PromptRef, Terms};
use serde_json::{Value, json};

use super::canonical;
use super::prompt::Prompt;
use super::schema::{Misfit, Schema, join, shorten};
use crate::config::{KeyPath, Task};

/// The version of every prompt that stands in the configuration, where only the newest exists.
const PROMPT_VERSION: u32 = 1;

/// A task, ready for use.
#[derive(Debug)]
pub(super) struct CompiledTask {
    task: Task,
    prompt: Prompt,
    reference: PromptRef,
    parameters: Arc<Parameters>,
    input: Option<Schema>,
    answer: Option<Schema>,
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
        let mut flaws = Vec::new();
        let mut schema = |key: &str, schema: Option<&Arc<Value>>| {
            let compiled = schema.map(|schema| Schema::compile(schema)).transpose();
            compiled.unwrap_or_else(|message| {
                let key = KeyPath::of(&[key]);
                flaws.push(Flaw { key, message });
                None
            })
        };
        let input = schema("input_schema", task.input_schema.as_ref());
        let answer = schema("answer_schema", task.answer_schema.as_ref());
        let prompt = match Prompt::compile(&task.messages, task.max_prompt_bytes) {
            Ok(prompt) => prompt,
            Err(errors) => {
                flaws.extend(errors.into_iter().map(|error| Flaw {
                    key: content_key(error.message),
                    message: error.reason,
                }));
                return Err(flaws);
            }
        };
        if let Some(schema) = &input {
            flaws.extend(unknown_variables(task, &prompt, schema));
        }
        if !flaws.is_empty() {
            return Err(flaws);
        }
        Ok(Self {
            reference: reference(task),
            parameters: Arc::new(task.parameters.clone()),
            task: task.clone(),
            prompt,
            input,
            answer,
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
        let actual = canonical::json_bytes(input);
        if actual > limit {
            return Err(InputRefusal::InputTooLarge { actual, limit });
        }
        let checked = match &self.input {
            Some(schema) => schema.check(input),
            None => self.check_variables(input),
        };
        checked.map_err(|misfit| InputRefusal::InvalidInput {
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

    /// Without a schema an input has exactly the prompt's variables, unless a hook prepares it:
    /// then only the hook knows what it takes.
    fn check_variables(&self, input: &Value) -> Result<(), Misfit> {
        let Some(given) = input.as_object() else {
            return Err(Misfit {
                pointer: String::new(),
                message: "the input must be an object that holds the prompt's variables".into(),
            });
        };
        if self.task.pre_process.is_some() {
            return Ok(());
        }
        let known = self.prompt.variables();
        if let Some(missing) = known.iter().find(|name| !given.contains_key(*name)) {
            return Err(Misfit {
                pointer: join("", missing),
                message: format!("`{missing}` is missing"),
            });
        }
        if let Some(extra) = given.keys().find(|name| !known.contains(*name)) {
            let known: Vec<_> = known.iter().map(|name| format!("`{name}`")).collect();
            let known = match known.as_slice() {
                [] => "it takes none".to_owned(),
                names => format!("known are {}", names.join(", ")),
            };
            return Err(Misfit {
                pointer: join("", extra),
                message: format!(
                    "`{}` is not a variable of this task; {known}",
                    shorten(extra)
                ),
            });
        }
        Ok(())
    }

    /// Renders the prompt.
    pub(super) fn prepare(&self, input: &Value) -> Result<Prepared, PrepareError> {
        Ok(Prepared {
            prompt: self.reference.clone(),
            messages: self.prompt.render(input).map_err(PrepareError::Template)?,
            model: self.task.model.clone(),
            parameters: Arc::clone(&self.parameters),
            answer_format: self.task.answer,
        })
    }

    /// Checks a complete answer.
    pub(super) fn check_answer(&self, content: &str) -> Result<(), String> {
        let limit = self.task.max_answer_bytes;
        if content.len() > limit.get() {
            return Err(format!("the answer has more than {limit} bytes"));
        }
        match self.task.answer {
            AnswerFormat::Text => return Ok(()),
            AnswerFormat::Json => {}
        }
        let answer: Value = serde_json::from_str(content)
            .map_err(|error| format!("the answer is not a JSON document: {error}"))?;
        let Some(schema) = &self.answer else {
            return Ok(());
        };
        schema.check(&answer).map_err(|misfit| {
            let place = match misfit.pointer.as_str() {
                "" => "at its top",
                pointer => pointer,
            };
            let message = misfit.message;
            format!("the answer does not fit the answer schema: {place}: {message}")
        })
    }
}

fn content_key(message: usize) -> KeyPath {
    KeyPath::of(&["messages"]).index(message).key("content")
}

/// Variables that an input which fits the schema may lack. A task with a pre-process hook is not
/// asked: its prompt sees what the hook returns, the schema describes what the issuer sends.
fn unknown_variables(task: &Task, prompt: &Prompt, schema: &Schema) -> Vec<Flaw> {
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

/// The prompt's identity: all that shapes what the model is asked and what counts as its answer.
fn reference(task: &Task) -> PromptRef {
    let content = json!({
        "messages": &task.messages,
        "model": &task.model,
        "parameters": &task.parameters,
        "answer": task.answer,
        "input_schema": &task.input_schema,
        "answer_schema": &task.answer_schema,
    });
    PromptRef {
        version: PROMPT_VERSION,
        hash: canonical::sha256(&content),
        label: None,
        canary: None,
    }
}
