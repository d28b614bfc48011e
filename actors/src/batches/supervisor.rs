//! Who is fed: every running batch has one feeder, and uploads that broke off are discarded.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use punchcard_events::BatchId;
use punchcard_events::act::Author;
use punchcard_events::batch::{Command, Discard};
use tokio::sync::Semaphore;
use tokio::task::{Id, JoinSet};

use super::Batches;
use super::feeder::feed;

/// The most batches whose lines are issued at a time; more wait for one of them to be through.
const MAX_TURNS: usize = 64;

/// The most feeders: those that issue, those that wait for their turn, and those that wait for the end
/// of what they issued. One that waits holds a few hundred bytes, and what it watches of open tickets.
const MAX_FEEDERS: usize = 4_096;

/// How often it is looked for uploads of earlier runs.
const LOOK_EVERY: Duration = Duration::from_secs(10);

/// The task that feeds batches; dropping it ends it, as a crash would.
pub struct Feeding(tokio::task::JoinHandle<()>);

impl Drop for Feeding {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Feeding {
    pub(super) fn start(batches: Batches) -> Self {
        Self(actix::spawn(supervise(batches)))
    }
}

async fn supervise(batches: Batches) {
    let mut feeders = JoinSet::new();
    let mut fed: HashMap<Id, BatchId> = HashMap::new();
    let turns = Arc::new(Semaphore::new(MAX_TURNS));
    loop {
        let at_it: HashSet<BatchId> = fed.values().copied().collect();
        for id in batches.0.book.to_feed() {
            if !at_it.contains(&id) && fed.len() < MAX_FEEDERS {
                let handle = feeders.spawn_local(feed(batches.clone(), id, Arc::clone(&turns)));
                fed.insert(handle.id(), id);
            }
        }
        discard_broken(&batches).await;
        tokio::select! {
            () = batches.0.work.notified() => {}
            () = tokio::time::sleep(LOOK_EVERY) => {}
            Some(ended) = feeders.join_next_with_id() => match ended {
                Ok((task, ())) => drop(fed.remove(&task)),
                Err(error) => {
                    let batch = fed.remove(&error.id());
                    tracing::error!(?batch, "the feeder of a batch panicked");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            },
        }
    }
}

/// Discards uploads that broke off: those of this process at once, those that another may be at when
/// their time is over.
async fn discard_broken(batches: &Batches) {
    let grace = batches.options().upload_within + Duration::from_secs(60);
    for (id, is_ours) in batches.0.book.to_discard() {
        let Some(state) = batches.state(id) else {
            continue;
        };
        let act = batches.act(Author::Runtime);
        if is_ours || act.at.since(state.begun.act.at) > grace {
            let why = Discard::BrokenOff;
            if let Err(error) = batches.execute(id, Command::Discard { why, act }).await {
                tracing::warn!(batch.id = %id, %error, "an upload that broke off is not discarded yet");
            }
        }
    }
}
