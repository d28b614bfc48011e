//! Running one run to its end: its cases, so many at a time, and what came of each is stored.
//!
//! It remembers nothing that the store does not have. It begins by reading which cases have ended; those
//! that were under way are begun again, and are the tickets that they were.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use futures_util::stream::FuturesUnordered;
use punchcard_events::act::Author;
use punchcard_events::prompt::Command as PromptCommand;
use punchcard_events::shadow_run::{
    Cases, Command, Phase, ShadowCaseEnded, ShadowCasesEvent, ShadowRunState, Spending, StopReason,
    Tally,
};
use punchcard_events::{Revision, TicketId};
use tokio::sync::Notify;
use uuid::Uuid;

use super::case::{self, Came, Case};
use super::{ShadowRunError, ShadowRuns, ledger};
use crate::prompts::PromptError;

/// How long a runner that failed waits before it begins anew.
const AGAIN: Duration = Duration::from_secs(2);

/// How often a run looks whether its tenant is suspended still.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Runs a run until it is stopped or finished, whatever fails on the way.
pub(super) async fn run(runs: ShadowRuns, id: Uuid) {
    while let Some(state) = running(&runs, id) {
        let ended = match Runner::begin(&runs, id, state).await {
            Ok(mut runner) => runner.run().await,
            Err(error) => Err(error),
        };
        runs.0.live.end(id);
        match ended {
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(shadow_run = %id, %error, "a shadow run waits");
                tokio::time::sleep(AGAIN).await;
            }
        }
    }
}

/// A run, as long as it is running.
fn running(runs: &ShadowRuns, id: Uuid) -> Option<ShadowRunState> {
    let state = runs.0.shelf.get(&id)?;
    let state = Option::as_ref(&state)?;
    (state.phase == Phase::Running).then(|| state.clone())
}

type Under = LocalBoxFuture<'static, (u32, Result<Came, ShadowRunError>)>;

struct Runner {
    runs: ShadowRuns,
    id: Uuid,
    state: ShadowRunState,
    wake: Arc<Notify>,
    newest: Option<Revision>,
    /// Cases that are under way.
    open: FuturesUnordered<Under>,
    numbers: HashSet<u32>,
}

/// What is to be done next.
enum Next {
    Begin(u32, TicketId),
    /// Some are under way, and no more may begin now.
    Wait,
    /// None is left.
    Finish,
    /// One more might cost too much.
    TooDear,
    /// The run was stopped, and nothing of it is under way.
    Leave,
}

impl Runner {
    async fn begin(
        runs: &ShadowRuns,
        id: Uuid,
        state: ShadowRunState,
    ) -> Result<Self, ShadowRunError> {
        let ledger = ledger::load(runs.0.parts.store.as_ref(), id).await?;
        let wake = runs.0.live.begin(id, ledger.cases);
        Ok(Self {
            runs: runs.clone(),
            id,
            state,
            wake,
            newest: ledger.newest,
            open: FuturesUnordered::new(),
            numbers: HashSet::new(),
        })
    }

    async fn run(&mut self) -> Result<(), ShadowRunError> {
        loop {
            match self.next() {
                Next::Begin(number, parent) => self.start(number, parent),
                Next::Wait => self.wait().await?,
                Next::Finish => return self.finish().await,
                Next::TooDear => self.stop(StopReason::MaxCost).await?,
                Next::Leave => return Ok(()),
            }
        }
    }

    fn next(&self) -> Next {
        let is_running = self.is_running();
        if !is_running || self.is_suspended() {
            return match self.open.is_empty() && !is_running {
                true => Next::Leave,
                false => Next::Wait,
            };
        }
        let bound = self.bound();
        let next = self
            .runs
            .0
            .live
            .look(self.id, |cases| self.choose(cases, bound));
        next.unwrap_or(Next::Leave)
    }

    /// What a run that may go on does next.
    fn choose(&self, cases: &Cases, max_cost_usd: Option<f64>) -> Next {
        let open = self.open.len();
        let mut left = cases
            .left()
            .filter(|(case, _)| !self.numbers.contains(case));
        let Some((number, parent)) = left.next() else {
            return match open {
                0 => Next::Finish,
                _ => Next::Wait,
            };
        };
        let estimate = &self.state.started.estimate;
        let spending = Spending::of(estimate, cases.total(), max_cost_usd, cases);
        match (open, spending.has_room(open)) {
            (0, false) => Next::TooDear,
            (_, true) if open < self.runs.options().window.get() => Next::Begin(number, parent),
            (_, true | false) => Next::Wait,
        }
    }

