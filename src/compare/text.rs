//! Texts, line by line.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::prompts::{LineKind, compare_lines};

/// A line of one text or of both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LineChange {
    /// Which text has it: `removed` says the left one only, `added` the right one only.
    pub op: LineKind,
    /// The line without its end.
    pub line: String,
}

/// Every line of both texts, in order.
pub(super) fn changes(left: &str, right: &str) -> Vec<LineChange> {
    // A text whose last line has no end is not another one for that.
    let ended = |text: &str| match text.strip_suffix('\n') {
        _ if text.is_empty() => String::new(),
        Some(_) => text.to_owned(),
        None => format!("{text}\n"),
    };
    let lines = compare_lines(&ended(left), &ended(right));
    let change = |line: crate::prompts::TextLine| LineChange {
        op: line.kind,
        line: line.text,
    };
    lines.into_iter().map(change).collect()
}

/// An answer as text: a document is written out with sorted keys.
pub(super) fn of_answer(answer: &Value) -> String {
    match answer {
        Value::String(text) => text.clone(),
        document => {
            let mut sorted = document.clone();
            sorted.sort_all_objects();
            format!("{sorted:#}")
        }
    }
}
