//! `punchcard batch`: tickets by the thousand, of a running server.

mod submit;
mod watch;

use clap::{Args, Subcommand};
use comfy_table::Cell;
use punchcard_events::{BatchId, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;

use super::client::{self, ApiClient, Connection};
use super::exit::{Exit, Failure};
use super::output::Output;
use super::style;

/// The most batches of a list.
const PAGE: u32 = 200;

/// Arguments of `batch`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard batch submit essays.jsonl --task writing-review --watch
  punchcard batch list
  punchcard batch results ID > answers.jsonl")]
pub(crate) struct BatchArgs {
    /// Which server, and who asks.
    #[command(flatten)]
    pub(crate) connection: Connection,

    /// What to do.
    #[command(subcommand)]
    pub(crate) command: BatchCommand,
}

/// What to do with batches.
#[derive(Debug, Subcommand)]
pub(crate) enum BatchCommand {
    /// Upload a file of JSON Lines, each a ticket.
    Submit(submit::SubmitArgs),
    /// List batches, newest first.
    List,
    /// Show how far a batch is.
    Show(Named),
    /// Print the results so far as JSON Lines, in the order of the lines.
    Results(Named),
    /// Stop feeding a batch, and cancel its open tickets.
    Cancel(Named),
    /// Follow a batch to its end.
    Watch(Named),
}

/// A batch that is named.
#[derive(Debug, Args)]
pub(crate) struct Named {
    /// The batch's id.
    id: BatchId,
}

/// A batch as the API shows it, as far as it is shown here.
#[derive(Debug, Deserialize)]
pub(crate) struct BatchView {
    id: BatchId,
    state: String,
    begun_at: Timestamp,
    #[serde(default)]
    accepted: u64,
    #[serde(default)]
    rejected: u64,
    #[serde(default)]
    refused: u64,
    #[serde(default)]
    waiting: u64,
    #[serde(default)]
    tickets: BTreeMap<String, u64>,
    #[serde(default)]
    finished_at: Option<Timestamp>,
    #[serde(default)]
    discarded: Option<String>,
    #[serde(default)]
    rejected_lines: Vec<Rejected>,
}

/// A line that does not run.
#[derive(Debug, Deserialize)]
struct Rejected {
    line: u64,
    message: String,
}

#[derive(Deserialize)]
struct Page {
    batches: Vec<Value>,
}

/// Does it.
pub(crate) async fn run(args: &BatchArgs, out: &mut Output) -> Result<Exit, Failure> {
    let client = ApiClient::new(&args.connection)?;
    match &args.command {
        BatchCommand::Submit(args) => submit::run(args, &client, out).await,
        BatchCommand::List => list(&client, out).await,
        BatchCommand::Show(named) => {
            let batch = client.get(&["batches", &named.id.to_string()], &[]).await?;
            show(&batch, out)
        }
        BatchCommand::Results(named) => results(named.id, &client, out).await,
        BatchCommand::Cancel(named) => {
            let path = ["batches", &named.id.to_string(), "cancel"];
            let batch = client.post_nothing(&path).await?;
            show(&batch, out)
        }
        BatchCommand::Watch(named) => watch::run(named.id, &client, out).await,
    }
}

async fn list(client: &ApiClient, out: &mut Output) -> Result<Exit, Failure> {
    let page: Page = client
        .get(&["batches"], &[("limit", PAGE.to_string())])
        .await?;
    if out.is_json() {
        out.document(&page.batches)?;
        return Ok(Exit::Success);
    }
    if page.batches.is_empty() {
        out.note("no batches");
        return Ok(Exit::Success);
    }
    let mut table = style::table(
        out.terminal(),
        &["id", "state", "lines", "rejected", "begun"],
    );
    for batch in page.batches {
        let batch: BatchView = client::read(batch)?;
        table.add_row(vec![
            Cell::new(batch.id),
            Cell::new(style::one_line(&batch.state)),
            style::number(batch.accepted),
            style::number(batch.rejected),
            Cell::new(style::time(batch.begun_at)),
        ]);
    }
    out.line(table.trim_fmt())?;
    Ok(Exit::Success)
}

/// Prints a batch, and says by the exit whether it came to something.
fn show(batch: &Value, out: &mut Output) -> Result<Exit, Failure> {
    if out.is_json() {
        out.document(batch)?;
        return Ok(Exit::Success);
    }
    let batch: BatchView = client::read(batch.clone())?;
    out.line(format_args!("{}  {}", batch.id, progress(&batch)))?;
    if let Some(why) = &batch.discarded {
        out.note(format_args!("it never ran: {}", style::one_line(why)));
    }
    for rejected in &batch.rejected_lines {
        let message = style::one_line(&rejected.message);
        out.note(format_args!("line {}: {message}", rejected.line));
    }
    Ok(Exit::Success)
}

/// How far a batch is, in a line.
fn progress(batch: &BatchView) -> String {
    let mut parts = vec![style::one_line(&batch.state)];
    parts.push(format!("{} lines", batch.accepted));
    for (name, count) in [
        ("rejected", batch.rejected + batch.refused),
        ("waiting", batch.waiting),
    ] {
        if count > 0 {
            parts.push(format!("{count} {name}"));
        }
    }
    let tickets = batch.tickets.iter();
    parts.extend(tickets.map(|(state, count)| format!("{count} {}", style::one_line(state))));
    parts.join(", ")
}

async fn results(id: BatchId, client: &ApiClient, out: &mut Output) -> Result<Exit, Failure> {
    let path = ["batches", &id.to_string(), "results"];
    let mut response = client.download(&path).await?;
    let mut rest = Vec::new();
    while let Some(piece) = client.piece(&mut response).await? {
        rest.extend_from_slice(&piece);
        if let Some(end) = rest.iter().rposition(|byte| *byte == b'\n') {
            let whole: Vec<u8> = rest.drain(..=end).collect();
            out.piece(style::safe_piece(&String::from_utf8_lossy(&whole)))?;
        }
    }
    Ok(Exit::Success)
}
