//! Shadow runs: real tickets of the past, run again with a candidate version, without effects outside.
//!
//! - Which tickets: the ticket list is walked once, and a draw by seed and id chooses (`choose.rs`). The
//!   choice is stored before the run begins, so it is the same after a crash.
//! - What it will cost: the first of the chosen tickets are made ready with the candidate and their
//!   earlier answers counted (`estimate.rs`). Planners see this before anything is asked.
//! - Each case is a fork of a past ticket ([`Forks`]) at low priority, so many at a
//!   time. Its id follows from run and case: begun again after a crash it is the same ticket, and no model
//!   is asked for it twice (`runner.rs`).
//! - What came of a case is an event of the run, with measures and without texts (`judge.rs`); the texts
//!   are the tickets' own.
//!
//! The result of a finished run is in the prompt's stream before the run is shown as finished, so that
//! who sees it can deploy on it.
//!
//! Not here: how like two answers are ([`Likeness`]), HTTP, and tenancy but for [`ShadowRuns::plan`]: whoever
//! hands a run out compares its tenant. A run goes on at the node that took it, or that found it at its
//! start; nodes do not hand over.

mod case;
mod choose;
mod error;
mod estimate;
mod judge;
mod ledger;
mod life;
mod live;
mod runner;
mod supervisor;
mod view;

use std::num::NonZeroUsize;
use std::sync::Arc;

use punchcard_events::act::Author;
use punchcard_events::shadow_run::{
    Candidate, Cases, Choice, Command, Estimate, ShadowRunStarted, StopReason, decide,
};
use punchcard_events::{TaskName, TenantId, TicketId};
use tokio::sync::Notify;
use uuid::Uuid;

pub use error::ShadowRunError;
pub use supervisor::Shadowing;
pub use view::RunView;

use crate::aggregate::{Desk, Shelf};
use crate::following::catch_up;
use crate::forks::Forks;
use crate::ports::{Clock, EventStore, ReadError};
use crate::prompts::{ContentName, PromptError, Prompts};
use crate::tenants::Directory;
use crate::tickets::Tickets;
use life::Run;
use live::LiveRuns;

/// Limits of shadow runs.
#[derive(Debug, Clone, Copy)]
pub struct ShadowRunOptions {
    /// The most cases of one run that are open at a time.
    pub window: NonZeroUsize,
    /// The most runs of a tenant that run at a time.
    pub running_per_tenant: NonZeroUsize,
    /// The most tickets that are looked at for a choice: the newest of those that match.
    pub looked_at: u32,
}

impl Default for ShadowRunOptions {
    fn default() -> Self {
        Self {
            window: NonZeroUsize::MIN.saturating_add(7),
            running_per_tenant: NonZeroUsize::MIN.saturating_add(1),
            looked_at: 100_000,
        }
    }
}

/// How like two answers are.
pub trait Likeness: Send + Sync + 'static {
    /// From 0, nothing in common, to 1, word for word the same. It takes bounded time, whatever the
    /// texts are.
    fn similarity(&self, before: &str, after: &str) -> f64;
}

/// What shadow runs work with.
#[derive(Clone)]
pub struct ShadowRunParts {
    /// Where their streams are.
    pub store: Arc<dyn EventStore>,
    /// Time and ids.
    pub clock: Arc<dyn Clock>,
    /// The tickets of the past, and those that become of the cases.
    pub tickets: Tickets,
    /// How past tickets are run again.
    pub forks: Forks,
    /// The prompts whose versions are tried.
    pub prompts: Prompts,
    /// Whose runs wait, because they are suspended.
    pub tenants: Directory,
    /// Compares answers.
    pub likeness: Arc<dyn Likeness>,
}

/// A handle on all shadow runs. Cheap to clone; usable from any thread.
#[derive(Clone)]
pub struct ShadowRuns(Arc<Shared>);

struct Shared {
    parts: ShadowRunParts,
    desk: Desk,
    shelf: Shelf<Run>,
    live: LiveRuns,
    options: ShadowRunOptions,
    /// Told when a run may need its runner.
    work: Notify,
}

/// What is asked for with a shadow run.
#[derive(Debug, Clone)]
pub struct NewShadowRun {
    /// Whose tickets.
    pub tenant: TenantId,
    /// The task.
    pub task: TaskName,
    /// The version to try.
    pub version: u32,
    /// Which tickets; absent seed: any.
    pub choice: Choice,
    /// What it may cost, in US dollars.
    pub max_cost_usd: Option<f64>,
    /// Who asks.
    pub by: Author,
}

