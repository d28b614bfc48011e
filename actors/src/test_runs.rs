//! Test runs: a prompt's content tried on every case of its task's test set, beside the version in
//! production.
//!
//! A run is a task of its own, started from anywhere, on the runtime that [`TestRuns::new`] was
//! called on. Its calls go through the same permits as those of tickets, as one caller of the
//! tenant, so that testing takes nothing from users that another ticket would not. Whatever happens
//! is an event in the run's stream before it is shown; the result goes into the prompt's stream
//! before the run is shown as passed or failed, so that who sees it can deploy on it.
//!
//! A run is not picked up again after a restart: it has a start and no end then, and is shown as
//! interrupted. A run of another node that is going on is shown so here, too.
//!
//! Not here: what makes an answer good ([`Judges`]), and which results let a
//! version go to production (`events::prompt::decide`).

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use punchcard_events::prompt::Author;
use punchcard_events::retry::RetryPolicy;
use punchcard_events::{TaskName, TenantId};
use tokio::sync::oneshot;
use tokio::time::Instant;
use uuid::Uuid;

use crate::llm::Llm;
use crate::ports::{EventStore, Judges};
use crate::prompts::{ContentName, Prompts};

mod aside;
mod ask;
mod case;
mod earlier;
mod error;
mod live;
mod plan;
mod price;
mod read;
mod record;
mod run;
mod view;

pub use error::TestRunError;
pub use price::Price;
pub use view::{
    ArmTotals, BaselineView, CaseResult, CaseView, Compared, RunLine, RunState, RunView, Totals,
};

use live::{LiveRun, LiveRuns, Stop};
use plan::Asked;

/// Limits of test runs.
#[derive(Debug, Clone)]
pub struct TestRunOptions {
    /// Cases of one run that are tried at a time.
    pub concurrency: NonZeroUsize,
    /// Runs at a time.
    pub max_runs: NonZeroUsize,
    /// Runs of one tenant at a time.
    pub max_runs_per_tenant: NonZeroUsize,
    /// For one answer, the wait for the model and the repeats included.
    pub case_deadline: Duration,
    /// For a whole run.
    pub run_deadline: Duration,
    /// The most bytes an answer may have.
    pub max_answer_bytes: NonZeroUsize,
    /// How calls that failed are repeated.
    pub retry: RetryPolicy,
    /// How long an event is offered to a store that does not take it.
    pub store_patience: Duration,
    /// What models cost, by their names in the configuration.
    pub prices: BTreeMap<String, Price>,
}

impl Default for TestRunOptions {
    fn default() -> Self {
        let some = |number| NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN);
        Self {
            concurrency: some(4),
            max_runs: some(8),
            max_runs_per_tenant: some(2),
            case_deadline: Duration::from_mins(3),
            run_deadline: Duration::from_hours(1),
            max_answer_bytes: some(256 * 1024),
            retry: RetryPolicy {
                max_tries: 3,
                initial_delay_ms: 1_000,
                max_delay_ms: 10_000,
            },
            store_patience: Duration::from_mins(1),
            prices: BTreeMap::new(),
        }
    }
}

/// What test runs work with.
#[derive(Clone)]
pub struct TestRunParts {
    /// Where their streams are.
    pub store: Arc<dyn EventStore>,
    /// The models and their permits.
    pub llm: Llm,
    /// The prompts that are tested.
    pub prompts: Prompts,
    /// Who judges the answers.
    pub judges: Arc<dyn Judges>,
}

/// The handle of all test runs. Clones share them.
#[derive(Clone)]
pub struct TestRuns {
    shared: Arc<Shared>,
}

struct Shared {
    parts: TestRunParts,
    options: TestRunOptions,
    live: LiveRuns,
    /// Where runs go on: it outlives whoever starts one.
    runtime: tokio::runtime::Handle,
}

