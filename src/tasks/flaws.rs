//! What is wrong with a prompt in the configuration, by the keys it was written at.

use std::sync::Arc;

use punchcard_events::prompt::Content;

use crate::config::{KeyPath, Task};
use crate::prompts::schema::Schema;
use crate::prompts::{self, CompiledPrompt, Limits, Place, Templates};

/// What makes a task unusable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Flaw {
    /// The key, from the task's own table.
    pub(crate) key: KeyPath,
    /// What is wrong.
    pub(crate) message: String,
}

/// What makes the prompt of `task` unusable, if anything. A task without one has no flaw.
pub(crate) fn flaws(task: &Task) -> Vec<Flaw> {
    let Some(content) = task.content().map(Arc::new) else {
        return Vec::new();
    };
    let limits = Limits {
        max_prompt_bytes: task.max_prompt_bytes,
        max_answer_bytes: task.max_answer_bytes,
    };
    match CompiledPrompt::compile(&content, limits) {
        Err(flaws) => flaws.into_iter().map(Flaw::from).collect(),
        Ok(prompt) => prompt.input_schema().map_or_else(Vec::new, |schema| {
            unknown_variables(task, &content, prompt.templates(), schema)
        }),
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
fn unknown_variables(
    task: &Task,
    content: &Content,
    prompt: &Templates,
    schema: &Schema,
) -> Vec<Flaw> {
    let Some(properties) = schema.properties().filter(|_| task.pre_process.is_none()) else {
        return Vec::new();
    };
    let mut flaws = Vec::new();
    for (place, (template, used)) in content.messages.iter().zip(prompt.used()).enumerate() {
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
