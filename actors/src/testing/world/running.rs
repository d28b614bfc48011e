//! A running runtime under test.

use std::time::Duration;

use punchcard_events::TicketId;
use punchcard_events::ticket::{StateName, TicketEvent, TicketState, apply};
use tokio::time::timeout;

use super::{World, issue};
use crate::callbacks::CallbackStatus;
use crate::feed::{News, Taken};
use crate::guards::GateStatus;
use crate::llm::ModelStatus;
use crate::runtime::Runtime;
use crate::tickets::Tickets;

/// The runtime and the world it runs in. [`Self::teardown`] ends a test.
pub struct TestRuntime {
    world: World,
    runtime: Runtime,
}

#[expect(
    clippy::panic,
    clippy::expect_used,
    reason = "what does not go as expected fails the test"
)]
impl TestRuntime {
    pub(super) fn new(world: World, runtime: Runtime) -> Self {
        Self { world, runtime }
    }

    /// The runtime itself.
    pub const fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// The handle on all tickets.
    pub const fn tickets(&self) -> &Tickets {
        self.runtime.tickets()
    }

    /// Issues a ticket of that task.
    ///
    /// # Panics
    /// When it is not accepted.
    pub async fn issue(&self, task: &str) -> TicketId {
        let issued = self.tickets().issue(issue(task)).await;
        issued.expect("the ticket is issued").ticket
    }

    /// Waits until `ticket` is in `state`, and gives its news.
    ///
    /// # Panics
    /// When that does not come within the world's patience.
    pub async fn await_state(&self, ticket: TicketId, state: StateName) -> News {
        self.await_news(ticket, |news| news.state.name() == state)
            .await
    }

    /// Waits until the live text of `ticket` is `text`.
    ///
    /// # Panics
    /// When that does not come within the world's patience.
    pub async fn await_text(&self, ticket: TicketId, text: &str) -> News {
        let streamed = |news: &News| {
            news.live
                .as_ref()
                .is_some_and(|live| live.content() == text)
        };
        self.await_news(ticket, streamed).await
    }

    /// Waits for news of `ticket` that are `wanted`, watching it from before the first look.
    ///
    /// # Panics
    /// When they do not come within the world's patience, or there is no such ticket.
    pub async fn await_news(&self, ticket: TicketId, wanted: impl Fn(&News) -> bool) -> News {
        let watch = self.tickets().watch_ticket(ticket);
        let seen = timeout(self.world.patience, async {
            loop {
                let look = self.tickets().look(ticket).await;
                let news = look.expect("the store is read").expect("the ticket exists");
                if wanted(&news) {
                    return news;
                }
                loop {
                    match watch.inbox().take().await {
                        Taken::Overflowed => break,
                        Taken::News(all) => {
                            if let Some(news) = all.into_iter().find(&wanted) {
                                return news;
                            }
                        }
                    }
                }
            }
        });
        seen.await.unwrap_or_else(|_| {
            let kinds = self.world.store.kinds_of(ticket);
            panic!("{ticket} never got there; its history is {kinds:?}")
        })
    }

    /// How the gates of all models stand.
    ///
    /// # Panics
    /// When the supervisor is gone.
    pub async fn model_gates(&self) -> Vec<GateStatus> {
        let status = self.runtime.llm().send(ModelStatus).await;
        status.expect("the supervisor of the model lives")
    }

    /// How the gates of all tenants' APIs stand.
    ///
    /// # Panics
    /// When the supervisor is gone.
    pub async fn callback_gates(&self) -> Vec<GateStatus> {
        let status = self.runtime.callbacks().send(CallbackStatus).await;
        status.expect("the supervisor of the callbacks lives")
    }

    /// Stops the runtime and tells how many tickets were cut off in a call.
    pub async fn stop(self, grace: Duration) -> usize {
        self.runtime.stop(grace).await
    }

    /// Stops the runtime, and fails the test if anything is left undone: actors alive, calls in
    /// flight, permits out, callers in line, planned faults that never fired, scripts that nobody
    /// played, or a history that no ticket can have.
    ///
    /// # Panics
    /// When something is left undone.
    pub async fn teardown(self) {
        let Self { world, runtime } = self;
        let (llm, callbacks) = (runtime.llm().clone(), runtime.callbacks().clone());
        let cut = runtime.stop(Duration::from_secs(5)).await;
        assert_eq!(cut, 0, "tickets were cut off in a call");
        let mut gates = llm.send(ModelStatus).await.expect("the supervisor lives");
        gates.extend(
            callbacks
                .send(CallbackStatus)
                .await
                .expect("the supervisor lives"),
        );
        for gate in gates {
            assert_eq!(
                (gate.in_use, gate.waiting),
                (0, 0),
                "permits of {}",
                gate.name
            );
        }
        assert_eq!(world.model.counts().in_flight, 0, "model calls in flight");
        assert_eq!(world.callbacks.counts().in_flight, 0, "callbacks in flight");
        assert_eq!(world.model.unplayed(), 0, "scripts that nobody played");
        assert_eq!(
            world.callbacks.unplayed(),
            0,
            "replies that nobody asked for"
        );
        assert_eq!(world.store.faults_pending(), 0, "faults that never fired");
        world.assert_histories();
    }
}

#[expect(clippy::panic, reason = "what does not go as expected fails the test")]
impl World {
    /// Fails the test if any stored history is one that no ticket can have.
    ///
    /// # Panics
    /// When one is.
    pub fn assert_histories(&self) {
        let mut states = std::collections::HashMap::new();
        for recorded in self.store.all_events() {
            let Some(ticket) = recorded.stream.ticket() else {
                continue;
            };
            let event = &recorded.event;
            let read = TicketEvent::decode(&event.kind, event.schema_version, &event.data);
            let event = read.unwrap_or_else(|error| panic!("{ticket}: {error}"));
            let before = states.remove(&ticket).unwrap_or(TicketState::Unrequested);
            let after = apply(before, &event).unwrap_or_else(|error| panic!("{ticket}: {error}"));
            states.insert(ticket, after);
        }
    }
}
