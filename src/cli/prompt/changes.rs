//! What differs between two contents: settings as a small table, texts as lines with - and +.

use anstyle::Effects;
use comfy_table::Cell;
use punchcard_events::TaskName;
use serde_json::Value;

use super::naming::Reference;
use super::planner::Planner;
use super::source::message_index;
use crate::cli::client;
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::cli::style::{self, BAD, BOLD, DIM, GOOD};
use crate::prompts::{Change, DiffView, Row, RowKind};

/// Asks what differs.
///
/// # Errors
/// When the server refuses or is not there.
pub(super) async fn fetch(
    planner: &Planner,
    task: &TaskName,
    from: &Reference,
    to: &Reference,
) -> Result<Value, Failure> {
    let query = [("from", from.to_string()), ("to", to.to_string())];
    let path = ["prompts", task.as_str(), "diff"];
    Ok(planner.get(&path, &query).await?.view)
}

/// Prints what differs.
///
/// # Errors
/// When it is no difference, or the output cannot be written.
pub(super) fn print(out: &mut Output, diff: &Value) -> Result<(), Failure> {
    print_view(out, &client::read(diff.clone())?)
}

/// Prints what differs between two texts.
///
/// # Errors
/// When the output cannot be written.
pub(super) fn print_view(out: &mut Output, view: &DiffView) -> Result<(), Failure> {
    if view.same {
        return out.line("Nothing differs.");
    }
    settings(out, &view.settings)?;
    for row in view.rows() {
        if let Some(line) = line(&row) {
            out.line(line)?;
        }
    }
    Ok(())
}

fn settings(out: &mut Output, changes: &[Change]) -> Result<(), Failure> {
    if changes.is_empty() {
        return Ok(());
    }
    let mut table = style::table(out.terminal(), &["setting", "was", "is"]);
    for change in changes {
        table.add_row([
            Cell::new(style::one_line(&change.place)),
            Cell::new(value(&change.from)),
            Cell::new(value(&change.to)),
        ]);
    }
    out.line(table.trim_fmt())
}

fn value(value: &Value) -> String {
    match value {
        Value::Null => "not set".to_owned(),
        Value::String(text) => style::one_line(text),
        value => style::one_line(&value.to_string()),
    }
}

/// A row of a text; settings have their table.
fn line(row: &Row) -> Option<String> {
    let style = match row.kind {
        RowKind::Setting => return None,
        RowKind::Heading => {
            return Some(format!("\n{}", style::paint(BOLD, heading(&row.text))));
        }
        RowKind::Hunk => return Some(style::paint(DIM, first_line(&row.text))),
        RowKind::Same => return Some(row.to_string()),
        RowKind::Removed => BAD.effects(Effects::new()),
        RowKind::Added => GOOD,
        RowKind::Remark => DIM,
    };
    Some(style::paint(style, row))
}

/// `messages[1] (user)` as people count: `message 2 (user)`.
fn heading(text: &str) -> String {
    let rest = text.split_once(']').map(|(_, rest)| rest);
    match (message_index(text), rest) {
        (Some(index), Some(rest)) => format!("message {}{rest}", index + 1),
        (Some(_) | None, _) => text.replace('_', " "),
    }
}

/// `@@ -4,7 +5,8 @@` as the line where it begins in the second text.
fn first_line(text: &str) -> String {
    let second = text.split_once('+').map(|(_, second)| second);
    let number = second.and_then(|second| second.split(',').next());
    number.map_or_else(|| text.to_owned(), |number| format!("line {number}"))
}
