//! `punchcard prompt discard`.

use clap::Args;
use punchcard_events::TaskName;
use reqwest::Method;
use serde_json::Value;

use super::planner::Planner;
use super::{ask, when};
use crate::cli::client::Call;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;

/// Arguments of `prompt discard`.
#[derive(Debug, Args)]
#[command(after_help = "\
Versions stay as they are, and so does what users get.

Examples:
  punchcard prompt discard explanation
  punchcard prompt discard explanation --yes")]
pub(crate) struct DiscardArgs {
    /// The task.
    task: TaskName,
}

/// Throws the draft away.
pub(crate) async fn run(
    args: &DiscardArgs,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let task = &args.task;
    let Some(draft) = planner.prompt(task).await?.view.draft else {
        out.note(format_args!(
            "`{task}` has no draft: nothing to throw away."
        ));
        if out.is_json() {
            out.document(&Value::Null)?;
        }
        return Ok(Exit::Success);
    };
    let question = format!(
        "Throw away edit {} of the draft of `{task}`, saved by {} at {}? Nobody gets its text back.",
        draft.edit,
        draft.by,
        when::said(draft.saved_at)
    );
    ask::confirm(out, planner.yes, &question)?;
    let path = ["prompts", task.as_str(), "draft"];
    let call = Call::new(Method::DELETE, &path).only_if(Some(draft.edit));
    let answer = planner.client.ask(call).await?;
    if out.is_json() {
        out.document(&answer.body)?;
        return Ok(Exit::Success);
    }
    out.line(format_args!("The draft of `{task}` is thrown away."))?;
    out.note(format_args!(
        "Who threw it away, and when, stands in the history: punchcard prompt history {task}"
    ));
    Ok(Exit::Success)
}
