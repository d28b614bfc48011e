//! The registry: finds ticket actors, starts them, and starts them again when they die.
//!
//! There is one shard per arbiter, on the same thread as the ticket actors it keeps, and a ticket
//! always belongs to the same shard. So a ticket has at most one actor, and both cores work.

mod shard;

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use actix::{Addr, MailboxError};
use punchcard_events::TicketId;
use tokio::sync::oneshot;

pub(crate) use shard::Shard;
use shard::{Activate, AskTicket, Drain, StartTicket};

use crate::admission::Place;
use crate::errors::{IssueError, TicketError};
use crate::feed::News;
use crate::ticket::{Ask, Start};

type Answer = oneshot::Receiver<Result<News, TicketError>>;

/// A handle on all shards.
#[derive(Clone)]
pub(crate) struct Registry {
    shards: Arc<[Addr<Shard>]>,
    shared: Arc<Shared>,
}

/// What the shards and the handles share.
pub(crate) struct Shared {
    /// Actors alive now.
    active: AtomicUsize,
    stopping: AtomicBool,
}

impl Shared {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            active: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
        })
    }
}

impl Registry {
    pub(crate) fn new(shards: Vec<Addr<Shard>>, shared: Arc<Shared>) -> Self {
        Self {
            shards: shards.into(),
            shared,
        }
    }

    /// Whether the runtime has begun to stop.
    pub(crate) fn is_stopping(&self) -> bool {
        self.shared.stopping.load(Ordering::Acquire)
    }

    /// Ticket actors alive now.
    pub(crate) fn active(&self) -> usize {
        self.shared.active.load(Ordering::Relaxed)
    }

    /// Starts the actor of a new ticket that was let in to `place`.
    pub(crate) async fn start(
        &self,
        ticket: TicketId,
        start: Start,
        place: Place,
    ) -> Result<(), IssueError> {
        let message = StartTicket {
            ticket,
            start,
            place,
        };
        let sent = self.shard(ticket).send(message).await;
        sent.map_err(|error| IssueError::Unavailable(gone(error)))
    }

    /// Puts a question to a ticket's actor, starting one from the store if there is none.
    pub(crate) async fn ask(&self, ticket: TicketId, ask: Ask) -> Result<Answer, TicketError> {
        let (message, answer) = AskTicket::new(ticket, ask, true);
        match self.shard(ticket).send(message).await {
            Ok(_) => Ok(answer),
            Err(error) => Err(TicketError::Unavailable(gone(error))),
        }
    }

    /// Puts a question to a ticket's actor if there is one.
    pub(crate) async fn ask_active(&self, ticket: TicketId, ask: Ask) -> Option<Answer> {
        let (message, answer) = AskTicket::new(ticket, ask, false);
        let asked = self.shard(ticket).send(message).await;
        asked.unwrap_or(false).then_some(answer)
    }

    /// Starts actors for stored tickets and waits until each has read its history.
    pub(crate) async fn activate(&self, tickets: &[TicketId]) {
        let mut by_shard = vec![Vec::new(); self.shards.len()];
        for ticket in tickets {
            by_shard[self.place(*ticket)].push(*ticket);
        }
        let sends = self.shards.iter().zip(by_shard);
        let waits = sends.map(|(shard, tickets)| shard.send(Activate { tickets }));
        futures_util::future::join_all(waits).await;
    }

    /// Admits nothing more, lets the calls in flight end within `grace`, and tells how many actors
    /// were left over. Those carry on from the store at the next start.
    pub(crate) async fn drain(&self, grace: Duration) -> usize {
        self.shared.stopping.store(true, Ordering::Release);
        for shard in self.shards.iter() {
            // A shard that is gone has nothing to drain.
            let _ = shard.send(Drain).await;
        }
        let deadline = tokio::time::Instant::now() + grace;
        while self.active() > 0 && tokio::time::Instant::now() < deadline {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.active()
    }

    fn shard(&self, ticket: TicketId) -> &Addr<Shard> {
        &self.shards[self.place(ticket)]
    }

    fn place(&self, ticket: TicketId) -> usize {
        let mut hasher = DefaultHasher::new();
        ticket.hash(&mut hasher);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a remainder of the shard count"
        )]
        let place = (hasher.finish() % self.shards.len().max(1) as u64) as usize;
        place
    }
}

fn gone(error: MailboxError) -> String {
    format!("the registry did not take the message: {error}")
}
