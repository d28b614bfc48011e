//! A prompt's templates: parsed once, rendered for each ticket.
//!
//! The templates are Jinja (minijinja) without files: what a template includes is a partial that the
//! content carries, and there is no import, extends or macro. A variable's value is inserted once, as
//! text; what it holds is never read as a template, and cannot change the messages' roles, which are
//! not part of any template.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error as _;
use std::num::NonZeroUsize;
use std::sync::Arc;

use minijinja::value::Serde;
use minijinja::{Environment, ErrorKind, Value};
use punchcard_events::PartialName;
use punchcard_events::prompt::MessageTemplate;
use punchcard_events::ticket::{Message, Role};

use super::engine::{self, environment, unparsed};
use super::parser::{NotParsed, PARSER};
use super::reading::{self, Reading, Tool};
use super::variables::{Texts, Use};
use super::{Flaw, Place};

/// The most bytes of one template. The engine counts lines and columns in 16 bits.
const MAX_TEMPLATE_BYTES: usize = 64_000;
/// The most messages of a prompt.
const MAX_MESSAGES: usize = 100;

/// A prompt's templates, parsed.
#[derive(Debug)]
pub(crate) struct Templates {
    environment: Environment<'static>,
    /// Each message's role and the name of its template. No partial can have such a name.
    messages: Vec<(Role, String)>,
    /// The variables that the messages need.
    variables: BTreeSet<String>,
    max_bytes: usize,
}

/// What can be said of a content's templates, sound or not.
#[derive(Debug)]
pub(crate) struct Examined {
    /// The templates, or every mistake in them.
    pub(crate) templates: Result<Templates, Vec<Flaw>>,
    /// The variables that each message needs, as far as it could be read.
    pub(crate) uses: Vec<Vec<Use>>,
    /// The partials that the messages include, of those that the content has.
    pub(crate) included: BTreeSet<PartialName>,
    /// Whether nothing could be said now, for no fault of the content.
    pub(crate) unavailable: bool,
}

impl Templates {
    /// Parses messages, and those of the partials that they include.
    pub(crate) fn examine(
        messages: &[MessageTemplate],
        partials: &BTreeMap<PartialName, String>,
        max_bytes: NonZeroUsize,
    ) -> Examined {
        let refused = |flaws| Examined {
            templates: Err(flaws),
            uses: Vec::new(),
            included: BTreeSet::new(),
            unavailable: false,
        };
        if messages.len() > MAX_MESSAGES {
            return refused(vec![Flaw {
                place: Place::Messages,
                at: None,
                message: format!("the prompt has more than {MAX_MESSAGES} messages"),
                remedy: "Join some of them.".to_owned(),
            }]);
        }
        let (messages, partials) = (messages.to_vec(), partials.clone());
        let parsed = PARSER.run(move || parse(&messages, &partials, max_bytes));
        parsed.unwrap_or_else(|error| Examined {
            unavailable: error == NotParsed::Unavailable,
            ..refused(vec![not_read(error)])
        })
    }

    /// The variables that the templates need.
    pub(crate) fn variables(&self) -> &BTreeSet<String> {
        &self.variables
    }

    /// Renders the messages.
    ///
    /// # Errors
    /// With a sentence that quotes no value, when a variable is missing, or when the work or the
    /// text passes its bound.
    pub(crate) fn render(&self, input: &serde_json::Value) -> Result<Arc<[Message]>, String> {
        let context = Value::from(Serde(input));
        let mut bytes = 0;
        let mut messages = Vec::with_capacity(self.messages.len());
        for (role, name) in &self.messages {
            let rendered = self
                .environment
                .get_template(name)
                .and_then(|template| template.render(context.clone()));
            let content = rendered.map_err(|error| self.explain(name, &error, input))?;
            bytes += content.len();
            if bytes > self.max_bytes {
                let limit = self.max_bytes;
                return Err(format!("the rendered prompt has more than {limit} bytes"));
            }
            messages.push(Message {
                role: *role,
                content,
            });
        }
        Ok(messages.into())
    }

