//! What this process knows of runs beside their lives: the cases of those whose runner is at work, the
//! figures of those that were looked at, and whose start is under way.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use punchcard_events::TenantId;
use punchcard_events::shadow_run::{Cases, ShadowCasesEvent};
use tokio::sync::Notify;
use uuid::Uuid;

use super::view::Progress;

/// The most figures of runs that are remembered, at about a hundred bytes each.
const MOST_FIGURES: usize = 10_000;

#[derive(Default)]
pub(super) struct LiveRuns(Mutex<Held>);

#[derive(Default)]
struct Held {
    at_work: HashMap<Uuid, Live>,
    figures: HashMap<Uuid, Progress>,
    /// Runs whose start or resumption is under way.
    seats: HashMap<Uuid, TenantId>,
}

/// A run whose runner is at work.
struct Live {
    cases: Cases,
    wake: Arc<Notify>,
}

/// The room of a run that is about to run.
pub(super) struct Seat<'a> {
    runs: &'a LiveRuns,
    run: Uuid,
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        self.runs.lock().seats.remove(&self.run);
    }
}

impl LiveRuns {
    /// Room for `run`, unless the tenant has as many runs as it may: those that are running, and those
    /// about to.
    pub(super) fn seat(
        &self,
        run: Uuid,
        tenant: &TenantId,
        running: Vec<Uuid>,
        most: usize,
    ) -> Option<Seat<'_>> {
        let mut held = self.lock();
        let about_to = held.seats.iter().filter(|(_, of)| *of == tenant);
        let mut all: Vec<_> = about_to.map(|(run, _)| *run).chain(running).collect();
        all.sort_unstable();
        all.dedup();
        if !all.contains(&run) && all.len() >= most {
            return None;
        }
        held.seats.insert(run, tenant.clone());
        Some(Seat { runs: self, run })
    }

    /// A runner is at work on these cases from now on; it is woken through what is given back.
    pub(super) fn begin(&self, run: Uuid, cases: Cases) -> Arc<Notify> {
        let mut held = self.lock();
        held.figures.remove(&run);
        let wake = held
            .at_work
            .remove(&run)
            .map_or_else(Arc::default, |live| live.wake);
        let live = Live {
            cases,
            wake: Arc::clone(&wake),
        };
        held.at_work.insert(run, live);
        wake
    }

    /// Folds in what the runner has stored.
    pub(super) fn fold(&self, run: Uuid, event: ShadowCasesEvent) {
        if let Some(live) = self.lock().at_work.get_mut(&run) {
            live.cases.fold(event);
        }
    }

    /// The runner is not at work any more. What it had is read again by who asks.
    pub(super) fn end(&self, run: Uuid) {
        self.lock().at_work.remove(&run);
    }

    pub(super) fn wake(&self, run: Uuid) {
        if let Some(live) = self.lock().at_work.get(&run) {
            live.wake.notify_one();
        }
    }

    /// Looks at the cases of a run whose runner is at work.
    pub(super) fn look<T>(&self, run: Uuid, at: impl FnOnce(&Cases) -> T) -> Option<T> {
        self.lock().at_work.get(&run).map(|live| at(&live.cases))
    }

    pub(super) fn cases(&self, run: Uuid) -> Option<Cases> {
        self.look(run, Cases::clone)
    }

    pub(super) fn progress(&self, run: Uuid) -> Option<Progress> {
        let live = self.look(run, Progress::of);
        live.or_else(|| self.lock().figures.get(&run).copied())
    }

    /// Remembers the figures of a run that nobody is at work on.
    pub(super) fn remember(&self, run: Uuid, progress: Progress) {
        let mut held = self.lock();
        if held.at_work.contains_key(&run) {
            return;
        }
        if held.figures.len() >= MOST_FIGURES {
            held.figures.clear();
        }
        held.figures.insert(run, progress);
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
