//! Who is at work: every running run has one runner.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use tokio::task::{Id, JoinSet};
use uuid::Uuid;

use super::{ShadowRuns, life, runner};

/// The most runs that are at work at a time; more wait for one of them to be through.
const MAX_RUNNERS: usize = 32;

/// How often it is looked for work that nobody told of.
const LOOK_EVERY: Duration = Duration::from_secs(30);

/// The task that goes on with runs; dropping it ends it, as a crash would.
#[derive(Debug)]
#[must_use = "dropping it ends the runs"]
pub struct Shadowing(tokio::task::JoinHandle<()>);

impl Drop for Shadowing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Shadowing {
    pub(super) fn start(runs: ShadowRuns) -> Self {
        Self(actix::spawn(supervise(runs)))
    }
}

async fn supervise(runs: ShadowRuns) {
    let mut runners = JoinSet::new();
    let mut at: HashMap<Id, Uuid> = HashMap::new();
    loop {
        let at_it: HashSet<Uuid> = at.values().copied().collect();
        for id in life::to_run(&runs.0.shelf) {
            if !at_it.contains(&id) && at.len() < MAX_RUNNERS {
                let handle = runners.spawn_local(runner::run(runs.clone(), id));
                at.insert(handle.id(), id);
            }
        }
        tokio::select! {
            () = runs.0.work.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            Some(ended) = runners.join_next_with_id() => match ended {
                Ok((task, ())) => drop(at.remove(&task)),
                Err(error) => {
                    let run = at.remove(&error.id());
                    if let Some(run) = run {
                        runs.0.live.end(run);
                    }
                    tracing::error!(?run, "the runner of a shadow run panicked");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            },
        }
    }
}
