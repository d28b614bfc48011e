//! `punchcard prompt shadow-runs`.

use clap::Args;
use comfy_table::Cell;
use punchcard_events::TaskName;
use serde_json::json;
use uuid::Uuid;

use super::planner::{Planner, Shown};
use super::shadow_views::{ShadowRunPage, ShadowRunView};
use super::shadow_watch::{self, Watch};
use super::{shadow, shadow_report, when};
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;
use crate::cli::style;

/// How many runs are listed where nobody says.
const USUAL_RUNS: u8 = 20;

/// Arguments of `prompt shadow-runs`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  punchcard prompt shadow-runs explanation               the runs of a task, the newest first
  punchcard prompt shadow-runs --run 0192c0de-…          one run, and what came of it
  punchcard prompt shadow-runs --stop 0192c0de-…
  punchcard prompt shadow-runs --resume 0192c0de-… --max-cost 5 --watch")]
pub(crate) struct ShadowRunsArgs {
    /// The task; without it the runs of all tasks are listed.
    task: Option<TaskName>,

    /// Show this run, with its report.
    #[arg(long, value_name = "ID", conflicts_with_all = ["stop", "resume"])]
    run: Option<Uuid>,

    /// Begin no more cases of this run. Those under way end as they do.
    #[arg(long, value_name = "ID", conflicts_with = "resume")]
    stop: Option<Uuid>,

    /// Go on with this run.
    #[arg(long, value_name = "ID")]
    resume: Option<Uuid>,

    /// What a resumed run may cost in all from now on, in US dollars.
    #[arg(long, value_name = "USD", requires = "resume", value_parser = shadow::dollars)]
    max_cost: Option<f64>,

    /// Stay until the run ends.
    #[arg(long, conflicts_with = "stop")]
    watch: bool,

    /// The most runs to list.
    #[arg(long, value_name = "N", default_value_t = USUAL_RUNS,
          value_parser = clap::value_parser!(u8).range(1..=200))]
    limit: u8,

    /// List those after this run.
    #[arg(long, value_name = "ID")]
    after: Option<Uuid>,
}

/// Lists runs, or shows, stops or resumes one.
pub(crate) async fn run(
    args: &ShadowRunsArgs,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let of = |run: Uuid| Watch { planner, run };
    if let Some(run) = args.run {
        let watch = of(run);
        let seen = watch.look(out).await?;
        return shown(args, &watch, out, seen).await;
    }
    if let Some(run) = args.stop {
        let stopped = of(run).act("stop", &json!({})).await?;
        return told(out, &stopped);
    }
    if let Some(run) = args.resume {
        let watch = of(run);
        let body = match args.max_cost {
            Some(usd) => json!({ "max_cost_usd": usd }),
            None => json!({}),
        };
        let resumed = watch.act("resume", &body).await?;
        return match args.watch {
            true => shown(args, &watch, out, resumed).await,
            false => told(out, &resumed),
        };
    }
    list(args, planner, out).await
}

/// Shows a run with its report; to the end, where that is wanted.
async fn shown(
    args: &ShadowRunsArgs,
    watch: &Watch<'_>,
    out: &mut Output,
    seen: Shown<ShadowRunView>,
) -> Result<Exit, Failure> {
    if args.watch {
        let interrupted = tokio::signal::ctrl_c();
        return shadow::watched(watch.planner, out, seen, interrupted).await;
    }
    watch.tell(out, &seen).await?;
    Ok(Exit::Success)
}

/// Says how a run stands now.
fn told(out: &mut Output, seen: &Shown<ShadowRunView>) -> Result<Exit, Failure> {
    if out.is_json() {
        out.document(&seen.raw)?;
        return Ok(Exit::Success);
    }
    out.line(shadow_report::standing(&seen.view))?;
    out.note(shadow_watch::later(seen.view.run));
    Ok(Exit::Success)
}

async fn list(args: &ShadowRunsArgs, planner: &Planner, out: &mut Output) -> Result<Exit, Failure> {
    let mut query = vec![("limit", args.limit.to_string())];
    query.extend(args.task.iter().map(|task| ("task", task.to_string())));
    query.extend(args.after.iter().map(|run| ("cursor", run.to_string())));
    let page = planner
        .get::<ShadowRunPage>(&["shadow-runs"], &query)
        .await?;
    if out.is_json() {
        out.document(&page.raw)?;
        return Ok(Exit::Success);
    }
    let page = page.view;
    if page.shadow_runs.is_empty() {
        out.line("There are no shadow runs.")?;
        out.note("To start one: punchcard prompt shadow TASK --version N");
        return Ok(Exit::Success);
    }
    let header = [
        "run",
        "task",
        "version",
        "state",
        "cases",
        "failed",
        "started (UTC)",
        "by",
    ];
    let mut table = style::table(out.terminal(), &header);
    for run in &page.shadow_runs {
        table.add_row(row(run));
    }
    out.line(table.trim_fmt())?;
    if let Some(after) = page.next_cursor {
        out.note(format_args!("There are more: add --after {after}"));
    }
    Ok(Exit::Success)
}

fn row(run: &ShadowRunView) -> Vec<Cell> {
    vec![
        Cell::new(run.run),
        Cell::new(&run.task),
        style::number(run.candidate.version),
        shadow_report::state_cell(run.state),
        style::number(format!("{} of {}", run.cases_done, run.cases_total)),
        style::number(run.cases_failed),
        Cell::new(when::cell(run.started_at)),
        Cell::new(&run.by),
    ]
}
