//! `punchcard tenant history`.

use clap::Args;
use comfy_table::Cell;
use punchcard_events::TenantId;
use serde_json::json;

use super::operator::Operator;
use super::views::HistoryEntry;
use crate::cli::client;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::prompt::when;
use crate::cli::style;

/// Arguments of `tenant history`.
#[derive(Debug, Args)]
#[command(after_help = "\
Oldest first: who did what, and when. Nothing is ever taken out of it.

Examples:
  punchcard tenant history acme
  punchcard tenant history acme --json | jq '.entries[] | select(.kind == \"KeyRevoked\")'")]
pub(crate) struct HistoryArgs {
    /// The tenant.
    tenant: TenantId,

    /// The most entries to show.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,

    /// Begin after this entry's number.
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,
}

/// Shows the history.
pub(super) async fn run(
    args: &HistoryArgs,
    operator: &Operator,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let path = ["tenants", args.tenant.as_str(), "history"];
    let wanted = args.limit.map_or(usize::MAX, |limit| limit as usize);
    let after = args.after.map(|after| after.to_string());
    let pages = operator.client.pages(&path, "entries", after, wanted);
    let entries = pages.await?;
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