impl TestRuns {
    /// Test runs that go on in the calling tokio runtime.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn new(parts: TestRunParts, options: TestRunOptions) -> Self {
        let live = LiveRuns::new(options.max_runs.get(), options.max_runs_per_tenant.get());
        let shared = Shared {
            parts,
            options,
            live,
            runtime: tokio::runtime::Handle::current(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Starts a run of the content of this name. It goes on by itself; when this returns, its start
    /// is stored.
    ///
    /// # Errors
    /// When there is nothing to test or nothing to test it with, the content has mistakes, too many
    /// runs are going on, or the store takes nothing.
    pub async fn start(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        name: &ContentName,
        by: Author,
    ) -> Result<Uuid, TestRunError> {
        let id = self.shared.parts.prompts.clock().id();
        let seat = self.shared.live.sit_down(id, tenant, task)?;
        let asked = Asked {
            run: id,
            tenant: tenant.clone(),
            task: task.clone(),
            name: name.clone(),
            by,
        };
        let (begun, answer) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        // A task of its own from the first step on: the caller may leave at any time.
        self.shared.runtime.spawn(async move {
            run::run(&shared, asked, seat, begun).await;
        });
        let lost = |_| TestRunError::Unavailable("the test run ended as it began".to_owned());
        answer.await.map_err(lost)?.map(|()| id)
    }

    /// How a run stands; `None` where the tenant has no such run.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn status(
        &self,
        tenant: &TenantId,
        run: Uuid,
    ) -> Result<Option<RunView>, TestRunError> {
        if let Some(running) = self.live(tenant, run)
            && let Some(now) = running.look()
        {
            return Ok(Some(RunView::running(run, now)));
        }
        read::ended(&self.shared.parts, tenant, run).await
    }

    /// Waits until a run ends, at most for `patience`, and says how it stands then.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn wait(
        &self,
        tenant: &TenantId,
        run: Uuid,
        patience: Duration,
    ) -> Result<Option<RunView>, TestRunError> {
        if let Some(running) = self.live(tenant, run) {
            // Whether it ended or the time is over, how it stands is the answer.
            let _ = tokio::time::timeout(patience, running.ended()).await;
        }
        self.status(tenant, run).await
    }

    /// Waits until a run has more to show than `seen` cases or ends, at most for `patience`, and
    /// says how it stands then.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn progress(
        &self,
        tenant: &TenantId,
        run: Uuid,
        seen: usize,
        patience: Duration,
    ) -> Result<Option<RunView>, TestRunError> {
        if let Some(running) = self.live(tenant, run) {
            let _ = tokio::time::timeout(patience, running.past(seen)).await;
        }
        self.status(tenant, run).await
    }

    /// A prompt's runs, the newest first: those that are going on, and the newest result of each
    /// content under each test set; at most `limit`.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        limit: usize,
    ) -> Result<Vec<RunLine>, TestRunError> {
        let going_on = self.shared.live.of_task(tenant, task);
        let mut lines: Vec<_> = going_on
            .iter()
            .filter_map(|(id, run)| Some(RunLine::running(*id, &run.look()?)))
            .collect();
        let state = self.shared.parts.prompts.state(tenant, task).await?;
        let results = state.map(|state| state.tests).unwrap_or_default();
        let is_new = |run: Uuid| !going_on.iter().any(|(id, _)| *id == run);
        let ended = results.iter().filter(|result| is_new(result.run));
        lines.extend(ended.map(RunLine::ended));
        lines.sort_by_key(|line| std::cmp::Reverse((line.at, line.run)));
        lines.truncate(limit);
        Ok(lines)
    }

    /// Gives a run up, and says how it stands then. One that is over stays as it is.
    ///
    /// # Errors
    /// [`TestRunError::NoSuchRun`]; or the store cannot be read.
    pub async fn stop(
        &self,
        tenant: &TenantId,
        run: Uuid,
        by: Author,
        reason: Option<String>,
    ) -> Result<RunView, TestRunError> {
        if let Some(running) = self.live(tenant, run) {
            let reason = reason.unwrap_or_else(|| "Somebody stopped it.".to_owned());
            running.stop(Stop { reason, by });
            let patience = self.shared.options.store_patience;
            let _ = tokio::time::timeout(patience, running.ended()).await;
        }
        let view = self.status(tenant, run).await?;
        view.ok_or(TestRunError::NoSuchRun(run))
    }

    /// Starts nothing new, stops what is going on, and waits until that is stored, at most for
    /// `grace`. Returns how many runs are left; these will be shown as interrupted.
    pub async fn drain(&self, grace: Duration) -> usize {
        let until = Instant::now() + grace;
        self.shared.live.close();
        self.shared.live.stop_all(&Stop {
            reason: "The server was stopped.".to_owned(),
            by: Author::Runtime,
        });
        let _ = tokio::time::timeout_at(until, self.shared.live.empty()).await;
        self.shared.live.count()
    }

    /// How many runs are going on.
    pub fn active(&self) -> usize {
        self.shared.live.count()
    }

    fn live(&self, tenant: &TenantId, run: Uuid) -> Option<Arc<LiveRun>> {
        self.shared.live.find(tenant, run)
    }
}
