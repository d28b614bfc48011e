//! `punchcard prompt rollback`.

use clap::Args;
use punchcard_events::{LabelName, TaskName};
use reqwest::Method;
use serde_json::json;

use super::deploy;
use super::planner::{Planner, Shown};
use super::views::PromptView;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::BOLD;

/// Arguments of `prompt rollback`.
#[derive(Debug, Args)]
#[command(after_help = "\
No question is asked. New tickets run the version before within a second; those under way keep theirs. While
a canary runs, the canary is stopped and production stays. If somebody else was faster, nothing is done.

Examples:
  punchcard prompt rollback explanation
  punchcard prompt rollback explanation --reason 'The answers are too short.'
  punchcard prompt rollback explanation --label staging")]
pub(crate) struct RollbackArgs {
    /// The task.
    task: TaskName,

    /// What to take back.
    #[arg(long, default_value = "production")]
    label: LabelName,

    /// Why, in a sentence for the others.
    #[arg(long)]
    reason: Option<String>,
}

/// Goes back.
pub(crate) async fn run(
    args: &RollbackArgs,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let (task, label) = (&args.task, &args.label);
    let seen = planner.prompt(task).await?.view;
    let Some(before) = seen.label(label.as_str()).map(|label| label.version) else {
        let sentence = format!("`{label}` of `{task}` points to no version");
        let advice = format!("Deploy a version: punchcard prompt deploy {task} VERSION");
        return Err(Failure::new(Exit::NotDeployed, sentence).advise(advice));
    };
    let canary = seen.canary.as_ref().filter(|_| label.is_production());
    let mut body = json!({ "expected": before, "canary": canary.and_then(|canary| canary.canary) });
    if let Some(reason) = &args.reason {
        body["reason"] = json!(reason);
    }
    let path = [
        "prompts",
        task.as_str(),
        "labels",
        label.as_str(),
        "rollback",
    ];
    let answer = planner.send(Method::POST, &path, &body).await;
    let answer = answer.map_err(deploy::refused)?;
    let prompt = Shown::<PromptView>::of(answer.body)?;
    if out.is_json() {
        out.document(&prompt.raw)?;
        return Ok(Exit::Success);
    }
    let prompt = prompt.view;
    let now = prompt.label(label.as_str()).map(|label| label.version);
    let now = now.map_or_else(|| "gone".to_owned(), |version| format!("version {version}"));
    match canary.map(|canary| canary.version) {
        Some(version) => out.line(format_args!(
            "Done: the canary of version {version} is stopped; {BOLD}{label}{BOLD:#} of {BOLD}{task}{BOLD:#} is {BOLD}{now}{BOLD:#}, as before."
        ))?,
        None => out.line(format_args!(
            "Done: {BOLD}{label}{BOLD:#} of {BOLD}{task}{BOLD:#} is {BOLD}{now}{BOLD:#} (it was {before})."
        ))?,
    }
    out.note(format_args!(
        "New tickets run it. What happened: punchcard prompt history {task}"
    ));
    Ok(Exit::Success)
}
