//! Two texts, line by line.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use similar::{ChangeTag, TextDiff};

/// Texts with more lines than this are not compared: one takes the other's place.
const MAX_LINES: usize = 5_000;
/// After so long a comparison goes on with a coarser answer, which is still a right one.
const PATIENCE: Duration = Duration::from_millis(50);

/// A line of one text or of both.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TextLine {
    /// Which text has it.
    pub kind: LineKind,
    /// The line without its end.
    pub text: String,
    /// Its number in the first text, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<usize>,
    /// Its number in the second text, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<usize>,
    /// Whether it is the last line and ends without a line break.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unended: bool,
}

/// Which text has a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// Both.
    Same,
    /// Only the first.
    Removed,
    /// Only the second.
    Added,
}

/// Every line of both texts, in order.
pub(crate) fn compare(from: &str, to: &str) -> Vec<TextLine> {
    // The library's own lines end at a lone carriage return as well.
    let from: Vec<_> = from.split_inclusive('\n').collect();
    let to: Vec<_> = to.split_inclusive('\n').collect();
    if from.len().max(to.len()) > MAX_LINES {
        return replaced(&from, &to);
    }
    let diff = TextDiff::configure()
        .timeout(PATIENCE)
        .diff_slices(&from, &to);
    let line = |change: similar::Change<&str>| {
        let kind = match change.tag() {
            ChangeTag::Equal => LineKind::Same,
            ChangeTag::Delete => LineKind::Removed,
            ChangeTag::Insert => LineKind::Added,
        };
        line(kind, change.value(), change.old_index(), change.new_index())
    };
    diff.iter_all_changes().map(line).collect()
}

fn replaced(from: &[&str], to: &[&str]) -> Vec<TextLine> {
    let from = from.iter().enumerate();
    let from = from.map(|(index, text)| line(LineKind::Removed, text, Some(index), None));
    let to = to.iter().enumerate();
    let to = to.map(|(index, text)| line(LineKind::Added, text, None, Some(index)));
    from.chain(to).collect()
}

fn line(kind: LineKind, text: &str, from: Option<usize>, to: Option<usize>) -> TextLine {
    let ended = text.strip_suffix('\n');
    TextLine {
        kind,
        text: ended.unwrap_or(text).to_owned(),
        from: from.map(|index| index + 1),
        to: to.map(|index| index + 1),
        unended: ended.is_none(),
    }
}
