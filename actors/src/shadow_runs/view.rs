//! A run as it stands.

use punchcard_events::shadow_run::{
    Candidate, Cases, Choice, Estimate, Phase, ShadowRunState, Spent, Tally,
};
use punchcard_events::{Author, TaskName, TenantId, Timestamp};
use uuid::Uuid;

/// A shadow run as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct RunView {
    /// Its id.
    pub run: Uuid,
    /// Whose it is.
    pub tenant: TenantId,
    /// The task.
    pub task: TaskName,
    /// What is tried.
    pub candidate: Candidate,
    /// Which tickets were asked for.
    pub choice: Choice,
    /// How many there were to choose from.
    pub matched: u32,
    /// How it stands.
    pub phase: Phase,
    /// Who started it.
    pub by: Author,
    /// When.
    pub started_at: Timestamp,
    /// How many cases it has.
    pub cases: u32,
    /// What came of those that ended.
    pub tally: Tally,
    /// What it was thought to use.
    pub estimate: Estimate,
    /// What it has used.
    pub spent: Spent,
    /// What it may cost, in US dollars.
    pub max_cost_usd: Option<f64>,
}

/// How far a run is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Progress {
    tally: Tally,
    spent: Spent,
}

impl Progress {
    pub(super) fn of(cases: &Cases) -> Self {
        Self {
            tally: cases.tally(),
            spent: Spent::of(cases),
        }
    }
}

impl RunView {
    pub(super) fn of(run: Uuid, state: &ShadowRunState, progress: Progress) -> Self {
        let started = &state.started;
        Self {
            run,
            tenant: started.tenant.clone(),
            task: started.task.clone(),
            candidate: started.candidate,
            choice: started.choice.clone(),
            matched: started.matched,
            phase: state.phase.clone(),
            by: started.act.by.clone(),
            started_at: started.act.at,
            cases: started.cases,
            tally: progress.tally,
            estimate: started.estimate,
            spent: progress.spent,
            max_cost_usd: state.max_cost_usd,
        }
    }
}
