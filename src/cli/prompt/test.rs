//! `punchcard prompt test`.

use std::time::Duration;

use clap::Args;
use punchcard_events::TaskName;
use reqwest::Method;
use serde_json::json;

use super::naming::Reference;
use super::planner::{Planner, Shown};
use super::test_report;
use super::views::{RunState, RunView};
use crate::cli::client::Call;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;

/// How long one look at a run waits for news, in seconds.
const WAIT: u64 = 5;

/// Arguments of `prompt test`.
#[derive(Debug, Args)]
#[command(after_help = "\
Every test case is sent to the model, and its answer judged; the same is done with what is in production, to
compare. This costs tokens. Ctrl-C stops the run. It ends with 0 if all cases passed, and with 6 if not.

Examples:
  punchcard prompt test explanation             the draft
  punchcard prompt test explanation 4           a version
  punchcard prompt test explanation --json | jq .state")]
pub(crate) struct TestArgs {
    /// The task.
    task: TaskName,

    /// What to test: `draft`, a version (4), or a label (production).
    #[arg(value_name = "VERSION", default_value = "draft")]
    reference: Reference,

    /// Show the answers too.
    #[arg(long)]
    answers: bool,
}

/// Runs the test cases.
pub(crate) async fn run(
    args: &TestArgs,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let path = ["prompts", args.task.as_str(), "test-runs"];
    let body = json!({ "ref": args.reference.to_string() });
    let started = planner.send(Method::POST, &path, &body).await?;
    let started = Shown::<RunView>::of(started.body)?;
    let run = started.view.run.clone();
    let ended = tokio::select! {
        ended = follow(args, planner, out, started) => ended,
        pressed = tokio::signal::ctrl_c() => {
            pressed?;
            stop(args, planner, &run).await
        }
    };
    out.end_progress();
    let ended = ended?;
    if out.is_json() {
        out.document(&ended.raw)?;
    } else {
        test_report::print(out, &args.task, &ended, args.answers)?;
    }
    Ok(match ended.view.state {
        RunState::Passed => Exit::Success,
        RunState::Running | RunState::Failed | RunState::Stopped | RunState::Interrupted => {
            Exit::TestFailed
        }
    })
}

/// Looks at the run until it ends. The server bounds how long a run may take.
async fn follow(
    args: &TestArgs,
    planner: &Planner,
    out: &mut Output,
    mut seen: Shown<RunView>,
) -> Result<Shown<RunView>, Failure> {
    let run = seen.view.run.clone();
    let path = ["prompts", args.task.as_str(), "test-runs", &run];
    let query = [("wait", WAIT.to_string())];
    let mut told = None;
    while seen.view.state == RunState::Running {
        let (done, total) = (seen.view.cases_done, seen.view.cases_total);
        if told != Some(done) {
            out.progress(format_args!("{done} of {total} cases done"));
            told = Some(done);
        }
        let call = Call::new(Method::GET, &path).query(&query);
        let call = call.patience(Duration::from_secs(WAIT));
        seen = Shown::of(planner.client.ask(call).await?.body)?;
    }
    Ok(seen)
}

async fn stop(args: &TestArgs, planner: &Planner, run: &str) -> Result<Shown<RunView>, Failure> {
    let path = ["prompts", args.task.as_str(), "test-runs", run];
    planner.client.ask(Call::new(Method::DELETE, &path)).await?;
    planner.get(&path, &[]).await
}