    fn explain(&self, name: &str, error: &minijinja::Error, input: &serde_json::Value) -> String {
        let error = innermost(error);
        let missing = self.variables.iter().find(|name| input.get(name).is_none());
        match (error.kind(), missing) {
            (ErrorKind::UndefinedError, Some(variable)) => {
                format!("the prompt's variable `{variable}` is missing")
            }
            // The engine's own words may quote a value, so only its kind and place are told.
            (kind, _) => format!(
                "the prompt cannot be rendered: {kind} in line {} of {}",
                error.line().unwrap_or(1),
                error.name().unwrap_or(name)
            ),
        }
    }
}

/// The mistake itself: an include wraps what went wrong in the partial.
fn innermost(error: &minijinja::Error) -> &minijinja::Error {
    let mut innermost = error;
    while let Some(source) = innermost.source().and_then(|source| source.downcast_ref()) {
        innermost = source;
    }
    innermost
}

/// What is told where nothing was parsed.
pub(crate) fn not_read(error: NotParsed) -> Flaw {
    Flaw {
        place: Place::Messages,
        at: None,
        message: error.to_string(),
        remedy: "Try again; if it fails again, write the templates more simply.".into(),
    }
}

/// A text that is too long to be read at all.
fn too_long(place: &Place, text: &str) -> Option<Flaw> {
    (text.len() > MAX_TEMPLATE_BYTES).then(|| Flaw {
        place: place.clone(),
        at: None,
        message: format!("the template has more than {MAX_TEMPLATE_BYTES} bytes"),
        remedy: "Shorten it, or spread it over several messages or partials.".to_owned(),
    })
}

fn parse(
    messages: &[MessageTemplate],
    partials: &BTreeMap<PartialName, String>,
    max_bytes: NonZeroUsize,
) -> Examined {
    let globals = engine::globals();
    let read = |place: &Place, text: &str| {
        if let Some(flaw) = too_long(place, text) {
            return Err(flaw);
        }
        reading::read(text, engine::syntax(), &globals)
            .map(without_unknown_tools)
            .map_err(|error| unparsed(place, text, &error))
    };
    let mut texts = Texts::read(messages, partials, read);
    let mut environment = environment(max_bytes.get());
    let mut named = Vec::with_capacity(messages.len());
    if texts.flaws.is_empty() {
        let mut add = |name: String, place: Place, text: &String| {
            let added = environment.add_template_owned(name, text.clone());
            if let Err(error) = added {
                texts.flaws.push(unparsed(&place, text, &error));
            }
        };
        for (index, message) in messages.iter().enumerate() {
            let name = format!("message {}", index + 1);
            add(name.clone(), Place::Message(index), &message.content);
            named.push((message.role, name));
        }
        for (name, text) in partials {
            if texts.included.contains(name) {
                add(name.to_string(), Place::Partial(name.clone()), text);
            }
        }
    }
    let variables = texts.variables();
    let templates = if texts.flaws.is_empty() {
        Ok(Templates {
            environment,
            messages: named,
            variables,
            max_bytes: max_bytes.get(),
        })
    } else {
        texts.flaws.sort();
        Err(texts.flaws)
    };
    Examined {
        templates,
        uses: texts.uses,
        included: texts.included,
        unavailable: false,
    }
}

/// Filters and tests that the engine does not have are mistakes like those of syntax.
fn without_unknown_tools(mut reading: Reading) -> Reading {
    for (tool, at) in std::mem::take(&mut reading.tools) {
        if engine::has(&tool) {
            continue;
        }
        let (kind, name) = match &tool {
            Tool::Filter(name) => ("filter", name),
            Tool::Test(name) => ("test", name),
        };
        reading.refused.push(reading::Refused {
            at,
            message: format!("there is no {kind} `{name}`"),
            remedy: format!("Take the {kind} away, or look up its name in Jinja's list."),
        });
    }
    reading
}

#[cfg(test)]
mod tests;