/// A run that could begin: what planners see before they start it.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// What would be tried.
    pub candidate: Candidate,
    /// How many tickets there are to choose from.
    pub matched: u32,
    /// Those that were chosen, case 1 first.
    pub tickets: Arc<[TicketId]>,
    /// What the run is thought to use.
    pub estimate: Estimate,
}

impl ShadowRuns {
    /// Reads all runs, and goes on with those that were running. To be called within an actix system.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(
        parts: ShadowRunParts,
        options: ShadowRunOptions,
    ) -> Result<(Self, Shadowing), ReadError> {
        let shelf = Shelf::default();
        catch_up(parts.store.as_ref(), &shelf).await?;
        let desk = Desk {
            store: Arc::clone(&parts.store),
            clock: Arc::clone(&parts.clock),
        };
        let runs = Self(Arc::new(Shared {
            parts,
            desk,
            shelf,
            live: LiveRuns::default(),
            options,
            work: Notify::new(),
        }));
        let shadowing = Shadowing::start(runs.clone());
        Ok((runs, shadowing))
    }

    /// What a run would be: how many tickets match, which are chosen, and what that is estimated at.
    /// Nothing is stored, and no model is asked.
    ///
    /// # Errors
    /// When there is no such version or it cannot be used, or a cost is limited that nobody knows.
    pub async fn plan(&self, new: &NewShadowRun) -> Result<Plan, ShadowRunError> {
        let candidate = self.candidate(&new.tenant, &new.task, new.version)?;
        let (matched, tickets) = choose::choose(self, new).await?;
        let estimate = estimate::estimate(self, new, &tickets).await?;
        if new.max_cost_usd.is_some() && estimate.cost_usd.is_none() && !tickets.is_empty() {
            return Err(ShadowRunError::NoPrice);
        }
        Ok(Plan {
            candidate,
            matched,
            tickets,
            estimate,
        })
    }

    /// Starts a run. When this returns, its choice and its start are durable.
    ///
    /// # Errors
    /// As [`Self::plan`]; also when no ticket was chosen, the tenant has too many runs running, or the store takes no events.
    pub async fn start(&self, new: NewShadowRun) -> Result<RunView, ShadowRunError> {
        let run = self.0.parts.clock.id();
        let _seat = self.seat(run, &new.tenant)?;
        let plan = self.plan(&new).await?;
        if plan.tickets.is_empty() {
            let matched = plan.matched;
            return Err(ShadowRunError::NoCases { matched });
        }
        let cases = u32::try_from(plan.tickets.len()).unwrap_or(u32::MAX);
        ledger::begin(self, run, &new.tenant, Arc::clone(&plan.tickets)).await?;
        let started = ShadowRunStarted {
            tenant: new.tenant.clone(),
            task: new.task,
            candidate: plan.candidate,
            choice: new.choice,
            matched: plan.matched,
            cases,
            estimate: plan.estimate,
            max_cost_usd: new.max_cost_usd,
            act: self.act(new.by),
        };
        let start = Command::Start(Box::new(started));
        self.execute(run, &new.tenant, start).await?;
        self.0.work.notify_one();
        self.view(run).await?.ok_or(ShadowRunError::NoSuchRun)
    }

    /// A run as it stands; `None` where there is none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn view(&self, run: Uuid) -> Result<Option<RunView>, ShadowRunError> {
        let Some(state) = self.0.shelf.get(&run) else {
            return Ok(None);
        };
        let Some(state) = state.as_ref() else {
            return Ok(None);
        };
        let progress = self.progress(run).await?;
        Ok(Some(RunView::of(run, state, progress)))
    }

    /// Up to `limit` of a tenant's runs, newest first, after `after`; those of one task, where one is
    /// named.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn list(
        &self,
        tenant: &TenantId,
        task: Option<&TaskName>,
        after: Option<Uuid>,
        limit: usize,
    ) -> Result<Vec<RunView>, ShadowRunError> {
        let all = self.0.shelf.all();
        let newest_first = all.iter().rev().filter_map(|(run, state)| {
            let state = state.as_ref().as_ref()?;
            let started = &state.started;
            let fits = started.tenant == *tenant
                && task.is_none_or(|task| started.task == *task)
                && after.is_none_or(|after| *run < after);
            fits.then_some((*run, state))
        });
        let mut views = vec![];
        for (run, state) in newest_first.take(limit) {
            views.push(RunView::of(run, state, self.progress(run).await?));
        }
        Ok(views)
    }

    /// Begins no more of a run's cases. Those that are under way end as they do: they are paid for.
    ///
    /// # Errors
    /// When it is finished, or the store takes no events.
    pub async fn stop(&self, run: Uuid, by: Author) -> Result<RunView, ShadowRunError> {
        let tenant = self.tenant_of(run)?;
        let (reason, act) = (StopReason::Asked, self.act(by));
        self.execute(run, &tenant, Command::Stop { reason, act })
            .await?;
        self.0.live.wake(run);
        self.view(run).await?.ok_or(ShadowRunError::NoSuchRun)
    }

    /// Goes on with a stopped run; with another bound of its whole cost, where one is given.
    ///
    /// # Errors
    /// When it is finished, the tenant has too many runs running, or the store takes no events.
    pub async fn resume(
        &self,
        run: Uuid,
        max_cost_usd: Option<f64>,
        by: Author,
    ) -> Result<RunView, ShadowRunError> {
        let tenant = self.tenant_of(run)?;
        let _seat = self.seat(run, &tenant)?;
        if max_cost_usd.is_some() && self.estimate_of(run).is_none_or(|e| e.cost_usd.is_none()) {
            return Err(ShadowRunError::NoPrice);
        }
        let act = self.act(by);
        self.execute(run, &tenant, Command::Resume { max_cost_usd, act })
            .await?;
        self.0.live.wake(run);
        self.0.work.notify_one();
        self.view(run).await?.ok_or(ShadowRunError::NoSuchRun)
    }

    /// The cases of a run, with what came of those that ended; `None` where there is no such run.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn cases(&self, run: Uuid) -> Result<Option<Cases>, ShadowRunError> {
        if self.0.shelf.get(&run).is_none() {
            return Ok(None);
        }
        if let Some(live) = self.0.live.cases(run) {
            return Ok(Some(live));
        }
        let ledger = ledger::load(self.0.parts.store.as_ref(), run).await?;
        Ok(Some(ledger.cases))
    }

    /// The limits.
    pub fn options(&self) -> &ShadowRunOptions {
        &self.0.options
    }

    /// A number that a choice can be drawn by, where nobody said one.
    pub fn any_seed(&self) -> u32 {
        let random = self.0.parts.clock.id().as_u128() & u128::from(u32::MAX);
        u32::try_from(random).unwrap_or_default()
    }

    fn act(&self, by: Author) -> punchcard_events::Act {
        punchcard_events::Act {
            at: self.0.parts.clock.now(),
            by,
        }
    }

    fn tenant_of(&self, run: Uuid) -> Result<TenantId, ShadowRunError> {
        let state = self.0.shelf.get(&run);
        let tenant = state
            .as_deref()
            .and_then(|state| state.as_ref().map(|state| state.started.tenant.clone()));
        tenant.ok_or(ShadowRunError::NoSuchRun)
    }

    fn estimate_of(&self, run: Uuid) -> Option<Estimate> {
        let state = self.0.shelf.get(&run)?;
        Option::as_ref(&state).map(|state| state.started.estimate)
    }

    /// Room for one more run that runs, or that goes on.
    fn seat(&self, run: Uuid, tenant: &TenantId) -> Result<live::Seat<'_>, ShadowRunError> {
        let running = life::running(&self.0.shelf, tenant);
        let most = self.0.options.running_per_tenant.get();
        let seat = self.0.live.seat(run, tenant, running, most);
        seat.ok_or(ShadowRunError::TooMany(most))
    }

    fn candidate(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        version: u32,
    ) -> Result<Candidate, ShadowRunError> {
        let summary = self.0.parts.prompts.summary(tenant, task)?;
        let Some(line) = summary.version(version) else {
            return Err(ShadowRunError::Prompt(PromptError::NoSuchContent {
                task: task.clone(),
                name: ContentName::Version(version),
            }));
        };
        Ok(Candidate {
            version,
            hash: line.hash,
        })
    }

    async fn progress(&self, run: Uuid) -> Result<view::Progress, ShadowRunError> {
        if let Some(known) = self.0.live.progress(run) {
            return Ok(known);
        }
        let ledger = ledger::load(self.0.parts.store.as_ref(), run).await?;
        let progress = view::Progress::of(&ledger.cases);
        self.0.live.remember(run, progress);
        Ok(progress)
    }

    /// Decides `command` on the run as it is, makes that durable, and puts it on the shelf.
    async fn execute(
        &self,
        run: Uuid,
        tenant: &TenantId,
        command: Command,
    ) -> Result<(), ShadowRunError> {
        let decide = |state: &Option<_>, _| decide(state.as_ref(), command.clone());
        let (folded, _) = self.0.desk.execute::<Run, _>(tenant, &run, decide).await?;
        self.0.shelf.put(&run, folded);
        Ok(())
    }
}

impl std::fmt::Debug for ShadowRuns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShadowRuns").finish_non_exhaustive()
    }
}
