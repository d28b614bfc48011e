//! `punchcard prompt test`.

use std::io;
use std::time::Duration;

use clap::Args;
use punchcard_events::TaskName;
use reqwest::Method;
use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::naming::Reference;
use super::planner::{Planner, Shown};
use super::views::{RunState, RunView};
use super::{findings, test_report};
use crate::cli::client::Call;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;

/// How long one look at a run waits for news, in seconds.
const WAIT: u64 = 5;
/// How long a server that does not answer is asked again.
const PATIENCE: Duration = Duration::from_secs(60);
/// The pause before it is asked again for the first time; each one after is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Arguments of `prompt test`.
#[derive(Debug, Args)]
#[command(after_help = "\
Every test case is sent to the model, and its answer judged; the same is done with what is in production, to
compare. This costs tokens. Ctrl-C stops the run. It ends with 0 if all cases passed, and with 6 if not.

Examples:
  punchcard prompt test explanation             the draft
  punchcard prompt test explanation 4           a version
  punchcard prompt test explanation --run 0192c0de-…    a run that was begun before, and why its cases failed
  punchcard prompt test explanation --json | jq .state")]
pub(crate) struct TestArgs {
    /// The task.
    task: TaskName,

    /// What to test: `draft`, a version (4), or a label (production).
    #[arg(value_name = "VERSION", default_value = "draft")]
    reference: Reference,

    /// Show a run that was begun before, by its id, instead of beginning one.
    #[arg(long, value_name = "ID", conflicts_with = "reference")]
    run: Option<Uuid>,

    /// Show the answers too.
    #[arg(long)]
    answers: bool,
}

