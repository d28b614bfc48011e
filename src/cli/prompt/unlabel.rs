//! `punchcard prompt unlabel`.

use clap::Args;
use punchcard_events::{LabelName, TaskName};
use reqwest::Method;

use super::planner::Planner;
use super::{ask, deploy};
use crate::cli::client::Call;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::BOLD;

/// Arguments of `prompt unlabel`.
#[derive(Debug, Args)]
#[command(after_help = "\
The version stays. Tickets that ask for the label are refused from then on.

Examples:
  punchcard prompt unlabel explanation staging")]
pub(crate) struct UnlabelArgs {
    /// The task.
    task: TaskName,

    /// The label.
    label: LabelName,
}

/// Takes the label away.
pub(crate) async fn run(
    args: &UnlabelArgs,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let (task, label) = (&args.task, &args.label);
    ask::confirm(
        out,
        planner.yes,
        &format!("Take the label `{label}` away from `{task}`?"),
    )?;
    let path = ["prompts", task.as_str(), "labels", label.as_str()];
    let answer = planner.client.ask(Call::new(Method::DELETE, &path)).await;
    let answer = answer.map_err(deploy::refused)?;
    if out.is_json() {
        out.document(&answer.body)?;
        return Ok(Exit::Success);
    }
    out.line(format_args!(
        "{BOLD}{task}{BOLD:#} has no label {BOLD}{label}{BOLD:#} any more."
    ))?;
    Ok(Exit::Success)
}
