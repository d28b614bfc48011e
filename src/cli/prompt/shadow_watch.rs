//! Looking at a shadow run until it ends, and at its report.

use std::time::Duration;

use punchcard_actors::ports::Clock as _;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::planner::{Planner, Shown};
use super::shadow_report;
use super::shadow_views::{ReportView, ShadowRunView, ShadowState};
use super::when::When;
use crate::adapters::clock::SystemClock;
use crate::cli::client::Call;
use crate::cli::exit::{Exit, Failure};
use crate::cli::output::Output;

/// The first pause between two looks; each one after is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause: a run takes minutes, and who watches wants to see it move.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);
/// How long a server that does not answer is asked again.
const PATIENCE: Duration = Duration::from_secs(60);
/// How many of the worst cases are shown.
const WORST: usize = 10;

/// A run that is looked at.
pub(super) struct Watch<'a> {
    pub(super) planner: &'a Planner,
    pub(super) run: Uuid,
}

impl Watch<'_> {
    /// Looks at the run until it is not running any more, however long that takes: a run may wait for
    /// its tenant, and whoever watches may leave. `seen` is what it was at last.
    ///
    /// # Errors
    /// When the server refuses, or is away for longer than a minute.
    pub(super) async fn follow(
        &self,
        out: &mut Output,
        seen: &mut Shown<ShadowRunView>,
    ) -> Result<(), Failure> {
        let mut told = None;
        let mut pause = FIRST_PAUSE;
        while seen.view.state == ShadowState::Running {
            let run = &seen.view;
            if told != Some(run.cases_done) {
                out.progress(shadow_report::how_far(run));
                told = Some(run.cases_done);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            *seen = self.look(out).await?;
        }
        Ok(())
    }

    /// Looks at the run once. A server that is away for a while is asked again: the run goes on by
    /// itself when it is back.
    ///
    /// # Errors
    /// As [`follow`](Self::follow).
    pub(super) async fn look(&self, out: &mut Output) -> Result<Shown<ShadowRunView>, Failure> {
        let run = self.run.to_string();
        let path = ["shadow-runs", &run];
        let give_up = Instant::now() + PATIENCE;
        let mut pause = FIRST_PAUSE;
        loop {
            let call = Call::new(Method::GET, &path);
            let failure: Failure = match self.planner.client.ask(call).await {
                Ok(answer) => return Shown::of(answer.body),
                Err(error) => error.into(),
            };
            if failure.exit() != Exit::Unreachable {
                return Err(failure);
            }
            if Instant::now() + pause > give_up {
                return Err(failure.advise_too(format!(
                    "The run needs nobody to watch it. {}",
                    later(self.run)
                )));
            }
            out.progress("The server does not answer now; asking again…");
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Does `act`, `stop` or `resume`, to the run.
    ///
    /// # Errors
    /// When the server refuses or is not there.
    pub(super) async fn act(
        &self,
        act: &str,
        body: &Value,
    ) -> Result<Shown<ShadowRunView>, Failure> {
        let run = self.run.to_string();
        let path = ["shadow-runs", &run, act];
        Shown::of(self.planner.send(Method::POST, &path, body).await?.body)
    }

    /// Prints the run with the sums of its report and the worst cases; with `--json` both as they came.
    ///
    /// # Errors
    /// When the report cannot be read, or the output not written.
    pub(super) async fn tell(
        &self,
        out: &mut Output,
        seen: &Shown<ShadowRunView>,
    ) -> Result<(), Failure> {
        let run = self.run.to_string();
        let path = ["shadow-runs", &run, "report"];
        let query = [("limit", WORST.to_string())];
        let report = self.planner.get::<ReportView>(&path, &query).await?;
        if out.is_json() {
            return out.document(&json!({ "shadow_run": seen.raw, "report": report.raw }));
        }
        shadow_report::print(out, &seen.view, &report.view)
    }
}

/// How to see a run again.
pub(super) fn later(run: Uuid) -> String {
    format!("To see it later: punchcard prompt shadow-runs --run {run}")
}

/// A time as the server reads it.
pub(super) fn point(when: When) -> Value {
    json!(when.resolve(SystemClock.now()))
}
