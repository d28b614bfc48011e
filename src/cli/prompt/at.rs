//! `punchcard prompt at`.

use clap::Args;
use punchcard_actors::ports::Clock as _;
use punchcard_events::{LabelName, TaskName};

use super::planner::Planner;
use super::views::AtView;
use super::when::{self, When};
use crate::adapters::clock::SystemClock;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::{BOLD, DIM};

/// Arguments of `prompt at`.
#[derive(Debug, Args)]
#[command(after_help = "\
Times are UTC. Write `2026-11-17 14:02`, `2026-11-17T14:02:00Z`, or so long ago: `3h ago`, `2days ago`.

Examples:
  punchcard prompt at explanation '2026-11-17 14:02'
  punchcard prompt at explanation '3h ago' --label staging")]
pub(crate) struct AtArgs {
    /// The task.
    task: TaskName,

    /// When (UTC).
    #[arg(value_parser = when::parse)]
    time: When,

    /// Of which label.
    #[arg(long, default_value = "production")]
    label: LabelName,
}

/// Shows the version.
pub(crate) async fn run(
    args: &AtArgs,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let (task, label) = (&args.task, &args.label);
    let time = args.time.resolve(SystemClock.now());
    let query = [("time", time.to_string()), ("label", label.to_string())];
    let path = ["prompts", task.as_str(), "at"];
    let answer = planner.get::<AtView>(&path, &query).await?;
    if out.is_json() {
        out.document(&answer.raw)?;
        return Ok(Exit::Success);
    }
    let (view, said) = (answer.view, when::said(time));
    if view.forgotten {
        out.line(format_args!(
            "What {label} of {BOLD}{task}{BOLD:#} was at {said} is forgotten here. The history has it."
        ))?;
        out.note(format_args!("See it: punchcard prompt history {task}"));
        return Ok(Exit::Success);
    }
    let Some(version) = view.version else {
        out.line(format_args!(
            "At {said}, {label} of {BOLD}{task}{BOLD:#} was nothing."
        ))?;
        return Ok(Exit::Success);
    };
    out.line(format_args!(
        "At {said}, {label} of {BOLD}{task}{BOLD:#} was {BOLD}version {version}{BOLD:#}."
    ))?;
    let until = view.until.map_or_else(|| "now".to_owned(), when::said);
    if let Some(since) = view.since {
        out.line(format_args!(
            "  {DIM}from{DIM:#} {}  {DIM}until{DIM:#} {until}",
            when::said(since)
        ))?;
    }
    if let Some(canary) = view.canary {
        let (version, percent) = (canary.version, canary.percent);
        out.line(format_args!(
            "  {percent} of 100 users got version {version} (a canary)."
        ))?;
    }
    out.note(format_args!(
        "Its text: punchcard prompt show {task} {version}"
    ));
    Ok(Exit::Success)
}