/// Runs the test cases, or looks at a run that was begun before.
pub(crate) async fn run(
    args: &TestArgs,
    planner: &Planner,
    out: &mut Output,
) -> Result<Exit, Failure> {
    let interrupted = tokio::signal::ctrl_c();
    let ended = match args.run {
        // It may be somebody else's: whoever only looks stops nothing.
        Some(run) => Watch::of(args, planner, run).follow(out, None).await,
        None => begun(args, planner, out, interrupted).await,
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

/// Begins a run and follows it, until it ends or is `interrupted`.
async fn begun(
    args: &TestArgs,
    planner: &Planner,
    out: &mut Output,
    interrupted: impl Future<Output = io::Result<()>>,
) -> Result<Shown<RunView>, Failure> {
    let task = &args.task;
    let path = ["prompts", task.as_str(), "test-runs"];
    let body = json!({ "ref": args.reference.to_string() });
    let started = planner.send(Method::POST, &path, &body).await;
    let started = started.map_err(|error| findings::of_refusal(out, error, None))?;
    let started = Shown::<RunView>::of(started.body)?;
    let run = started.view.run;
    out.note(format_args!(
        "Test run {run} has begun. To see it later: punchcard prompt test {task} --run {run}"
    ));
    let watch = Watch::of(args, planner, run);
    let pressed = tokio::select! {
        biased;
        pressed = interrupted => pressed,
        ended = watch.follow(out, Some(started)) => return ended,
    };
    pressed?;
    out.end_progress();
    watch.stop(out).await
}

/// A run that is looked at.
struct Watch<'a> {
    planner: &'a Planner,
    task: &'a TaskName,
    run: Uuid,
}

impl<'a> Watch<'a> {
    fn of(args: &'a TestArgs, planner: &'a Planner, run: Uuid) -> Self {
        Self {
            planner,
            task: &args.task,
            run,
        }
    }

    /// Looks at the run until it ends. The server bounds how long a run may take.
    async fn follow(
        &self,
        out: &mut Output,
        seen: Option<Shown<RunView>>,
    ) -> Result<Shown<RunView>, Failure> {
        let mut seen = match seen {
            Some(seen) => seen,
            None => self.look(None, out).await?,
        };
        let mut told = None;
        while seen.view.state == RunState::Running {
            let (done, total) = (seen.view.cases_done, seen.view.cases_total);
            if told != Some(done) {
                out.progress(format_args!("{done} of {total} cases done"));
                told = Some(done);
            }
            seen = self.look(Some(WAIT), out).await?;
        }
        Ok(seen)
    }

    /// Looks at the run once, and waits so many seconds for its end. A server that is away for a while
    /// is asked again: what it has begun goes on without us.
    async fn look(&self, wait: Option<u64>, out: &mut Output) -> Result<Shown<RunView>, Failure> {
        let (task, run) = (self.task, self.run.to_string());
        let path = ["prompts", task.as_str(), "test-runs", &run];
        let query: Vec<_> = wait.iter().map(|wait| ("wait", wait.to_string())).collect();
        let give_up = Instant::now() + PATIENCE;
        let mut pause = FIRST_PAUSE;
        loop {
            let call = Call::new(Method::GET, &path).query(&query);
            let call = call.patience(Duration::from_secs(wait.unwrap_or(0)));
            let failure: Failure = match self.planner.client.ask(call).await {
                Ok(answer) => return Shown::of(answer.body),
                Err(error) => error.into(),
            };
            if failure.exit() != Exit::Unreachable {
                return Err(failure);
            }
            if Instant::now() + pause > give_up {
                return Err(failure.advise_too(format!(
                    "The run needs nobody to watch it. To see it later: \
                     punchcard prompt test {task} --run {run}"
                )));
            }
            out.progress("The server does not answer now; asking again…");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Stops the run, and says so.
    async fn stop(&self, out: &mut Output) -> Result<Shown<RunView>, Failure> {
        let (task, run) = (self.task, self.run.to_string());
        let path = ["prompts", task.as_str(), "test-runs", &run];
        let body = json!({ "reason": "Its author stopped it with Ctrl-C." });
        let stopped = self.planner.send(Method::DELETE, &path, &body).await;
        let stopped = stopped.map_err(|error| {
            Failure::from(error).advise_too(format!(
                "The run may still go on. See: punchcard prompt test {task} --run {run}"
            ))
        })?;
        let stopped = Shown::<RunView>::of(stopped.body)?;
        out.note(match stopped.view.state {
            RunState::Running => {
                "The run was told to stop; what is on its way to the model may still end."
            }
            RunState::Stopped => "The run is stopped. What was tested before stays with it.",
            RunState::Passed | RunState::Failed | RunState::Interrupted => {
                "The run had ended before it could be stopped."
            }
        });
        Ok(stopped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::scripted;

    #[test]
    fn a_run_that_is_interrupted_is_stopped_and_that_is_said() {
        let run = "0192c0de-0000-7000-8000-000000000009";
        let view = |state: &str| json!({"run": run, "state": state, "cases_total": 2, "cases_done": 1, "cases": []});
        let replies = [
            scripted::json_reply(202, &view("running")),
            scripted::json_reply(200, &view("stopped")),
        ];
        let args = TestArgs {
            task: "explanation".parse().unwrap(),
            reference: Reference::Draft,
            run: None,
            answers: false,
        };
        let (asked, stderr) = scripted::served(&replies, async |client| {
            let planner = Planner {
                client,
                yes: false,
                editor: None,
            };
            let (mut out, _, notes) = Output::captured(false);
            // Interrupted at once, before the first look.
            let pressed = std::future::ready(Ok(()));
            let ended = begun(&args, &planner, &mut out, pressed).await.unwrap();
            assert_eq!(ended.view.state, RunState::Stopped);
            notes.text()
        });
        let path = format!("/v1/prompts/explanation/test-runs/{run}");
        let last = asked.last().unwrap();
        assert_eq!(last.line, format!("DELETE {path}"));
        assert_eq!(last.body["reason"], "Its author stopped it with Ctrl-C.");
        assert!(stderr.contains("The run is stopped."), "{stderr}");
        assert!(stderr.contains(&format!("--run {run}")), "{stderr}");
    }
}
