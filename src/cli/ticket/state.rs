//! `punchcard ticket state`: the ticket as it was.

use clap::Args;
use punchcard_events::ticket::StateName;
use punchcard_events::{TicketId, Timestamp};
use serde::Deserialize;
use serde_json::Value;

use super::show;
use crate::cli::client::{self, ApiClient};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::{self, DIM};

/// Arguments of `ticket state`.
#[derive(Debug, Args)]
#[command(after_help = "\
`ticket replay` lists the revisions, and folds them here in place of at the server.

Examples:
  punchcard ticket state ID            as it is now; nothing is delivered by it
  punchcard ticket state ID --at 2     as it was after its event 2
  punchcard ticket state ID --at 2 --json | jq .owes")]
pub(crate) struct StateArgs {
    /// The ticket.
    ticket: TicketId,

    /// As it was after the event with this revision; without it, after the newest.
    #[arg(long, value_name = "REV")]
    at: Option<u64>,
}

/// A state as the API shows it.
#[derive(Debug, Deserialize)]
struct StateView {
    ticket: TicketId,
    at: u64,
    last: u64,
    recorded_at: Timestamp,
    state: StateName,
    fingerprint: String,
    #[serde(default)]
    owes: Option<OwesView>,
    #[serde(default)]
    view: Option<Value>,
}

/// What was to be done next.
#[derive(Debug, Deserialize)]
struct OwesView {
    effect: String,
    #[serde(default)]
    attempt: Option<u32>,
    #[serde(default)]
    model: Option<String>,
    #[serde(default)]
    not_before: Option<Timestamp>,
}

/// Shows the state.
pub(crate) async fn run(
    args: &StateArgs,
    client: &ApiClient,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let id = args.ticket.to_string();
    let query: Vec<_> = args.at.iter().map(|at| ("at", at.to_string())).collect();
    let shown: Value = client.get(&["tickets", &id, "state"], &query).await?;
    if out.is_json() {
        out.document(&shown)?;
    } else {
        print(&client::read(shown)?, out)?;
    }
    Ok(Exit::Success)
}

fn print(state: &StateView, out: &mut Output) -> Result<(), Failure> {
    let owes = state.owes.as_ref();
    let facts = [
        ("as of", format!("revision {} of {}", state.at, state.last)),
        ("recorded", style::time(state.recorded_at)),
        ("then owed", owes.map_or_else(|| "nothing".to_owned(), owed)),
        ("fingerprint", style::one_line(&state.fingerprint)),
    ];
    for (name, value) in facts {
        out.line(format_args!("  {DIM}{name:<12}{DIM:#} {value}"))?;
    }
    out.line("")?;
    match &state.view {
        Some(view) => show::print(view, &client::read(view.clone())?, out),
        None => out.line(format_args!(
            "{}  {}",
            state.ticket,
            style::state(state.state)
        )),
    }
}

fn owed(owes: &OwesView) -> String {
    let mut words = style::one_line(&owes.effect).replace('_', " ");
    let mut add = |text: String| words.push_str(&text);
    if let Some(attempt) = owes.attempt {
        add(format!(", attempt {attempt}"));
    }
    if let Some(model) = &owes.model {
        add(format!(", of {}", style::one_line(model)));
    }
    if let Some(at) = owes.not_before {
        add(format!(", not before {}", style::time(at)));
    }
    words
}
