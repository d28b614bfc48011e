//! `punchcard prompt policy`.

use clap::Args;
use comfy_table::{Cell, Color};
use punchcard_events::TaskName;
use punchcard_events::prompt::ShadowRunPolicy;
use reqwest::Method;
use serde_json::json;

use super::planner::{Planner, Shown};
use super::shadow_views::{PolicyView, ResultView};
use super::{naming, when};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style::{self, BOLD};

/// Arguments of `prompt policy`.
#[derive(Debug, Args)]
#[command(after_help = "\
With a policy, a version reaches users only after a finished shadow run of that very version that is large and good
enough. The test run is needed as before. An admin may deploy without, with --override.

Examples:
  punchcard prompt policy explanation                    what a deployment needs
  punchcard prompt policy explanation --shadow-cases 50 --max-failed-percent 2
  punchcard prompt policy explanation --none             no shadow run is needed")]
pub(crate) struct PolicyArgs {
    /// The task.
    task: TaskName,

    /// A deployment needs a shadow run of at least so many past tickets.
    #[arg(long, value_name = "N", requires = "max_failed_percent",
          value_parser = clap::value_parser!(u32).range(1..=1_000))]
    shadow_cases: Option<u32>,

    /// Of which at most so many of a hundred have no answer that can be used.
    #[arg(long, value_name = "PERCENT", requires = "shadow_cases",
          value_parser = clap::value_parser!(u8).range(0..=100))]
    max_failed_percent: Option<u8>,

    /// A deployment needs no shadow run.
    #[arg(long, conflicts_with_all = ["shadow_cases", "max_failed_percent"])]
    none: bool,
}

impl PolicyArgs {
    /// What is to be set; `None`: nothing, it is only shown.
    fn wanted(&self) -> Option<Option<ShadowRunPolicy>> {
        if self.none {
            return Some(None);
        }
        let (min_cases, max_failed_percent) = self.shadow_cases.zip(self.max_failed_percent)?;
        Some(Some(ShadowRunPolicy {
            min_cases,
            max_failed_percent,
        }))
    }
}

/// Shows what a deployment needs, or sets it.
pub(crate) async fn run(
    args: &PolicyArgs,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let path = ["prompts", args.task.as_str(), "deployment-policy"];
    let shown: Shown<PolicyView> = match args.wanted() {
        Some(policy) => {
            let body = json!({ "shadow_run": policy });
            Shown::of(planner.send(Method::PUT, &path, &body).await?.body)?
        }
        None => planner.get(&path, &[]).await?,
    };
    if out.is_json() {
        out.document(&shown.raw)?;
        return Ok(Exit::Success);
    }
    let task = &args.task;
    match shown.view.shadow_run {
        Some(policy) => out.line(format_args!(
            "A version of {BOLD}{task}{BOLD:#} reaches users after a shadow run of at least {}, of which at \
             most {} of a hundred failed.",
            naming::counted(policy.min_cases as usize, "past ticket"),
            policy.max_failed_percent
        ))?,
        None => out.line(format_args!(
            "A version of {BOLD}{task}{BOLD:#} reaches users without a shadow run."
        ))?,
    }
    results(out, &shown.view.results)?;
    Ok(Exit::Success)
}

fn results(out: &mut Output, results: &[ResultView]) -> Result<(), Failure> {
    if results.is_empty() {
        return Ok(());
    }
    let header = [
        "version",
        "cases",
        "failed",
        "enough",
        "finished (UTC)",
        "run",
    ];
    let mut table = style::table(out.terminal(), &header);
    for result in results {
        let failed = result.failed.saturating_add(result.schema_failed);
        let enough = match result.meets_policy {
            Some(true) => Cell::new("yes").fg(Color::Green),
            Some(false) => Cell::new("no").fg(Color::Red),
            None => Cell::new("-"),
        };
        table.add_row(vec![
            style::number(result.version),
            style::number(result.cases),
            style::number(failed),
            enough,
            Cell::new(when::cell(result.at)),
            Cell::new(result.run),
        ]);
    }
    out.line("")?;
    out.line(table.trim_fmt())
}
