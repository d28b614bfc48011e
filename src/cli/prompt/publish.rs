//! `punchcard prompt publish`.

use clap::Args;
use punchcard_events::TaskName;
use reqwest::Method;
use serde_json::json;

use super::findings;
use super::planner::{Planner, Shown};
use super::views::VersionLine;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::BOLD;

/// Arguments of `prompt publish`.
#[derive(Debug, Args)]
#[command(after_help = "\
A version has a number and never changes. Publishing gives it to nobody yet; `deploy` does.

Examples:
  punchcard prompt publish explanation --notes 'Shorter sentences for elementary school.'
  punchcard prompt publish explanation --json | jq .version")]
pub(crate) struct PublishArgs {
    /// The task.
    task: TaskName,

    /// What is new, in a sentence for the others.
    #[arg(long, default_value = "")]
    notes: String,

    /// Only if the draft is still at this edit.
    #[arg(long, value_name = "N")]
    edit: Option<u32>,
}

/// Publishes the draft.
pub(crate) async fn run(
    args: &PublishArgs,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let task = &args.task;
    let edit = match args.edit {
        Some(edit) => edit,
        None => edit_of(planner, task).await?,
    };
    let body = json!({ "edit": edit, "notes": args.notes });
    let path = ["prompts", task.as_str(), "versions"];
    let answer = planner.send(Method::POST, &path, &body).await;
    let answer = answer.map_err(|error| findings::of_refusal(out, error, None))?;
    let published = Shown::<VersionLine>::of(answer.body)?;
    if out.is_json() {
        out.document(&published.raw)?;
        return Ok(Exit::Success);
    }
    let version = published.view.version;
    out.line(format_args!(
        "{BOLD}{task}{BOLD:#} has a new version: {BOLD}{version}{BOLD:#}"
    ))?;
    out.note(format_args!(
        "No user gets it yet. Try it first: punchcard prompt deploy {task} {version} --label staging"
    ));
    Ok(Exit::Success)
}

async fn edit_of(planner: &Planner, task: &TaskName) -> Result<u32, Failure> {
    let prompt = planner.prompt(task).await?.view;
    let nothing = || {
        Failure::negative(format!(
            "`{task}` has no draft, so there is nothing to publish"
        ))
        .advise(format!("Change it first: punchcard prompt edit {task}"))
    };
    prompt.draft.map(|draft| draft.edit).ok_or_else(nothing)
}
