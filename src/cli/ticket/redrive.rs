//! `punchcard ticket redrive` and `punchcard ticket dead-letters`: failed tickets, one and all.

use std::time::Duration;

use clap::{Args, ValueEnum};
use comfy_table::Cell;
use punchcard_events::{TaskName, TicketId, Timestamp};
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};

use super::show;
use crate::cli::client::{self, ApiClient};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style;

/// The step that a ticket goes on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GoOnFrom {
    /// Prepare it anew, with the prompt that is in production now, and ask the model again.
    Requested,
}

impl GoOnFrom {
    /// The word that the API has for it.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Requested => "requested",
        }
    }
}

/// Arguments of `ticket redrive`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard ticket redrive ID                     go on from the step that failed
  punchcard ticket redrive ID --from requested    prepare it anew, with the prompt as it is now")]
pub(crate) struct RedriveArgs {
    /// The ticket.
    ticket: TicketId,

    /// The step that it goes on from [default: the one that failed]
    #[arg(long, value_enum)]
    from: Option<GoOnFrom>,
}

/// Opens a failed ticket again.
pub(crate) async fn run(
    args: &RedriveArgs,
    client: &ApiClient,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let body = args
        .from
        .map_or_else(|| json!({}), |from| json!({ "from": from.word() }));
    let path = ["tickets", &args.ticket.to_string(), "redrive"];
    let answer = client
        .post(&path, HeaderMap::new(), &body, Duration::ZERO)
        .await?;
    let ticket = client::read(answer.clone())?;
    show::print(&answer, &ticket, out)?;
    Ok(Exit::Success)
}

/// Arguments of `ticket dead-letters`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard ticket dead-letters
  punchcard ticket dead-letters --task writing-review
  punchcard ticket list --state failed --stage model --code attempts_exhausted    one by one")]
pub(crate) struct DeadLettersArgs {
    /// Only tickets of this task.
    #[arg(long)]
    task: Option<TaskName>,
}

#[derive(Deserialize)]
struct DeadLetters {
    total: u64,
}

#[derive(Deserialize)]
struct Group {
    task: String,
    stage: String,
    code: String,
    count: u64,
    oldest: Timestamp,
    newest: Timestamp,
}

/// Shows the failed tickets by their reason.
pub(crate) async fn dead_letters(
    args: &DeadLettersArgs,
    client: &ApiClient,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let task = args.task.as_ref().map(|task| ("task", task.to_string()));
    let query: Vec<_> = task.into_iter().collect();
    let answer: Value = client.get(&["dead-letters"], &query).await?;
    if out.is_json() {
        out.document(&answer)?;
        return Ok(Exit::Success);
    }
    let found: DeadLetters = client::read(answer.clone())?;
    if found.total == 0 {
        out.note("no failed tickets");
        return Ok(Exit::Success);
    }
    groups(&answer, out)?;
    out.note("`punchcard redrive start` opens them again.");
    Ok(Exit::Success)
}

/// Prints the groups of failed tickets that an answer holds.
pub(crate) fn groups(answer: &Value, out: &mut Output) -> Result<(), Failure> {
    let groups = answer.get("groups").cloned().unwrap_or_default();
    let groups: Vec<Group> = client::read(groups)?;
    let header = ["task", "failed in", "code", "tickets", "first", "last"];
    let mut table = style::table(out.terminal(), &header);
    for group in groups {
        table.add_row(vec![
            Cell::new(style::one_line(&group.task)),
            Cell::new(style::one_line(&group.stage)),
            Cell::new(style::one_line(&group.code)),
            style::number(group.count),
            Cell::new(style::time(group.oldest)),
            Cell::new(style::time(group.newest)),
        ]);
    }
    out.line(table.trim_fmt())
}
