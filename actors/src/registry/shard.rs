//! One shard of the registry: the ticket actors of one arbiter.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use actix::{
    Actor, Addr, AsyncContext, Context, Handler, ResponseFuture, SpawnHandle, StreamHandler,
};
use punchcard_events::TicketId;
use punchcard_events::retry::RetryPolicy;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::UnboundedReceiverStream;

use super::{Answer, Shared};
use crate::admission::Place;
use crate::errors::TicketError;
use crate::ticket::{Ask, Asked, Deps, Gone, Left, Obituary, Reply, Start, TicketActor};

/// More than the messages that HTTP workers have under way to one shard.
const MAILBOX: usize = 8_192;

/// More than the questions that one ticket's watchers and issuers have under way at once.
const TICKET_MAILBOX: usize = 64;

/// After so many panics a ticket is failed as poison.
const MAX_PANICS: u32 = 3;

/// How long after a store failure a ticket is picked up again: spread, so that all tickets do not
/// come back at once, and ever longer, so that a damaged history costs little.
const STORE_RETRY: RetryPolicy = RetryPolicy {
    max_tries: u32::MAX,
    initial_delay_ms: 5_000,
    max_delay_ms: 60_000,
};

/// The ticket actors of one arbiter.
pub(crate) struct Shard {
    deps: Arc<Deps>,
    shared: Arc<Shared>,
    /// In the order of issue, so that a drain goes the same way every time.
    actors: BTreeMap<TicketId, Slot>,
    /// Panics of tickets that have not ended since.
    panics: HashMap<TicketId, u32>,
    /// Store failures of tickets that have not got over them since.
    store_failures: HashMap<TicketId, u32>,
    /// Tickets that wait to be picked up again after a store failure, at most once each.
    retries: HashMap<TicketId, Retry>,
    incarnations: u64,
    obituaries: mpsc::UnboundedSender<Gone>,
    obituary_desk: Option<mpsc::UnboundedReceiver<Gone>>,
}

struct Slot {
    addr: Addr<TicketActor>,
    incarnation: u64,
}

/// A ticket to be picked up later.
struct Retry {
    timer: SpawnHandle,
    /// The ticket's place among the open ones meanwhile.
    place: Option<Place>,
}

/// Starts the actor of a new ticket.
#[derive(actix::Message)]
#[rtype(result = "()")]
pub(super) struct StartTicket {
    pub(super) ticket: TicketId,
    pub(super) start: Start,
    pub(super) place: Place,
}

/// Puts a question to a ticket's actor; the result says whether there is one to answer.
#[derive(actix::Message)]
#[rtype(result = "bool")]
pub(super) struct AskTicket {
    ticket: TicketId,
    ask: Ask,
    reply: Reply,
    /// Whether an actor is started if there is none.
    start: bool,
}

/// Starts actors for stored tickets; done when each has read its history.
#[derive(actix::Message)]
#[rtype(result = "()")]
pub(super) struct Activate {
    pub(super) tickets: Vec<TicketId>,
}

/// Lets every actor finish its call and leave.
#[derive(actix::Message)]
#[rtype(result = "()")]
pub(super) struct Drain;

impl AskTicket {
    pub(super) fn new(ticket: TicketId, ask: Ask, start: bool) -> (Self, Answer) {
        let (reply, answer) = oneshot::channel();
        let message = Self {
            ticket,
            ask,
            reply,
            start,
        };
        (message, answer)
    }
}

impl Shard {
    pub(crate) fn new(deps: Arc<Deps>, shared: Arc<Shared>) -> Self {
        let (obituaries, desk) = mpsc::unbounded_channel();
        Self {
            deps,
            shared,
            actors: BTreeMap::new(),
            panics: HashMap::new(),
            store_failures: HashMap::new(),
            retries: HashMap::new(),
            incarnations: 0,
            obituaries,
            obituary_desk: Some(desk),
        }
    }

