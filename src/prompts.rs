//! Prompts as texts: whether a [`Content`] can be used, and what it makes of an input.
//!
//! A [`CompiledPrompt`] is a content that was parsed once and is used for many tickets. Everything
//! here is plain computation. There are no versions, labels or drafts here, and no tasks: limits
//! that belong to a task's settings come in as [`Limits`].

use std::num::NonZeroUsize;
use std::sync::Arc;

use punchcard_events::prompt::Content;
use punchcard_events::ticket::{AnswerFormat, Message, Parameters};
use serde_json::Value;

mod check;
mod diff;
mod engine;
pub mod expect;
mod nearest;
mod parser;
mod place;
mod reading;
mod schema;
mod template;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod variables;

pub use check::PromptChecker;
pub(crate) use check::content_flaws;
pub(crate) use diff::compare_lines;
pub use diff::{Change, DiffView, LineKind, Row, RowKind, TextChange, TextLine};
pub use place::{At, Place};
pub use schema::Misfit;
use schema::{Schema, Unusable, join, shorten};
use template::Templates;

/// What a task's settings say about the sizes of a prompt and its answers.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The most bytes that the rendered messages may have together.
    pub max_prompt_bytes: NonZeroUsize,
    /// The most bytes that an answer may have.
    pub max_answer_bytes: NonZeroUsize,
}

/// What makes a content unusable.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flaw {
    /// The part of the content.
    pub place: Place,
    /// Where in that part's text.
    pub at: Option<At>,
    /// What is wrong, as a part of a sentence: it quotes no input.
    pub message: String,
    /// What to do, as a sentence.
    pub remedy: String,
}

impl Flaw {
    /// A schema that is none, or too much work.
    fn of_schema(place: Place, unusable: Unusable) -> Self {
        Self {
            place,
            at: None,
            message: unusable.message,
            remedy: unusable.remedy.to_owned(),
        }
    }
}

/// Why a content was not made ready.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Uncompiled {
    /// Everything that is wrong with it, by place.
    Flawed(Vec<Flaw>),
    /// It cannot be done now, whatever the content: later it may be.
    Unavailable,
}

impl Uncompiled {
    /// What to tell somebody who can try again.
    pub fn into_flaws(self) -> Vec<Flaw> {
        match self {
            Self::Flawed(flaws) => flaws,
            Self::Unavailable => vec![template::not_read(parser::NotParsed::Unavailable)],
        }
    }
}

/// A content, ready for use.
#[derive(Debug)]
pub struct CompiledPrompt {
    content: Arc<Content>,
    templates: Templates,
    parameters: Arc<Parameters>,
    input: Option<Schema>,
    answer: Option<Schema>,
    limits: Limits,
}

impl CompiledPrompt {
    /// Makes a content ready. Its partials are those that are written in.
    ///
    /// This finds what makes the content unusable, not what makes it unwise: that is the checker's.
    ///
    /// # Errors
    /// When something is wrong with it, or it cannot be done now.
    pub fn compile(content: &Arc<Content>, limits: Limits) -> Result<Self, Uncompiled> {
        let mut flaws = Vec::new();
        let mut schema = |place: Place, schema: Option<&Arc<Value>>| {
            let compiled = schema.map(|schema| Schema::compile(schema)).transpose();
            compiled.unwrap_or_else(|unusable| {
                flaws.push(Flaw::of_schema(place, unusable));
                None
            })
        };
        let input = schema(Place::InputSchema(None), content.input_schema.as_ref());
        let answer = schema(Place::AnswerSchema, content.answer_schema.as_ref());
        let examined = Templates::examine(
            &content.messages,
            &content.partials,
            limits.max_prompt_bytes,
        );
        if examined.unavailable {
            return Err(Uncompiled::Unavailable);
        }
        match examined.templates {
            Ok(templates) if flaws.is_empty() => Ok(Self {
                content: Arc::clone(content),
                templates,
                parameters: Arc::new(content.parameters.clone()),
                input,
                answer,
                limits,
            }),
            Ok(_) => Err(Uncompiled::Flawed(flaws)),
            Err(found) => {
                flaws.extend(found);
                flaws.sort();
                Err(Uncompiled::Flawed(flaws))
            }
        }
    }

    /// The content.
    pub fn content(&self) -> &Arc<Content> {
        &self.content
    }

    /// How to ask the model.
    pub fn parameters(&self) -> &Arc<Parameters> {
        &self.parameters
    }

    /// The variable of its templates, where they have exactly one.
    pub fn only_variable(&self) -> Option<&str> {
        let variables = self.templates.variables();
        let only = variables.first().filter(|_| variables.len() == 1);
        only.map(String::as_str)
    }

    /// The most bytes that the rendered messages may have together.
    pub const fn max_bytes(&self) -> NonZeroUsize {
        self.limits.max_prompt_bytes
    }

    /// Renders the messages with an input.
    ///
    /// # Errors
    /// With a sentence that quotes no value, when a variable is missing, or when the work or the
    /// text passes its bound.
    pub fn render(&self, input: &Value) -> Result<Arc<[Message]>, String> {
        self.templates.render(input)
    }

    /// Checks an input. Without a schema an input has exactly the prompt's variables, unless a hook
    /// prepares it: then only the hook knows what it takes.
    ///
    /// # Errors
    /// With what does not fit, without quoting a value.
    pub fn check_input(&self, input: &Value, prepared_by_hook: bool) -> Result<(), Misfit> {
        if let Some(schema) = &self.input {
            return schema.check(input);
        }
        let Some(given) = input.as_object() else {
            return Err(Misfit {
                pointer: String::new(),
                message: "the input must be an object that holds the prompt's variables".into(),
            });
        };
        if prepared_by_hook {
            return Ok(());
        }
        let known = self.templates.variables();
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

    /// Checks a complete answer.
    ///
    /// # Errors
    /// With a sentence that says what does not fit, without quoting the answer.
    pub fn check_answer(&self, answer: &str) -> Result<(), String> {
        let limit = self.limits.max_answer_bytes;
        if answer.len() > limit.get() {
            return Err(format!("the answer has more than {limit} bytes"));
        }
        match self.content.answer {
            AnswerFormat::Text => return Ok(()),
            AnswerFormat::Json => {}
        }
        let answer: Value = serde_json::from_str(answer)
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
