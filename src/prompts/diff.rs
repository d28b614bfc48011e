//! What differs between two contents: as data for programs, and as lines for people.
//!
//! Texts are compared line by line and schemas as indented JSON with sorted keys. The data holds every line;
//! the lines for people leave out equal runs. Colours are the command line's.

use std::collections::BTreeSet;
use std::fmt;

use punchcard_events::prompt::{Content, MessageTemplate};
use punchcard_events::ticket::{AnswerFormat, Role};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Place;

mod lines;
mod rows;
#[cfg(test)]
mod tests;
mod whole;

pub(crate) use lines::compare as compare_lines;
pub use lines::{LineKind, TextLine};
pub use rows::{Row, RowKind};

/// What differs between two contents, in the order of the content.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
pub struct DiffView {
    /// Whether nothing differs.
    pub same: bool,
    /// The settings that differ: `model`, `answer`, `parameters.temperature` and so on.
    pub settings: Vec<Change>,
    /// The texts that differ: messages, partials, schemas.
    pub texts: Vec<TextChange>,
}

/// A setting that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// Which one.
    pub place: String,
    /// What it was; `null`: it was not there.
    pub from: Value,
    /// What it is; `null`: it is not there.
    pub to: Value,
}

/// A text that differs, or a message whose speaker does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TextChange {
    /// Which one: `messages[0]`, `partial tone`, `input_schema`, `answer_schema`.
    pub place: String,
    /// Whose message it was; only of messages, and absent if it was not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_role: Option<Role>,
    /// Whose message it is; only of messages, and absent if it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_role: Option<Role>,
    /// Whether the text was there before.
    pub was_there: bool,
    /// Whether the text is there now.
    pub is_there: bool,
    /// Every line of both texts.
    pub lines: Vec<TextLine>,
}

impl DiffView {
    /// Compares two contents.
    pub fn between(from: &Content, to: &Content) -> Self {
        let settings = settings(from, to);
        let mut texts = messages(from, to);
        texts.extend(partials(from, to));
        for (place, from, to) in [
            (
                Place::InputSchema(None),
                &from.input_schema,
                &to.input_schema,
            ),
            (Place::AnswerSchema, &from.answer_schema, &to.answer_schema),
        ] {
            let (from, to) = (from.as_deref().map(pretty), to.as_deref().map(pretty));
            texts.extend(text(&place, from.as_deref(), to.as_deref()));
        }
        Self {
            same: settings.is_empty() && texts.is_empty(),
            settings,
            texts,
        }
    }

    /// The difference as rows for people: equal runs beyond three lines of context are left out, and
    /// characters that would act on a terminal are written out.
    pub fn rows(&self) -> Vec<Row> {
        rows::of(self)
    }
}

/// Plain text without colours, one row per line.
impl fmt::Display for DiffView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.rows().iter().try_for_each(|row| writeln!(f, "{row}"))
    }
}

fn settings(from: &Content, to: &Content) -> Vec<Change> {
    let answer = |content: &Content| match content.answer {
        AnswerFormat::Text => Value::from("text"),
        AnswerFormat::Json => Value::from("json"),
    };
    let parameters = |content: &Content| {
        let all = &content.parameters;
        [
            (
                "temperature",
                all.temperature.map_or(Value::Null, Value::from),
            ),
            ("top_p", all.top_p.map_or(Value::Null, Value::from)),
            (
                "max_tokens",
                all.max_tokens.map_or(Value::Null, Value::from),
            ),
            ("seed", all.seed.map_or(Value::Null, Value::from)),
            ("json", Value::from(all.json)),
        ]
    };
    let model = |content: &Content| Value::from(content.model.as_str());
    let first = [
        (Place::Model.to_string(), model(from), model(to)),
        ("answer".to_owned(), answer(from), answer(to)),
    ];
    let rest = parameters(from).into_iter().zip(parameters(to));
    let rest = rest.map(|((key, from), (_, to))| (Place::Parameter(key).to_string(), from, to));
    first
        .into_iter()
        .chain(rest)
        .filter(|(_, from, to)| from != to)
        .map(|(place, from, to)| Change { place, from, to })
        .collect()
}

fn messages(from: &Content, to: &Content) -> Vec<TextChange> {
    let count = from.messages.len().max(to.messages.len());
    let changed = |index: usize| {
        let (from, to) = (from.messages.get(index), to.messages.get(index));
        let role = |message: Option<&MessageTemplate>| message.map(|message| message.role);
        let words =
            |message: Option<&'_ MessageTemplate>| message.map(|message| message.content.clone());
        if from == to {
            return None;
        }
        let (before, after) = (words(from), words(to));
        Some(TextChange {
            from_role: role(from),
            to_role: role(to),
            ..compared(&Place::Message(index), before.as_deref(), after.as_deref())
        })
    };
    (0..count).filter_map(changed).collect()
}

fn partials(from: &Content, to: &Content) -> Vec<TextChange> {
    let names: BTreeSet<_> = from.partials.keys().chain(to.partials.keys()).collect();
    let changed = |name| {
        let (from, to) = (from.partials.get(name), to.partials.get(name));
        let place = Place::Partial(name.clone());
        text(&place, from.map(String::as_str), to.map(String::as_str))
    };
    names.into_iter().filter_map(changed).collect()
}

fn text(place: &Place, from: Option<&str>, to: Option<&str>) -> Option<TextChange> {
    (from != to).then(|| compared(place, from, to))
}

fn compared(place: &Place, from: Option<&str>, to: Option<&str>) -> TextChange {
    TextChange {
        place: place.to_string(),
        from_role: None,
        to_role: None,
        was_there: from.is_some(),
        is_there: to.is_some(),
        lines: lines::compare(from.unwrap_or_default(), to.unwrap_or_default()),
    }
}

/// A schema as text. Keys are sorted whatever serde_json is built with.
fn pretty(value: &Value) -> String {
    let mut sorted = value.clone();
    sorted.sort_all_objects();
    format!("{sorted:#}\n")
}
