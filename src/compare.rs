//! Two tickets side by side: what they were asked with, what came of it, and how alike that is.
//!
//! Pure: it is handed states and gives data, the same for the same. Answers are compared as the model
//! gave them, before the tenant's API put something else in their place: a fork's never meets that API.
//! Texts are compared line by line, documents by their places.
//!
//! Deliberately not here: which of the two is better, which no program can say.

mod json;
mod likeness;
mod side;
#[cfg(test)]
mod tests;
mod text;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use json::{JsonChange, JsonOp};
pub use likeness::similarity;
pub use side::{Side, dollars};
pub use text::LineChange;

/// The most lines, and the most places of documents, that a comparison lists.
pub const MAX_CHANGES: usize = 10_000;

/// Two tickets side by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "ComparisonView")]
pub struct Comparison {
    /// The one that was named first.
    pub left: Side,
    /// The other.
    pub right: Side,
    /// Whether both have an answer and the answers are equal.
    pub same: bool,
    /// How alike the answers are, from 0 to 1; 0 where one of them is missing.
    pub similarity: f64,
    /// The lines of both answers; absent where both are documents, or one is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Vec<LineChange>>,
    /// Where two documents differ; absent unless both answers are documents.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json: Option<Vec<JsonChange>>,
    /// The lines of the messages that went to the models.
    pub prompt_text: Vec<LineChange>,
    /// The model and the parameters that differ.
    pub parameters: Vec<ParameterChange>,
    /// Whether there are more differences than are listed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cut: bool,
}

/// A setting of the model call that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ParameterChange {
    /// `model`, `temperature` and so on.
    pub name: String,
    /// What it is on the left; `null`: not set.
    pub left: Value,
    /// What it is on the right; `null`: not set.
    pub right: Value,
}

impl Comparison {
    /// Compares two tickets.
    pub fn between(left: Side, right: Side) -> Self {
        let mut cut = false;
        let (mut text, mut json, mut same, mut alike) = (None, None, false, 0.0);
        if let (Some(one), Some(other)) = (&left.answer, &right.answer) {
            same = one == other;
            alike = if same { 1.0 } else { similarity(one, other) };
            if is_document(one) && is_document(other) {
                let (changes, more) = json::differences(one, other);
                cut |= more;
                json = Some(changes);
            } else {
                let (one, other) = (text::of_answer(one), text::of_answer(other));
                text = Some(bounded(text::changes(&one, &other), &mut cut));
            }
        }
        let prompt_text = text::changes(&left.said(), &right.said());
        Self {
            parameters: parameters(&left, &right),
            prompt_text: bounded(prompt_text, &mut cut),
            same,
            similarity: alike,
            text,
            json,
            cut,
            left,
            right,
        }
    }
}

fn bounded<T>(mut all: Vec<T>, cut: &mut bool) -> Vec<T> {
    *cut |= all.len() > MAX_CHANGES;
    all.truncate(MAX_CHANGES);
    all
}

const fn is_document(answer: &Value) -> bool {
    !matches!(answer, Value::String(_))
}

fn parameters(left: &Side, right: &Side) -> Vec<ParameterChange> {
    let both = left.settings().into_iter().zip(right.settings());
    let changed = both.filter(|((_, left), (_, right))| left != right);
    let change = |((name, left), (_, right)): ((&str, Value), (_, Value))| ParameterChange {
        name: name.to_owned(),
        left,
        right,
    };
    changed.map(change).collect()
}
