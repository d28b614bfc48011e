//! The runs that are going on here: how many there may be, how each stands, and how to stop it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use punchcard_events::prompt::Author;
use punchcard_events::test_run::{Arm, TestRun, TestRunEvent};
use punchcard_events::{TaskName, TenantId};
use tokio::sync::watch;
use uuid::Uuid;

use super::TestRunError;

/// All runs that are going on. Clones share them.
#[derive(Clone)]
pub(super) struct LiveRuns {
    most: usize,
    most_per_tenant: usize,
    runs: Arc<Mutex<Runs>>,
    /// How many there are.
    count: watch::Sender<usize>,
}

#[derive(Default)]
struct Runs {
    closed: bool,
    by_id: BTreeMap<Uuid, Arc<LiveRun>>,
}

/// A run that is going on.
pub(super) struct LiveRun {
    tenant: TenantId,
    task: TaskName,
    /// `None` until its start is stored.
    run: Mutex<Option<TestRun>>,
    progress: watch::Sender<Progress>,
    stop: watch::Sender<Option<Stop>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Progress {
    /// Cases of the candidate that were tried.
    cases: usize,
    over: bool,
}

/// Why a run is to stop, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) reason: String,
    pub(super) by: Author,
}

/// A run's place among those going on. Dropped, also by a panic, it frees the place, and whoever
/// waits for the run's end goes on.
pub(super) struct Seat {
    id: Uuid,
    run: Arc<LiveRun>,
    runs: LiveRuns,
}

impl LiveRuns {
    pub(super) fn new(most: usize, most_per_tenant: usize) -> Self {
        Self {
            most,
            most_per_tenant,
            runs: Arc::default(),
            count: watch::Sender::new(0),
        }
    }

    /// A place for one more run.
    pub(super) fn sit_down(
        &self,
        id: Uuid,
        tenant: &TenantId,
        task: &TaskName,
    ) -> Result<Seat, TestRunError> {
        let mut runs = self.lock();
        if runs.closed {
            return Err(TestRunError::Stopping);
        }
        let of_tenant = runs.by_id.values().filter(|run| run.tenant == *tenant);
        if of_tenant.count() >= self.most_per_tenant {
            return Err(TestRunError::TooManyOfTenant(self.most_per_tenant));
        }
        if runs.by_id.len() >= self.most {
            return Err(TestRunError::TooMany(self.most));
        }
        let run = Arc::new(LiveRun {
            tenant: tenant.clone(),
            task: task.clone(),
            run: Mutex::default(),
            progress: watch::Sender::new(Progress {
                cases: 0,
                over: false,
            }),
            stop: watch::Sender::new(None),
        });
        runs.by_id.insert(id, Arc::clone(&run));
        self.count.send_replace(runs.by_id.len());
        Ok(Seat {
            id,
            run,
            runs: self.clone(),
        })
    }

    pub(super) fn find(&self, tenant: &TenantId, id: Uuid) -> Option<Arc<LiveRun>> {
        let runs = self.lock();
        let run = runs.by_id.get(&id)?;
        (run.tenant == *tenant).then(|| Arc::clone(run))
    }

    pub(super) fn of_task(&self, tenant: &TenantId, task: &TaskName) -> Vec<(Uuid, Arc<LiveRun>)> {
        let runs = self.lock();
        let of_task = runs
            .by_id
            .iter()
            .filter(|(_, run)| run.tenant == *tenant && run.task == *task);
        of_task.map(|(id, run)| (*id, Arc::clone(run))).collect()
    }

    /// Lets nobody in any more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
    }

    pub(super) fn stop_all(&self, stop: &Stop) {
        let running: Vec<_> = self.lock().by_id.values().cloned().collect();
        for run in running {
            run.stop(stop.clone());
        }
    }

    pub(super) fn count(&self) -> usize {
        *self.count.borrow()
    }

    /// Waits until there are none.
    pub(super) async fn empty(&self) {
        let mut count = self.count.subscribe();
        // The sender lives in `self`, so the wait cannot fail.
        let _ = count.wait_for(|count| *count == 0).await;
    }

    fn lock(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LiveRun {
    /// How it stands; `None` until its start is stored.
    pub(super) fn look(&self) -> Option<TestRun> {
        self.lock().clone()
    }

    /// Asks it to stop. The first reason given is the one that is recorded.
    pub(super) fn stop(&self, stop: Stop) {
        self.stop.send_if_modified(|present| {
            let first = present.is_none();
            if first {
                *present = Some(stop);
            }
            first
        });
    }

    /// Waits until it is asked to stop.
    pub(super) async fn asked_to_stop(&self) -> Stop {
        let mut stop = self.stop.subscribe();
        let asked = stop.wait_for(Option::is_some).await;
        let asked = asked.ok().and_then(|stop| stop.clone());
        match asked {
            Some(stop) => stop,
            // The sender lives in `self`, so there is always somebody to ask.
            None => std::future::pending().await,
        }
    }

    /// Waits until it is over.
    pub(super) async fn ended(&self) {
        self.reached(|progress| progress.over).await;
    }

    /// Waits until more than `seen` cases were tried, or it is over.
    pub(super) async fn past(&self, seen: usize) {
        self.reached(|progress| progress.over || progress.cases > seen)
            .await;
    }

    async fn reached(&self, wanted: impl FnMut(&Progress) -> bool) {
        let mut progress = self.progress.subscribe();
        // The sender lives in `self`, so the wait cannot fail.
        let _ = progress.wait_for(wanted).await;
    }

    fn lock(&self) -> MutexGuard<'_, Option<TestRun>> {
        self.run.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seat {
    /// The run that sits here.
    pub(super) const fn run(&self) -> &Arc<LiveRun> {
        &self.run
    }

    /// Shows an event that is stored.
    pub(super) fn show(&self, event: &TestRunEvent) {
        let cases = {
            let mut run = self.run.lock();
            *run = TestRun::fold(run.take(), event);
            run.as_ref()
                .map_or(0, |run| run.cases(Arm::Candidate).len())
        };
        self.run.progress.send_modify(|now| now.cases = cases);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        {
            let mut runs = self.runs.lock();
            runs.by_id.remove(&self.id);
            self.runs.count.send_replace(runs.by_id.len());
        }
        self.run.progress.send_modify(|now| now.over = true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(tenant: &str) -> (TenantId, TaskName) {
        (
            TenantId::new(tenant).unwrap(),
            TaskName::new("review").unwrap(),
        )
    }

    #[test]
    fn there_is_room_for_so_many_and_a_seat_that_is_left_is_free() {
        let runs = LiveRuns::new(3, 2);
        let (one, task) = name("one");
        let (two, _) = name("two");
        let sit = |tenant: &TenantId, id: u128| runs.sit_down(Uuid::from_u128(id), tenant, &task);
        let first = sit(&one, 1).ok().unwrap();
        let second = sit(&one, 2).ok().unwrap();
        assert_eq!(sit(&one, 3).err(), Some(TestRunError::TooManyOfTenant(2)));
        let third = sit(&two, 4).ok().unwrap();
        assert_eq!(sit(&two, 5).err(), Some(TestRunError::TooMany(3)));
        drop(first);
        assert!(runs.find(&one, Uuid::from_u128(1)).is_none());
        assert!(runs.find(&two, Uuid::from_u128(2)).is_none(), "another's");
        let again = sit(&one, 6).ok().unwrap();
        assert_eq!(runs.count(), 3);
        runs.close();
        drop((second, third, again));
        assert_eq!(sit(&one, 7).err(), Some(TestRunError::Stopping));
        assert_eq!(runs.count(), 0);
    }
}
