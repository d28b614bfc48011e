//! Who is run: every redrive of this node that is not through has one runner.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use punchcard_events::redrive::{Phase, RedriveState};
use tokio::task::{Id, JoinSet};
use uuid::Uuid;

use super::Shared;
use super::runner::run;

/// The most redrives that run at a time; more wait for one of them to be through.
const MAX_RUNNING: usize = 16;

/// How often it is looked whether one needs a runner, should no word of it have come.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The task that runs redrives; dropping it ends it, as a crash would.
pub(super) struct Work(tokio::task::JoinHandle<()>);

impl Drop for Work {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Work {
    pub(super) fn start(shared: Arc<Shared>) -> Self {
        Self(actix::spawn(supervise(shared)))
    }
}

async fn supervise(shared: Arc<Shared>) {
    let mut runners = JoinSet::new();
    let mut running: HashMap<Id, Uuid> = HashMap::new();
    loop {
        for id in to_run(&shared) {
            if running.len() < MAX_RUNNING && !running.values().any(|at_it| *at_it == id) {
                let handle = runners.spawn_local(run(Arc::clone(&shared), id));
                running.insert(handle.id(), id);
            }
        }
        tokio::select! {
            () = shared.wake.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            Some(ended) = runners.join_next_with_id() => match ended {
                Ok((task, ())) => drop(running.remove(&task)),
                Err(error) => {
                    let redrive = running.remove(&error.id());
                    tracing::error!(?redrive, "the runner of a redrive panicked");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            },
        }
    }
}

/// Those with work to do. One of a suspended tenant waits without a runner, unless it was stopped and
/// only its last batch is to be settled.
fn to_run(shared: &Shared) -> Vec<Uuid> {
    let own = shared.own().clone();
    let waits = |state: &RedriveState| {
        let started = state.started.as_ref();
        state.phase == Phase::Running
            && started.is_some_and(|started| shared.is_suspended(&started.tenant))
    };
    let at_work = |id: &Uuid| {
        let state = shared.shelf.get(id);
        state.is_some_and(|state| state.is_at_work() && !waits(&state))
    };
    own.into_iter().filter(at_work).collect()
}