    /// Starts an actor, with the place of the one before it, if there was one.
    fn start(&mut self, ticket: TicketId, start: Start, place: Option<Place>) {
        self.incarnations += 1;
        let incarnation = self.incarnations;
        let obituary = Obituary::new(ticket, incarnation, place, self.obituaries.clone());
        let parking = self.is_stopping();
        let actor = TicketActor::new(ticket, start, parking, Arc::clone(&self.deps), obituary);
        let mut context = Context::new();
        // Before anything can be sent: actix starts with room for few.
        context.set_mailbox_capacity(TICKET_MAILBOX);
        let addr = context.run(actor);
        let slot = Slot { addr, incarnation };
        if self.actors.insert(ticket, slot).is_none() {
            self.shared.active.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Starts the actor of a stored ticket ahead of the time at which it would be picked up, if there
    /// is one.
    fn wake_early(
        &mut self,
        ticket: TicketId,
        ready: Option<oneshot::Sender<()>>,
        ctx: &mut Context<Self>,
    ) {
        let retry = self.retries.remove(&ticket);
        let place = retry.and_then(|retry| {
            ctx.cancel_future(retry.timer);
            retry.place
        });
        self.wake(ticket, ready, place);
    }

    /// Starts the actor of a stored ticket; one that keeps crashing does nothing but fail it.
    fn wake(&mut self, ticket: TicketId, ready: Option<oneshot::Sender<()>>, place: Option<Place>) {
        let panics = self.panics.get(&ticket).copied().unwrap_or(0);
        let start = if panics < MAX_PANICS {
            // The last actor may have died between storing an event and telling of it.
            let announce = panics > 0 || self.store_failures.contains_key(&ticket);
            Start::Stored { ready, announce }
        } else {
            Start::Poison
        };
        self.start(ticket, start, place);
    }

    /// The ticket's living actor.
    fn living(&self, ticket: TicketId) -> Option<&Addr<TicketActor>> {
        let slot = self.actors.get(&ticket)?;
        slot.addr.connected().then_some(&slot.addr)
    }

    fn is_stopping(&self) -> bool {
        self.shared.stopping.load(Ordering::Acquire)
    }

    fn restart(&mut self, ticket: TicketId, place: Option<Place>) {
        if self.is_stopping() {
            // The store has it, and the next run picks it up.
            return;
        }
        let panics = self.panics.get(&ticket).copied().unwrap_or(0);
        if panics == MAX_PANICS {
            tracing::error!(ticket.id = %ticket, panics, "the ticket is failed as poison");
            metrics::counter!("tickets_poisoned_total").increment(1);
        }
        if panics > MAX_PANICS {
            tracing::error!(ticket.id = %ticket, panics, "the ticket cannot even be failed; it is left alone");
        } else {
            self.wake(ticket, None, place);
        }
    }

    fn gone(&mut self, gone: Gone, ctx: &mut Context<Self>) {
        let Gone {
            ticket,
            incarnation,
            left,
            place,
        } = gone;
        let slot = self.actors.get(&ticket);
        let replaced = slot.is_some_and(|slot| slot.incarnation != incarnation);
        if !replaced && self.actors.remove(&ticket).is_some() {
            self.shared.active.fetch_sub(1, Ordering::Relaxed);
        }
        match left {
            Left::Crashed => {
                let panics = self.panics.entry(ticket).or_insert(0);
                *panics += 1;
                tracing::error!(ticket.id = %ticket, panics = *panics, "a ticket's actor panicked");
                metrics::counter!("ticket_actor_panics_total").increment(1);
                if !replaced {
                    self.restart(ticket, place);
                }
            }
            Left::Finished => {
                self.panics.remove(&ticket);
                self.store_failures.remove(&ticket);
            }
            Left::StoreFailed => {
                let failures = self.store_failures.entry(ticket).or_insert(0);
                *failures = failures.saturating_add(1);
                let failures = *failures;
                if !replaced {
                    self.retry_later(ticket, failures, place, ctx);
                }
            }
            Left::Passivated => {
                self.store_failures.remove(&ticket);
            }
            Left::Parked => {}
        }
    }
}

impl Shard {
    /// Picks a ticket up again after its `failures` store failures. One timer per ticket: whatever
    /// starts its actor before takes the timer's place.
    fn retry_later(
        &mut self,
        ticket: TicketId,
        failures: u32,
        place: Option<Place>,
        ctx: &mut Context<Self>,
    ) {
        let delay = STORE_RETRY.delay(failures, self.deps.clock.jitter());
        let timer = ctx.run_later(delay.unwrap_or_default(), move |shard, _| {
            let retry = shard.retries.remove(&ticket);
            if !shard.is_stopping() && shard.living(ticket).is_none() {
                shard.wake(ticket, None, retry.and_then(|retry| retry.place));
            }
        });
        if let Some(earlier) = self.retries.insert(ticket, Retry { timer, place }) {
            ctx.cancel_future(earlier.timer);
        }
    }
}

impl Actor for Shard {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        if let Some(desk) = self.obituary_desk.take() {
            ctx.add_stream(UnboundedReceiverStream::new(desk));
        }
    }
}

impl StreamHandler<Gone> for Shard {
    fn handle(&mut self, gone: Gone, ctx: &mut Self::Context) {
        self.gone(gone, ctx);
    }
}

impl Handler<StartTicket> for Shard {
    type Result = ();