    fn start(&mut self, number: u32, parent: TicketId) {
        let started = &self.state.started;
        let case = Case {
            run: self.id,
            number,
            parent,
            tenant: started.tenant.clone(),
            version: started.candidate.version,
            by: match &started.act.by {
                Author::Key { prefix, .. } => prefix.clone(),
                Author::Configuration | Author::Runtime => "punchcard".to_owned(),
            },
        };
        let (runs, id) = (self.runs.clone(), self.id);
        let may_begin = move || running(&runs, id).is_some();
        let ran = case::run(self.runs.clone(), case, may_begin);
        self.numbers.insert(number);
        self.open.push(Box::pin(async move { (number, ran.await) }));
    }

    /// Waits until a case has ended, or somebody did something to the run.
    async fn wait(&mut self) -> Result<(), ShadowRunError> {
        let wake = Arc::clone(&self.wake);
        tokio::select! {
            Some((number, came)) = self.open.next() => {
                self.numbers.remove(&number);
                match came? {
                    Came::Ended(ended) => self.record(*ended).await?,
                    Came::Halted(reason) => self.stop(reason).await?,
                    Came::Left => {}
                }
            }
            () = wake.notified() => {}
            () = tokio::time::sleep(LOOK_AGAIN) => {}
        }
        Ok(())
    }

    async fn record(&mut self, ended: ShadowCaseEnded) -> Result<(), ShadowRunError> {
        let event = ShadowCasesEvent::ShadowCaseEnded(ended);
        let tenant = &self.state.started.tenant;
        let written = ledger::write(&self.runs, self.id, tenant, self.newest, &event);
        self.newest = Some(written.await?);
        self.runs.0.live.fold(self.id, event);
        metrics::counter!("shadow_run_cases_total").increment(1);
        Ok(())
    }

    async fn stop(&self, reason: StopReason) -> Result<(), ShadowRunError> {
        let act = self.runs.act(Author::Runtime);
        let stop = Command::Stop { reason, act };
        let tenant = &self.state.started.tenant;
        self.runs.execute(self.id, tenant, stop).await
    }

    /// The prompt is told first: who sees the run as finished can deploy on it.
    async fn finish(&self) -> Result<(), ShadowRunError> {
        let tally = self.runs.0.live.look(self.id, Cases::tally);
        let tally = tally.unwrap_or_default();
        self.tell_the_prompt(tally).await?;
        let act = self.runs.act(Author::Runtime);
        let finish = Command::Finish { tally, act };
        let tenant = &self.state.started.tenant;
        match self.runs.execute(self.id, tenant, finish).await {
            // Somebody stopped it just now.
            Err(ShadowRunError::Rejected(_)) => Ok(()),
            done => done,
        }
    }

    async fn tell_the_prompt(&self, tally: Tally) -> Result<(), ShadowRunError> {
        let started = &self.state.started;
        let record = PromptCommand::RecordShadow {
            run: self.id,
            version: started.candidate.version,
            hash: started.candidate.hash,
            tally,
            act: self.runs.act(started.act.by.clone()),
        };
        let prompts = &self.runs.0.parts.prompts;
        match prompts
            .execute(&started.tenant, &started.task, record)
            .await
        {
            Ok(_) => Ok(()),
            // It will not fit later either; the run has its report all the same.
            Err(PromptError::Rejected(rejection)) => {
                tracing::error!(shadow_run = %self.id, %rejection, "a prompt does not take a shadow run");
                Ok(())
            }
            Err(error) => Err(ShadowRunError::Unavailable(error.to_string())),
        }
    }

    fn is_running(&self) -> bool {
        running(&self.runs, self.id).is_some()
    }

    /// What it may cost now: that may have been raised meanwhile.
    fn bound(&self) -> Option<f64> {
        let state = running(&self.runs, self.id);
        state.map_or(self.state.max_cost_usd, |state| state.max_cost_usd)
    }

    fn is_suspended(&self) -> bool {
        let tenant = self.runs.0.parts.tenants.tenant(&self.state.started.tenant);
        tenant.is_some_and(|tenant| tenant.suspended.is_some())
    }
}
