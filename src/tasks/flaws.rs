//! What is wrong with a prompt in the configuration, by the keys it was written at.

use crate::config::{KeyPath, Task};
use crate::prompts::{self, Place, content_flaws};

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
    let flaws = task.content().map_or_else(Vec::new, |content| {
        content_flaws(&content, task.pre_process.is_some())
    });
    flaws.into_iter().map(Flaw::from).collect()
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
        let place = flaw.at.map_or_else(String::new, |at| {
            format!(" (line {}, column {} of the text)", at.line, at.column)
        });
        let message = format!("{}{place}. {}", flaw.message, flaw.remedy);
        Self { key, message }
    }
}

fn content_key(message: usize) -> KeyPath {
    KeyPath::of(&["messages"]).index(message).key("content")
}
