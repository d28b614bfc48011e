//! A difference as rows for people, in the manner of `diff -u`.

use std::fmt;

use punchcard_events::ticket::Role;
use serde_json::Value;

use super::{Change, DiffView, LineKind, TextChange, TextLine};
use crate::invisible;

/// Equal lines that are shown before and after a change.
const CONTEXT: usize = 3;

/// One row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What it is.
    pub kind: RowKind,
    /// Its words, without control characters.
    pub text: String,
}

/// What a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RowKind {
    /// A setting that differs, told in one row.
    Setting,
    /// The name of the text whose lines follow.
    Heading,
    /// Where the lines that follow are: `@@ -1,4 +1,5 @@`.
    Hunk,
    /// A line of both texts.
    Same,
    /// A line of the first text only.
    Removed,
    /// A line of the second text only.
    Added,
    /// A remark about the line before.
    Remark,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = match self.kind {
            RowKind::Setting | RowKind::Heading | RowKind::Hunk => "",
            RowKind::Same => " ",
            RowKind::Removed => "-",
            RowKind::Added => "+",
            RowKind::Remark => "\\ ",
        };
        write!(f, "{sign}{}", self.text)
    }
}

/// The rows of a difference.
pub(super) fn of(view: &DiffView) -> Vec<Row> {
    let mut rows: Vec<_> = view.settings.iter().map(setting).collect();
    for text in &view.texts {
        rows.push(row(RowKind::Heading, &heading(text)));
        for hunk in hunks(&text.lines) {
            rows.push(row(RowKind::Hunk, &place(hunk)));
            hunk.iter().for_each(|line| push(line, &mut rows));
        }
    }
    rows
}

fn setting(change: &Change) -> Row {
    let value = |value: &Value| match value {
        Value::Null => "not set".to_owned(),
        value => value.to_string(),
    };
    let text = format!(
        "{}: {} -> {}",
        change.place,
        value(&change.from),
        value(&change.to)
    );
    row(RowKind::Setting, &text)
}

fn heading(text: &TextChange) -> String {
    let role = |role: Role| match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    };
    let speaker = match (text.from_role.map(role), text.to_role.map(role)) {
        (Some(from), Some(to)) if from != to => format!(" ({from} -> {to})"),
        (Some(role), _) | (None, Some(role)) => format!(" ({role})"),
        (None, None) => String::new(),
    };
    let fate = match (text.was_there, text.is_there) {
        (false, true) => ", new",
        (true, false) => ", removed",
        (true, true) | (false, false) => "",
    };
    format!("{}{speaker}{fate}", text.place)
}

/// The runs of lines that are near a change.
fn hunks(lines: &[TextLine]) -> Vec<&[TextLine]> {
    let changed = |line: &TextLine| line.kind != LineKind::Same;
    let mut hunks: Vec<(usize, usize)> = Vec::new();
    for (index, _) in lines.iter().enumerate().filter(|(_, line)| changed(line)) {
        let start = index.saturating_sub(CONTEXT);
        let end = (index + CONTEXT + 1).min(lines.len());
        match hunks.last_mut() {
            Some((_, last)) if start <= *last => *last = end,
            _ => hunks.push((start, end)),
        }
    }
    let hunks = hunks.into_iter();
    hunks
        .filter_map(|(start, end)| lines.get(start..end))
        .collect()
}

/// Where a hunk begins in each text, and how many lines of it there are.
fn place(hunk: &[TextLine]) -> String {
    let side = |number: fn(&TextLine) -> Option<usize>| {
        let mut numbers = hunk.iter().filter_map(number);
        let first = numbers.next();
        let count = numbers.count() + usize::from(first.is_some());
        format!("{},{count}", first.unwrap_or(0))
    };
    format!(
        "@@ -{} +{} @@",
        side(|line| line.from),
        side(|line| line.to)
    )
}

fn push(line: &TextLine, rows: &mut Vec<Row>) {
    let kind = match line.kind {
        LineKind::Same => RowKind::Same,
        LineKind::Removed => RowKind::Removed,
        LineKind::Added => RowKind::Added,
    };
    rows.push(row(kind, &line.text));
    if line.unended {
        rows.push(row(RowKind::Remark, "no line break at the end"));
    }
}

fn row(kind: RowKind, text: &str) -> Row {
    Row {
        kind,
        text: shown(text),
    }
}

/// A line without what would act on a terminal, turn the order of the letters around, or not be seen.
fn shown(text: &str) -> String {
    let text = invisible::escaped(text);
    let acts = |letter: char| letter.is_control() && letter != '\t';
    let mut shown = String::with_capacity(text.len());
    for letter in text.chars() {
        if acts(letter) {
            shown.extend(letter.escape_default());
        } else {
            shown.push(letter);
        }
    }
    shown
}
