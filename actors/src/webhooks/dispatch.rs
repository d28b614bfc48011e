//! The dispatcher: takes what is due from the log, within the lanes, and has it sent.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt as _;
use punchcard_events::endpoint::Endpoint;
use punchcard_events::{DeliveryId, EndpointId, Timestamp};
use tokio::task::{Id, JoinSet};
use tokio::time::Instant;

use super::Shared;
use super::attempt::attempt;
use super::lanes::{Lanes, Limits};
use crate::ports::{LogError, Sent};

/// The longest pause between two looks at the log, so that nothing rests on a wake-up alone.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The shortest: a flood of events is taken up in helpings.
const LOOK_AT_MOST_EVERY: Duration = Duration::from_millis(5);

/// The pause after a panic or a log that does not answer.
const PAUSE: Duration = Duration::from_secs(1);

/// Sends for ever. A panic ends what is in flight, which is sent again.
pub(super) async fn run(shared: Arc<Shared>) {
    let mut ready = shared.applied.subscribe();
    // The sender lives as long as what is shared.
    drop(ready.wait_for(Option::is_some).await);
    loop {
        let dispatching = Dispatcher::new(Arc::clone(&shared)).run();
        if AssertUnwindSafe(dispatching).catch_unwind().await.is_err() {
            tracing::error!("the dispatcher of webhooks panicked; it is begun again");
        }
        tokio::time::sleep(PAUSE).await;
    }
}

struct Dispatcher {
    shared: Arc<Shared>,
    lanes: Lanes,
    attempts: JoinSet<(DeliveryId, Option<Sent>)>,
    /// Which message each task is of, for one that panics.
    tasks: HashMap<Id, DeliveryId>,
}

impl Dispatcher {
    fn new(shared: Arc<Shared>) -> Self {
        let options = &shared.options;
        let limits = Limits {
            per_endpoint: options.per_endpoint.max(1),
            per_tenant: options.per_tenant.max(1),
            in_all: options.in_all.max(1),
        };
        Self {
            lanes: Lanes::new(limits),
            attempts: JoinSet::new(),
            tasks: HashMap::new(),
            shared,
        }
    }

    async fn run(mut self) {
        loop {
            let looked_at = Instant::now();
            let wait = match self.fill().await {
                Ok(wait) => wait.clamp(LOOK_AT_MOST_EVERY, LOOK_EVERY),
                Err(error) => {
                    tracing::warn!(%error, "what is due of webhooks cannot be read; trying again");
                    PAUSE
                }
            };
            tokio::select! {
                () = self.shared.wake.notified() => {}
                Some(ended) = self.attempts.join_next_with_id() => self.ended(ended),
                () = tokio::time::sleep(wait) => {}
            }
            tokio::time::sleep_until(looked_at + LOOK_AT_MOST_EVERY).await;
            // Whatever else has happened meanwhile goes into the same look.
            while let Some(ended) = self.attempts.try_join_next_with_id() {
                self.ended(ended);
            }
        }
    }

    fn ended(&mut self, ended: Result<(Id, (DeliveryId, Option<Sent>)), tokio::task::JoinError>) {
        let now = self.shared.clock.now();
        match ended {
            Ok((task, (message, sent))) => {
                self.tasks.remove(&task);
                self.lanes.end(message, sent.as_ref(), now);
            }
            Err(failed) => {
                if let Some(message) = self.tasks.remove(&failed.id()) {
                    tracing::error!(delivery = %message, "an attempt of a webhook panicked");
                    self.lanes.end(message, None, now);
                }
            }
        }
    }

    /// Begins what is due and has room, and says how long it may be until there is more.
    async fn fill(&mut self) -> Result<Duration, LogError> {
        let now = self.shared.clock.now();
        let mut next = LOOK_EVERY;
        let mut waiting = Vec::new();
        for head in self.shared.log.heads().await? {
            let Some(endpoint) = self.shared.book.get(head.endpoint) else {
                continue;
            };
            if endpoint.disabled.is_some() {
                continue;
            }
            let paused = self.lanes.paused_until(head.endpoint);
            let from = paused.map_or(head.due, |until| until.max(head.due));
            if from > now {
                next = next.min(from.since(now));
            } else {
                waiting.push((head.endpoint, endpoint));
            }
        }
        // Those whose tenants have least in flight come first, so that none is always last.
        waiting.sort_by_key(|(_, endpoint)| self.lanes.of_tenant(&endpoint.tenant));
        for (id, endpoint) in waiting {
            self.begin(id, &endpoint, now).await?;
        }
        Ok(next)
    }

    async fn begin(
        &mut self,
        id: EndpointId,
        endpoint: &Endpoint,
        now: Timestamp,
    ) -> Result<(), LogError> {
        let room = self.lanes.room(id, &endpoint.tenant, now);
        if room == 0 {
            return Ok(());
        }
        // What is in flight is still due as far as the log knows.
        let wanted = room.saturating_add(self.lanes.of_endpoint(id));
        let due = self.shared.log.due(id, now, wanted).await?;
        let fresh = due
            .into_iter()
            .filter(|delivery| !self.lanes.holds(delivery.made.id));
        let fresh: Vec<_> = fresh.take(room).collect();
        for delivery in fresh {
            let message = delivery.made.id;
            self.lanes.begin(message, id, &endpoint.tenant);
            let attempt = attempt(Arc::clone(&self.shared), delivery, endpoint.clone());
            let task = self.attempts.spawn(async move { (message, attempt.await) });
            self.tasks.insert(task.id(), message);
        }
        Ok(())
    }
}
