//! `punchcard prompt diff`.

use clap::Args;
use punchcard_events::TaskName;

use super::changes;
use super::naming::Reference;
use super::planner::Planner;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;

/// Arguments of `prompt diff`.
#[derive(Debug, Args)]
#[command(after_help = "\
A line with - is only in the first, a line with + only in the second.

Examples:
  punchcard prompt diff explanation                 production and the draft
  punchcard prompt diff explanation 3 4
  punchcard prompt diff explanation production staging")]
pub(crate) struct DiffArgs {
    /// The task.
    task: TaskName,

    /// The first: a version (3), a label (production), or `draft`.
    #[arg(default_value = "production")]
    from: Reference,

    /// The second.
    #[arg(default_value = "draft")]
    to: Reference,
}

/// Shows what differs.
pub(crate) async fn run(
    args: &DiffArgs,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let diff = changes::fetch(planner, &args.task, &args.from, &args.to).await?;
    if out.is_json() {
        out.document(&diff)?;
    } else {
        changes::print(out, &diff)?;
    }
    Ok(Exit::Success)
}
