//! `punchcard ticket compare`.

use clap::Args;
use punchcard_events::TicketId;
use serde_json::Value;

use crate::cli::client::{self, ApiClient};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::{self, BAD, BOLD, DIM, GOOD};
use crate::compare::{Comparison, JsonOp, LineChange, Side};
use crate::prompts::LineKind;

/// Arguments of `ticket compare`.
#[derive(Debug, Args)]
#[command(after_help = "\
A line with - is only on the left, a line with + only on the right.

Examples:
  punchcard ticket compare ID FORK
  punchcard ticket compare ID FORK --json | jq .similarity")]
pub(crate) struct CompareArgs {
    /// The ticket on the left.
    left: TicketId,

    /// The ticket on the right.
    right: TicketId,
}

/// Compares them.
pub(crate) async fn run(
    args: &CompareArgs,
    client: &ApiClient,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let id = args.left.to_string();
    let query = [("with", args.right.to_string())];
    let shown: Value = client.get(&["tickets", &id, "compare"], &query).await?;
    if out.is_json() {
        out.document(&shown)?;
        return Ok(Exit::Success);
    }
    print(&client::read(shown)?, out)?;
    Ok(Exit::Success)
}

fn print(found: &Comparison, out: &mut Output) -> Result<(), Failure> {
    let (left, right) = (&found.left, &found.right);
    for (name, of) in FACTS {
        let (one, other) = (of(left), of(right));
        out.line(format_args!("  {DIM}{name:<12}{DIM:#} {one:<38} {other}"))?;
    }
    for change in &found.parameters {
        let name = style::one_line(&change.name);
        let (one, other) = (short(&change.left), short(&change.right));
        out.line(format_args!("  {DIM}{name:<12}{DIM:#} {one:<38} {other}"))?;
    }
    title("messages", out)?;
    lines(&found.prompt_text, out)?;
    let percent = found.similarity * 100.0;
    let verdict = match (found.same, &left.answer, &right.answer) {
        (true, _, _) => "the same".to_owned(),
        (false, Some(_), Some(_)) => format!("{percent:.0} % alike"),
        (false, _, _) => "one of them has no answer".to_owned(),
    };
    title(&format!("answers: {verdict}"), out)?;
    if let Some(text) = &found.text {
        lines(text, out)?;
    }
    for change in found.json.iter().flatten() {
        let place = match change.pointer.as_str() {
            "" => "(all)".to_owned(),
            pointer => style::one_line(pointer),
        };
        let value = |value: &Option<Value>| value.as_ref().map(short).unwrap_or_default();
        let (one, other) = (value(&change.left), value(&change.right));
        out.line(match change.op {
            JsonOp::Added => format!("{GOOD}+ {place}: {other}{GOOD:#}"),
            JsonOp::Removed => format!("{BAD}- {place}: {one}{BAD:#}"),
            JsonOp::Changed => format!("  {place}: {one} -> {other}"),
        })?;
    }
    if found.cut {
        out.note("there are more differences than are shown");
    }
    Ok(())
}

/// A fact of a ticket, and where it is.
type Fact = (&'static str, fn(&Side) -> String);

const FACTS: [Fact; 8] = [
    ("ticket", |side| side.ticket.to_string()),
    ("state", |side| side.state.as_str().to_owned()),
    ("version", |side| {
        let version = side.prompt.as_ref().map(|prompt| prompt.version);
        or_none(version)
    }),
    ("model", |side| {
        style::one_line(side.model.as_deref().unwrap_or("-"))
    }),
    ("tokens", |side| {
        let usage = side.usage;
        or_none(usage.map(|u| format!("{} in, {} out", u.prompt_tokens, u.completion_tokens)))
    }),
    ("cost, USD", |side| or_none(side.cost_usd)),
    ("first text", |side| {
        or_none(side.first_token_ms.map(|ms| format!("{ms} ms")))
    }),
    ("model time", |side| {
        or_none(side.total_ms.map(|ms| format!("{ms} ms")))
    }),
];

fn or_none(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn title(text: &str, out: &mut Output) -> Result<(), Failure> {
    out.line("")?;
    out.line(format_args!("{BOLD}{text}{BOLD:#}"))
}

/// The lines that differ; those that do not are counted.
fn lines(changes: &[LineChange], out: &mut Output) -> Result<(), Failure> {
    for run in changes.chunk_by(|one, other| one.op == other.op) {
        for change in run {
            let line = style::one_line(&change.line);
            match change.op {
                LineKind::Same => continue,
                LineKind::Removed => out.line(format_args!("{BAD}- {line}{BAD:#}"))?,
                LineKind::Added => out.line(format_args!("{GOOD}+ {line}{GOOD:#}"))?,
            }
        }
        if let [
            LineChange {
                op: LineKind::Same, ..
            },
            ..,
        ] = run
        {
            let count = run.len();
            let lines = if count == 1 { "line" } else { "lines" };
            out.line(format_args!("{DIM}  {count} {lines} alike{DIM:#}"))?;
        }
    }
    Ok(())
}

/// A value on one line of a table.
fn short(value: &Value) -> String {
    const MOST: usize = 200;
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => style::one_line(text),
        other => style::one_line(&other.to_string()),
    };
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}
