//! `punchcard prompt retire` and `restore`.

use clap::Args;
use punchcard_events::TaskName;
use reqwest::Method;
use serde_json::json;

use super::planner::Planner;
use super::{ask, deploy};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::BOLD;

/// Arguments of `prompt retire`.
#[derive(Debug, Args)]
#[command(after_help = "\
Nothing is deleted, and tickets under way go on. New ones are refused until `restore`.

Examples:
  punchcard prompt retire word-game --reason 'The lesson is over.'")]
pub(crate) struct RetireArgs {
    /// The task.
    task: TaskName,

    /// Why, in a sentence for the others.
    #[arg(long)]
    reason: Option<String>,
}

/// Arguments of `prompt restore`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard prompt restore word-game")]
pub(crate) struct RestoreArgs {
    /// The task.
    task: TaskName,
}

/// Retires the task.
pub(crate) async fn run(
    args: &RetireArgs,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let task = &args.task;
    let question = format!("Take no new tickets for `{task}`?");
    ask::confirm(out, planner.yes, &question)?;
    let body = args
        .reason
        .as_ref()
        .map_or_else(|| json!({}), |reason| json!({ "reason": reason }));
    let path = ["prompts", task.as_str(), "retire"];
    let answer = planner.send(Method::POST, &path, &body).await;
    let answer = answer.map_err(deploy::refused)?;
    if out.is_json() {
        out.document(&answer.body)?;
        return Ok(Exit::Success);
    }
    out.line(format_args!("{BOLD}{task}{BOLD:#} takes no new tickets."))?;
    out.note(format_args!(
        "To take them again: punchcard prompt restore {task}"
    ));
    Ok(Exit::Success)
}

/// Takes tickets again.
pub(crate) async fn restore(
    args: &RestoreArgs,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let task = &args.task;
    let path = ["prompts", task.as_str(), "restore"];
    let answer = planner.send(Method::POST, &path, &json!({})).await;
    let answer = answer.map_err(deploy::refused)?;
    if out.is_json() {
        out.document(&answer.body)?;
        return Ok(Exit::Success);
    }
    out.line(format_args!("{BOLD}{task}{BOLD:#} takes tickets again."))?;
    Ok(Exit::Success)
}
