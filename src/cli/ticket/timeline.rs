//! `punchcard ticket timeline`: where a ticket's time went, as the server explains it.

use std::time::Duration;

use clap::Args;
use comfy_table::Cell;
use punchcard_events::ticket::{Failure as TicketFailure, StateName};
use punchcard_events::{TicketId, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use crate::cli::client::{self, ApiClient};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::{self, BAD, BOLD, BUSY, CAUTION, DIM, GOOD, paint};

/// How many columns the whole time is wide.
const WIDTH: u64 = 32;
/// So many rows of a list are printed at most: the first and the last half of so many.
const MOST_ROWS: usize = 40;
/// So many characters of a note.
const NOTE: usize = 160;

/// Arguments of `ticket timeline`.
#[derive(Debug, Args)]
#[command(after_help = "\
Of very long lists the first and the last rows are printed; --json has them all, and what was sent to the
tenant's API where your key may see it.

Examples:
  punchcard ticket timeline ID
  punchcard ticket timeline ID --json | jq '.spent[0]'")]
pub(crate) struct TimelineArgs {
    /// The ticket.
    ticket: TicketId,
}

/// A timeline as the API shows it. Names that a newer server adds are printed as they are.
#[derive(Debug, Deserialize)]
struct TimelineView {
    ticket: TicketId,
    task: String,
    state: StateName,
    requested_at: Timestamp,
    total_ms: u64,
    #[serde(default)]
    failure: Option<TicketFailure>,
    steps: Vec<StepView>,
    #[serde(default)]
    attempts: Vec<AttemptView>,
    #[serde(default)]
    callbacks: Vec<CallbackView>,
}

#[derive(Debug, Deserialize)]
struct StepView {
    step: String,
    #[serde(default)]
    attempt: Option<u32>,
    #[serde(default, rename = "try")]
    try_number: Option<u32>,
    begins_ms: u64,
    #[serde(default)]
    ends_ms: Option<u64>,
    outcome: String,
    #[serde(default)]
    note: Option<String>,
}

#[derive(Debug, Deserialize)]
struct AttemptView {
    attempt: u32,
    model: String,
    outcome: String,
    #[serde(default)]
    first_token_ms: Option<u64>,
    #[serde(default)]
    total_ms: Option<u64>,
    #[serde(default)]
    cost_usd: Option<f64>,
    #[serde(default)]
    error: Option<ErrorView>,
}

#[derive(Debug, Deserialize)]
struct CallbackView {
    callback: String,
    #[serde(rename = "try")]
    try_number: u32,
    outcome: String,
    #[serde(default)]
    status: Option<u16>,
    #[serde(default)]
    waited_ms: Option<u64>,
    #[serde(default)]
    took_ms: Option<u64>,
    #[serde(default)]
    error: Option<ErrorView>,
}

#[derive(Debug, Deserialize)]
struct ErrorView {
    message: String,
}

/// Shows the timeline.
pub(crate) async fn run(
    args: &TimelineArgs,
    client: &ApiClient,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let id = args.ticket.to_string();
    let shown: Value = client.get(&["tickets", &id, "timeline"], &[]).await?;
    if out.is_json() {
        out.document(&shown)?;
    } else {
        print(&client::read(shown)?, out)?;
    }
    Ok(Exit::Success)
}

fn print(timeline: &TimelineView, out: &mut Output) -> Result<(), Failure> {
    let (id, state) = (timeline.ticket, style::state(timeline.state));
    out.line(format_args!("{BOLD}{id}{BOLD:#}  {state}"))?;
    let (task, took) = (style::one_line(&timeline.task), span(timeline.total_ms));
    let requested = style::time(timeline.requested_at);
    let facts = [("task", task), ("requested", requested), ("took", took)];
    for (name, value) in facts {
        out.line(format_args!("  {DIM}{name:<12}{DIM:#} {value}"))?;
    }
    if let Some(failure) = &timeline.failure {
        let (stage, code) = (failure.stage.as_str(), style::one_line(&failure.code));
        let message = style::one_line(&failure.message);
        out.line(format_args!(
            "  {BAD}failed{BAD:#}       at {stage}: {message} ({code})"
        ))?;
    }
    out.line("")?;
    rows(&timeline.steps, out, |step, out| {
        out.line(step_line(step, timeline.total_ms))
    })?;
    let header = ["#", "model", "outcome", "first text", "took", "usd", "why"];
    let attempts = &timeline.attempts;
    table("attempts", &header, attempts, attempt_cells, out)?;
    let header = [
        "try", "callback", "outcome", "status", "in line", "took", "why",
    ];
    let callbacks = &timeline.callbacks;
    table("callbacks", &header, callbacks, callback_cells, out)
}

/// Prints the first and the last rows, and between them how many there are more.
fn rows<T>(
    rows: &[T],
    out: &mut Output,
    mut print: impl FnMut(&T, &mut Output) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (first, left_out, last) = ends(rows);
    first.iter().try_for_each(|row| print(row, out))?;
    if left_out > 0 {
        let more = format!("… {left_out} more; --json has them all");
        out.line(paint(DIM, more))?;
    }
    last.iter().try_for_each(|row| print(row, out))
}

fn ends<T>(rows: &[T]) -> (&[T], usize, &[T]) {
    if rows.len() <= MOST_ROWS {
        return (rows, 0, &[]);
    }
    let (first, rest) = rows.split_at(MOST_ROWS / 2);
    let left_out = rest.len().saturating_sub(MOST_ROWS / 2);
    let (_, last) = rest.split_at(left_out);
    (first, left_out, last)
}

/// A step with its bar: where in the whole time it was.
fn step_line(step: &StepView, total_ms: u64) -> String {
    let style = match step.outcome.as_str() {
        "done" => GOOD,
        "failed" => BAD,
        "running" => BUSY,
        _ => CAUTION,
    };
    let name = match step.attempt.or(step.try_number) {
        Some(number) => format!("{} #{number}", words(&step.step)),
        None => words(&step.step),
    };
    let ends_ms = step.ends_ms.unwrap_or(total_ms);
    let bar = paint(style, bar(step.begins_ms, ends_ms, total_ms));
    let took = span(ends_ms.saturating_sub(step.begins_ms));
    let outcome = match step.outcome.as_str() {
        "done" => String::new(),
        other => format!("  {}", words(other)),
    };
    let note = step
        .note
        .as_deref()
        .map(|note| format!("  {}", short(note)));
    let note = note.unwrap_or_default();
    format!("{name:<17} {bar} {took:>10}{outcome}{DIM}{note}{DIM:#}")
}

/// [`WIDTH`] columns, of which those are filled that the time from `begins` to `ends` falls into; at least one.
fn bar(begins: u64, ends: u64, total: u64) -> String {
    let column = |ms: u64| {
        let column = u128::from(ms.min(total)) * u128::from(WIDTH) / u128::from(total.max(1));
        u64::try_from(column).unwrap_or(WIDTH)
    };
    let from = column(begins).min(WIDTH - 1);
    let to = column(ends).max(from + 1).min(WIDTH);
    let mark = |place| {
        if (from..to).contains(&place) {
            '█'
        } else {
            '·'
        }
    };
    (0..WIDTH).map(mark).collect()
}

/// A table under a title; of very many rows the first and the last.
fn table<T>(
    name: &str,
    header: &[&str],
    rows: &[T],
    cells: impl Fn(&T) -> Vec<Cell>,
    out: &mut Output,
) -> Result<(), Failure> {
    if rows.is_empty() {
        return Ok(());
    }
    title(name, out)?;
    let (first, left_out, last) = ends(rows);
    let mut table = style::table(out.terminal(), header);
    table.add_rows(first.iter().map(&cells));
    if left_out > 0 {
        table.add_row(vec![Cell::new("…"), Cell::new(format!("{left_out} more"))]);
    }
    table.add_rows(last.iter().map(&cells));
    out.line(table.trim_fmt())
}

fn attempt_cells(attempt: &AttemptView) -> Vec<Cell> {
    let cost = attempt.cost_usd.map(|cost| format!("{cost:.6}"));
    vec![
        style::number(attempt.attempt),
        Cell::new(style::one_line(&attempt.model)),
        Cell::new(words(&attempt.outcome)),
        style::number(time(attempt.first_token_ms)),
        style::number(time(attempt.total_ms)),
        style::number(cost.unwrap_or_else(|| "-".to_owned())),
        Cell::new(why(attempt.error.as_ref())),
    ]
}

fn callback_cells(call: &CallbackView) -> Vec<Cell> {
    let status = call.status.map(|status| status.to_string());
    vec![
        style::number(call.try_number),
        Cell::new(words(&call.callback)),
        Cell::new(words(&call.outcome)),
        style::number(status.unwrap_or_else(|| "-".to_owned())),
        style::number(time(call.waited_ms)),
        style::number(time(call.took_ms)),
        Cell::new(why(call.error.as_ref())),
    ]
}

fn title(text: &str, out: &mut Output) -> Result<(), Failure> {
    out.line("")?;
    out.line(paint(BOLD, text))
}

fn why(error: Option<&ErrorView>) -> String {
    error.map(|error| short(&error.message)).unwrap_or_default()
}

/// A server's text on one line, and not too much of it.
fn short(text: &str) -> String {
    let text = style::one_line(text);
    match text.char_indices().nth(NOTE) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

fn words(name: &str) -> String {
    style::one_line(name).replace('_', " ")
}

fn time(ms: Option<u64>) -> String {
    ms.map_or_else(|| "-".to_owned(), span)
}

fn span(ms: u64) -> String {
    style::duration(Duration::from_millis(ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_stands_where_in_the_whole_time_a_step_was() {
        let shown = |begins, ends, total| {
            let bar = bar(begins, ends, total);
            assert_eq!(bar.chars().count(), 32);
            let from = bar.chars().position(|mark| mark == '█').unwrap();
            (from, bar.matches('█').count())
        };
        assert_eq!(shown(0, 1_000, 1_000), (0, 32));
        assert_eq!(shown(500, 1_000, 1_000), (16, 16));
        assert_eq!(shown(1_000, 1_000, 1_000), (31, 1), "no time is one column");
        assert_eq!(shown(0, 0, 0), (0, 1));
        assert_eq!(shown(u64::MAX, u64::MAX, 5), (31, 1));
    }

    #[test]
    fn of_a_long_list_the_first_and_the_last_are_printed() {
        let rows: Vec<u32> = (0..10_000).collect();
        let (first, left_out, last) = ends(&rows);
        assert_eq!((first.len(), left_out, last.len()), (20, 9_960, 20));
        assert_eq!(last.last(), Some(&9_999));
        assert_eq!(ends(&rows[..40]).1, 0);
    }
}
