//! `punchcard ticket show`.

use clap::Args;
use punchcard_events::TicketId;
use serde_json::Value;

use super::watch;
use crate::cli::client::{self, ApiClient, TicketView};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::{self, BOLD, DIM};

/// The name of the text that was kept of a cancelled ticket.
const KEPT_TEXT: &str = "kept text";

/// Arguments of `ticket show`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard ticket show 0192c0de-0000-7000-8000-000000000001
  punchcard ticket show ID --json | jq .answer")]
pub(crate) struct ShowArgs {
    /// The ticket.
    ticket: TicketId,
}

/// Shows the ticket.
pub(crate) async fn run(
    args: &ShowArgs,
    client: &ApiClient,
    out: &mut Output,
) -> Result<Exit, Failure> {
    fetch_and_print(client, args.ticket, out).await?;
    Ok(Exit::Success)
}

/// Fetches and prints a ticket; gives how a wait for it ends.
pub(super) async fn fetch_and_print(
    client: &ApiClient,
    id: TicketId,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let shown: Value = client.get(&["tickets", &id.to_string()], &[]).await?;
    let ticket: TicketView = client::read(shown.clone())?;
    print(&shown, &ticket, out)?;
    Ok(watch::ending(&ticket).unwrap_or(Exit::Success))
}

/// Prints a ticket as the output wants it.
pub(super) fn print(shown: &Value, ticket: &TicketView, out: &mut Output) -> Result<(), Failure> {
    if out.is_json() {
        return out.document(shown);
    }
    let id = ticket.id;
    out.line(format_args!(
        "{BOLD}{id}{BOLD:#}  {}",
        style::state(ticket.state)
    ))?;
    for (name, value) in facts(ticket) {
        let value = match name {
            // The one fact that is a text of its own, with lines of its own.
            KEPT_TEXT => style::safe(&value),
            _ => style::one_line(&value),
        };
        out.line(format_args!("  {DIM}{name:<12}{DIM:#} {value}"))?;
    }
    if let Some(answer) = &ticket.answer {
        out.line("")?;
        out.line(answer_text(answer))?;
    }
    Ok(())
}

/// An answer as text: text as it is, JSON indented.
pub(crate) fn answer_text(answer: &Value) -> String {
    match answer {
        Value::String(text) => style::safe(text),
        document => style::safe(&format!("{document:#}")),
    }
}

fn facts(ticket: &TicketView) -> Vec<(&'static str, String)> {
    let mut facts = vec![("task", ticket.task.clone())];
    let mut add = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
    add("user", ticket.user.clone());
    for (name, value) in &ticket.metadata {
        add("metadata", Some(format!("{name}={value}")));
    }
    add("requested", Some(style::time(ticket.requested_at)));
    add("updated", ticket.updated_at.map(style::time));
    add(
        "batch",
        ticket
            .batch
            .map(|line| format!("{}, line {}", line.batch, line.line)),
    );
    let fork = ticket.fork.as_ref();
    add(
        "fork of",
        fork.map(|fork| format!("{}, by {}", fork.parent, fork.by)),
    );
    if !ticket.priority.is_normal() {
        add(
            "priority",
            Some(format!("{:?}", ticket.priority).to_lowercase()),
        );
    }
    add("not before", ticket.not_before.map(style::time));
    add("deadline", ticket.deadline.map(style::time));
    add(
        "revision",
        ticket.revision.map(|revision| revision.to_string()),
    );
    add(
        "attempt",
        (ticket.attempt > 0).then(|| ticket.attempt.to_string()),
    );
    add("retry at", ticket.retry_at.map(style::time));
    let prompt = ticket.prompt.as_ref();
    add("prompt", prompt.map(crate::cli::timeline::prompt_in_words));
    add("model", ticket.model.clone());
    let parameters = ticket.parameters.as_ref();
    add(
        "parameters",
        parameters.and_then(crate::cli::timeline::parameters_in_words),
    );
    let fallback = ticket.fallback.as_ref();
    add("fallback", fallback.map(crate::cli::timeline::because));
    add("finish", ticket.finish_reason.clone());
    let tokens = ticket.usage;
    add(
        "tokens",
        tokens.map(|u| format!("{} in, {} out", u.prompt_tokens, u.completion_tokens)),
    );
    let timings = ticket.timings.map(|timings| {
        let (total, first) = (timings.total_ms, timings.first_token_ms);
        format!("{total} ms, first text after {first} ms")
    });
    add("model time", timings);
    facts.extend(ends(ticket));
    facts
}

/// How it ended, where it has.
fn ends(ticket: &TicketView) -> Vec<(&'static str, String)> {
    let mut facts = Vec::new();
    let mut add = |name, value: Option<String>| facts.extend(value.map(|value| (name, value)));
    let delivered = ticket.delivered.as_ref().map(|delivered| {
        let by = &delivered.acknowledged_by;
        format!("{} by {by}", word(delivered.channel))
    });
    add("delivered", delivered);
    let failure = ticket.failure.as_ref().map(|failure| {
        let (stage, code) = (word(failure.stage), &failure.code);
        format!("at {stage}: {} ({code})", failure.message)
    });
    add("failed", failure);
    let cancelled = ticket.cancelled.as_ref();
    add(
        "cancelled",
        cancelled.map(|c| format!("{} by {}", word(c.mode), c.by)),
    );
    add(KEPT_TEXT, cancelled.and_then(|c| c.text.clone()));
    facts
}

fn word(word: impl serde::Serialize) -> String {
    let word = serde_json::to_value(word).unwrap_or_default();
    word.as_str().unwrap_or_default().to_owned()
}