    fn handle(&mut self, message: StartTicket, ctx: &mut Self::Context) {
        // A repeat of an issue may meet the actor of the first, which has the ticket in hand. The
        // reply is dropped then, and the next repeat finds the ticket.
        if self.living(message.ticket).is_none() {
            if let Some(retry) = self.retries.remove(&message.ticket) {
                ctx.cancel_future(retry.timer);
            }
            self.start(message.ticket, message.start, Some(message.place));
        }
    }
}

impl Handler<AskTicket> for Shard {
    type Result = bool;

    fn handle(&mut self, message: AskTicket, ctx: &mut Self::Context) -> bool {
        let AskTicket {
            ticket,
            ask,
            reply,
            start,
        } = message;
        if self.living(ticket).is_none() {
            if !start {
                return false;
            }
            if matches!(ask, Ask::Expire) && self.retries.contains_key(&ticket) {
                // The sweeper asks again and again; what must wait for the store waits its time.
                let waits = "the ticket waits until its store is tried again";
                let _ = reply.send(Err(TicketError::Unavailable(waits.to_owned())));
                return true;
            }
            self.wake_early(ticket, None, ctx);
        }
        // Not through a clone: actix grants every clone of an address a place beyond the limit.
        let Some(addr) = self.living(ticket) else {
            return false;
        };
        if let Err(error) = addr.try_send(Asked { ask, reply }) {
            let asked = error.into_inner();
            // Closed is impossible for a living actor on this thread, so its mailbox is full.
            let _ = asked.reply.send(Err(TicketError::Busy));
        }
        true
    }
}

impl Handler<Activate> for Shard {
    type Result = ResponseFuture<()>;

    fn handle(&mut self, message: Activate, ctx: &mut Self::Context) -> Self::Result {
        let mut replayed = Vec::with_capacity(message.tickets.len());
        for ticket in message.tickets {
            if self.living(ticket).is_none() && !self.is_stopping() {
                let (ready, when_ready) = oneshot::channel();
                self.wake_early(ticket, Some(ready), ctx);
                replayed.push(when_ready);
            }
        }
        Box::pin(async move {
            for ready in replayed {
                // An actor that dies while it replays is restarted by its obituary.
                let _ = ready.await;
            }
        })
    }
}

impl Handler<Drain> for Shard {
    type Result = ();

    fn handle(&mut self, _: Drain, _: &mut Self::Context) {
        for slot in self.actors.values() {
            let (reply, _) = oneshot::channel();
            // A clone of the address has a place of its own, so a full mailbox keeps nobody at work.
            // An actor that is closed already needs no word.
            let _ = slot.addr.clone().try_send(Asked {
                ask: Ask::Park,
                reply,
            });
        }
    }
}
