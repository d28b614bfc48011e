//! `punchcard prompt history`.

use clap::Args;
use comfy_table::Cell;
use punchcard_events::TaskName;
use serde_json::json;

use super::planner::Planner;
use super::views::HistoryEntry;
use super::when;
use crate::cli::client;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style;

/// Arguments of `prompt history`.
#[derive(Debug, Args)]
#[command(after_help = "\
Oldest first. Nothing is ever taken out of it.

Examples:
  punchcard prompt history explanation
  punchcard prompt history explanation --json | jq '.entries[] | select(.kind == \"LabelMoved\")'")]
pub(crate) struct HistoryArgs {
    /// The task.
    task: TaskName,

    /// The most entries to show.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,

    /// Begin after this entry's number.
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,
}

/// Shows the history.
pub(crate) async fn run(
    args: &HistoryArgs,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let path = ["prompts", args.task.as_str(), "history"];
    let wanted = args.limit.map_or(usize::MAX, |limit| limit as usize);
    let after = args.after.map(|after| after.to_string());
    let entries = planner.pages(&path, "entries", after, wanted).await?;
    if out.is_json() {
        out.document(&json!({ "entries": entries }))?;
        return Ok(Exit::Success);
    }
    let header = ["number", "when (UTC)", "what"];
    let mut table = style::table(out.terminal(), &header);
    for entry in entries {
        let entry: HistoryEntry = client::read(entry)?;
        table.add_row(vec![
            style::number(entry.revision),
            Cell::new(when::cell(entry.at)),
            Cell::new(style::one_line(&entry.sentence)),
        ]);
    }
    out.line(table.trim_fmt())?;
    Ok(Exit::Success)
}
