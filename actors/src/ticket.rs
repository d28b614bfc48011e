//! The ticket actor: decide, append, evolve, announce, and do what is owed.
//!
//! One actor lives for each ticket that owes something. It is the only writer of its stream. Its
//! truth is the fold of the stored events; what it holds beyond that (the text in flight, a permit,
//! a timer) may be lost at any moment, and a replay carries on without it.
//!
//! It never restarts itself: when it dies, its [`Obituary`] tells the registry, which starts a new
//! one from the store.

mod budget;
mod callback;
mod commit;
mod fallback;
mod obituary;
mod stream;
mod work;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, ActorFutureExt, AsyncContext, Context, Handler, SpawnHandle, WrapFuture};
use futures_util::future::{AbortHandle, abortable};
use punchcard_events::ticket::{
    CancelMode, Channel, Command, Deadlines, Effect, Failure, Rejection, Stage, TicketRequested,
    TicketState, next_effect,
};
use punchcard_events::{EventId, Revision, StreamName, TicketId, Timestamp};
use tokio::sync::oneshot;

pub(crate) use obituary::{Gone, Left, Obituary};

use crate::admission::Admission;
use crate::callbacks::CallbackDesk;
use crate::errors::TicketError;
use crate::feed::{LiveText, News, Switchboard};
use crate::guards::Permit;
use crate::history::load;
use crate::llm::Llm;
use crate::ports::{Clock, EventStore, LimitsBook, TaskBook};
use crate::schedule::NEAR;
use crate::tickets::Redrive;
use crate::usage::Meter;

/// How long an actor with nothing to do stays where places are scarce: long enough for a user who is
/// there to acknowledge.
const CROWDED_IDLE: Duration = Duration::from_secs(1);

/// What every ticket actor works with.
pub(crate) struct Deps {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) tasks: Arc<dyn TaskBook>,
    pub(crate) limits: Arc<dyn LimitsBook>,
    pub(crate) meter: Meter,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) llm: Llm,
    pub(crate) callbacks: CallbackDesk,
    pub(crate) switchboard: Switchboard,
    pub(crate) admission: Admission,
    /// Text is announced at most this often.
    pub(crate) text_interval: Duration,
    /// How long an actor with nothing to do stays in memory.
    pub(crate) passivate_after: Duration,
    /// How long an append is tried again before the actor gives way.
    pub(crate) store_patience: Duration,
}

/// Where an asked question's answer goes.
pub(crate) type Reply = oneshot::Sender<Result<News, TicketError>>;

/// How an actor begins.
pub(crate) enum Start {
    /// A new ticket: nothing is stored yet.
    Fresh(Box<TicketRequested>, Reply),
    /// A stored ticket.
    Stored {
        /// Told when it is replayed.
        ready: Option<oneshot::Sender<()>>,
        /// Whether its state may be news to those who watch.
        announce: bool,
    },
    /// A stored ticket that keeps crashing its actor: it is failed, and nothing else is done.
    Poison,
}

/// What can be asked of a ticket actor from outside.
#[derive(Debug)]
pub(crate) enum Ask {
    /// How does it stand?
    Look,
    /// End it.
    Cancel { mode: CancelMode, by: String },
    /// Its answer has arrived.
    Acknowledge { channel: Channel, by: String },
    /// Open it again, if it is as it was at this revision: whoever asks anew, because the actor that was
    /// asked died, does not open it twice.
    Redrive {
        at: Revision,
        redrive: Redrive,
        deadlines: Deadlines,
    },
    /// Give up if the time is over.
    Expire,
    /// Finish the call in flight, if any, and leave; the store has the rest.
    Park,
}

/// An [`Ask`] with the place for its answer.
#[derive(actix::Message)]
#[rtype(result = "()")]
pub(crate) struct Asked {
    pub(crate) ask: Ask,
    pub(crate) reply: Reply,
}

/// The actor of one ticket.
pub(crate) struct TicketActor {
    id: TicketId,
    stream: StreamName,
    deps: Arc<Deps>,
    /// The fold of all stored events.
    state: TicketState,
    /// The newest stored event.
    revision: Option<Revision>,
    last_event: Option<EventId>,
    /// When that was recorded.
    changed_at: Timestamp,
    /// The text of the attempt in flight.
    live: Option<Arc<LiveText>>,
    /// The model permit that the recorded attempt is about to use.
    permit: Option<Permit>,
    /// The work on what is owed, at most one.
    ongoing: Option<Ongoing>,
    /// The timer for the state's deadline.
    deadline: Option<(Timestamp, SpawnHandle)>,
    /// The timer that ends an idle actor.
    idle: Option<SpawnHandle>,
    /// It leaves as soon as no call is in flight.
    parking: bool,
    /// It leaves as soon as the questions in its mailbox are answered.
    leaving: bool,
    /// An append is under way: it does not leave before it knows what became of that. A future that was
    /// spawned before is polled once more by actix while the context begins to wait.
    writing: bool,
    /// Why the store cannot be used; it then does nothing but say so, and leaves.
    unusable: Option<String>,
    start: Option<Start>,
    obituary: Obituary,
}

struct Ongoing {
    handle: SpawnHandle,
    /// Ends the work before its next step. Cancelling the handle does not: a future that is
    /// cancelled while the context waits (for an append, say) is polled once more by actix, and
    /// might make a call for a ticket that has just ended.
    stop: AbortHandle,
    /// Set while an outward call is running, as opposed to waiting for a time or a permit.
    calling: Rc<Cell<bool>>,
}

impl TicketActor {
    /// With `parking` it does no work: it answers what it is asked and leaves.
    pub(crate) fn new(
        id: TicketId,
        start: Start,
        parking: bool,
        deps: Arc<Deps>,
        obituary: Obituary,
    ) -> Self {
        Self {
            id,
            stream: id.stream(),
            deps,
            state: TicketState::Unrequested,
            revision: None,
            last_event: None,
            changed_at: Timestamp::default(),
            live: None,
            permit: None,
            ongoing: None,
            deadline: None,
            idle: None,
            parking,
            leaving: false,
            writing: false,
            unusable: None,
            start: Some(start),
            obituary,
        }
    }

    /// Reads the history and folds it, then calls `then`.
    fn reload(
        &mut self,
        ctx: &mut Context<Self>,
        then: impl FnOnce(&mut Self, &mut Context<Self>) + 'static,
    ) {
        let store = Arc::clone(&self.deps.store);
        let id = self.id;
        let history = async move { load(store.as_ref(), id).await };
        ctx.wait(history.into_actor(self).map(move |loaded, act, ctx| match loaded {
            Ok(history) => {
                act.state = history.state;
                act.revision = history.revision;
                act.last_event = history.last_event;
                act.changed_at = history.changed_at;
                act.live = None;
                act.take_place();
                if act.revision.is_some() {
                    act.leave_the_door();
                }
                then(act, ctx);
            }
            Err(error) => {
                tracing::error!(ticket.id = %act.id, %error, "the ticket's history cannot be used");
                act.give_way(ctx, error.to_string());
            }
        }));
    }

    /// Starts the work on what the state owes, unless it is under way.
    fn owe(&mut self, ctx: &mut Context<Self>) {
        let now = self.deps.clock.now();
        if self.ongoing.is_none() && self.state.deadline().is_some_and(|due| due <= now) {
            // Nothing is begun that comes too late.
            return self.transact(ctx, Command::Expire { now }, None);
        }
        self.set_deadline(ctx);
        if self.ongoing.is_some() {
            return;
        }
        match next_effect(&self.state) {
            None => self.leave_soon(ctx),
            Some(_) if self.parking || self.is_scheduled() => self.leave_soon(ctx),
            Some(Effect::Deliver) => self.passivate_later(ctx),
            Some(effect) => self.work_on(effect, ctx),
        }
    }

    /// Leaves after the questions already put: actix polls the mailbox before spawned futures, and
    /// drops what is in it when an actor stops.
    fn leave_soon(&mut self, ctx: &mut Context<Self>) {
        if std::mem::replace(&mut self.leaving, true) {
            return;
        }
        let asked = std::future::ready(()).into_actor(self);
        ctx.spawn(asked.map(|(), act, ctx| {
            act.leaving = false;
            match next_effect(&act.state) {
                None => act.leave(ctx, Left::Finished),
                Some(_) if act.parking && act.ongoing.is_none() => act.leave(ctx, Left::Parked),
                Some(_) if act.is_scheduled() => act.leave(ctx, Left::Passivated),
                Some(_) => {}
            }
        }));
    }

    /// Whether its time is so far ahead that it waits in the store, where the schedule finds it.
    fn is_scheduled(&self) -> bool {
        let near = self.deps.clock.now().plus(NEAR);
        self.ongoing.is_none() && self.state.not_before().is_some_and(|at| at > near)
    }

    fn work_on(&mut self, effect: Effect, ctx: &mut Context<Self>) {
        let calling = Rc::new(Cell::new(false));
        let Some(work) = self.work(effect, &calling) else {
            return;
        };
        let (work, stop) = abortable(work);
        let handle = ctx.spawn(work.into_actor(self).map(|done, act, ctx| {
            if let Ok(done) = done {
                act.ongoing = None;
                act.permit = done.permit;
                act.transact(ctx, done.command, None);
            }
        }));
        self.ongoing = Some(Ongoing {
            handle,
            stop,
            calling,
        });
    }

    /// A stored ticket is open again: it was accepted before, so it has a place whatever the bounds.
    fn take_place(&mut self) {
        let place = self.obituary.place();
        if let (None, Some(request)) = (&place, self.state.request()) {
            let admission = &self.deps.admission;
            *place = Some(admission.readmit(&request.tenant, &request.task));
        }
    }

    /// Nobody waits any more for the ticket to be accepted.
    fn leave_the_door(&mut self) {
        if let Some(place) = self.obituary.place() {
            place.accepted();
        }
    }

    /// An answer waits in the store for whoever it is for; no actor need wait with it, least of all
    /// where places are scarce.
    fn passivate_later(&mut self, ctx: &mut Context<Self>) {
        if self.idle.is_none() {
            let mut after = self.deps.passivate_after;
            let tenant = self.state.request().map(|request| &request.tenant);
            if tenant.is_some_and(|tenant| self.deps.admission.is_crowded(tenant)) {
                after = after.min(CROWDED_IDLE);
            }
            self.idle = Some(ctx.run_later(after, |act, ctx| act.leave(ctx, Left::Passivated)));
        }
    }

    /// Sets the timer for the state's deadline, if it is not set already.
    fn set_deadline(&mut self, ctx: &mut Context<Self>) {
        let due = self.state.deadline();
        if self.deadline.as_ref().map(|(at, _)| *at) == due {
            return;
        }
        if let Some((_, timer)) = self.deadline.take() {
            ctx.cancel_future(timer);
        }
        let Some(due) = due else { return };
        let wait = due.since(self.deps.clock.now());
        let timer = ctx.run_later(wait, |act, ctx| {
            act.deadline = None;
            let now = act.deps.clock.now();
            act.transact(ctx, Command::Expire { now }, None);
        });
        self.deadline = Some((due, timer));
    }

    fn stop_ongoing(&mut self, ctx: &mut Context<Self>) {
        if let Some(ongoing) = self.ongoing.take() {
            ongoing.stop.abort();
            ctx.cancel_future(ongoing.handle);
        }
        if let Some(idle) = self.idle.take() {
            ctx.cancel_future(idle);
        }
    }

    fn leave(&mut self, ctx: &mut Context<Self>, left: Left) {
        if self.writing {
            // What follows on the append says again whether anything is owed.
            return;
        }
        self.obituary.leave(left);
        actix::ActorContext::stop(ctx);
    }

    /// The store did not take or give events for too long: those who ask are told, and the registry
    /// tries again later.
    fn give_way(&mut self, ctx: &mut Context<Self>, reason: String) {
        self.stop_ongoing(ctx);
        self.leave_the_door();
        self.unusable = Some(reason);
        let asked = std::future::ready(()).into_actor(self);
        ctx.spawn(asked.map(|(), act, ctx| act.leave(ctx, Left::StoreFailed)));
    }

    fn news(&self) -> Option<News> {
        Some(News {
            ticket: self.id,
            revision: self.revision?,
            state: self.state.clone(),
            changed_at: self.changed_at,
            live: self.live.clone(),
        })
    }

    fn current(&self) -> Result<News, TicketError> {
        self.news().ok_or(TicketError::NotFound)
    }

    fn park(&mut self, ctx: &mut Context<Self>) {
        self.parking = true;
        let calling = self.ongoing.as_ref().is_some_and(|o| o.calling.get());
        if !calling {
            self.stop_ongoing(ctx);
            self.leave_soon(ctx);
        }
    }

    fn poisoned(&self) -> Command {
        Command::Fail(Failure {
            stage: self.state.stage().unwrap_or(Stage::PreProcess),
            code: "poison".to_owned(),
            message: "handling this ticket crashed its actor again and again".to_owned(),
        })
    }
}

impl Actor for TicketActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        match self.start.take() {
            Some(Start::Fresh(request, reply)) => {
                self.transact(ctx, Command::Request(*request), Some(reply));
            }
            Some(Start::Stored { ready, announce }) => self.reload(ctx, move |act, ctx| {
                if announce && let Some(news) = act.news() {
                    act.deps.switchboard.publish(&news);
                }
                let now = act.deps.clock.now();
                act.transact(ctx, Command::Resume { now }, None);
                if let Some(ready) = ready {
                    // Whoever waited may have gone.
                    let _ = ready.send(());
                }
            }),
            Some(Start::Poison) | None => self.reload(ctx, |act, ctx| {
                act.parking = true;
                let failure = act.poisoned();
                act.transact(ctx, failure, None);
            }),
        }
    }
}

impl Handler<Asked> for TicketActor {
    type Result = ();

    fn handle(&mut self, asked: Asked, ctx: &mut Self::Context) {
        if std::thread::panicking() {
            // actix polls the mailbox once more while it drops an actor that panicked. Its memory
            // is not to be trusted; the dropped reply makes the caller ask the next actor.
            return;
        }
        let Asked { ask, reply } = asked;
        if let Some(reason) = &self.unusable {
            let _ = reply.send(Err(TicketError::Unavailable(reason.clone())));
            return;
        }
        let command = match ask {
            Ask::Look => {
                let _ = reply.send(self.current());
                return;
            }
            Ask::Park => {
                let _ = reply.send(self.current());
                self.park(ctx);
                return;
            }
            Ask::Cancel { mode, by } => Command::Cancel {
                mode,
                by,
                text: self.live.as_ref().map(|live| live.content().into()),
            },
            Ask::Acknowledge { channel, by } => Command::Acknowledge { channel, by },
            Ask::Redrive { at, .. }
                if self.revision != Some(at) && matches!(self.state, TicketState::Failed(_)) =>
            {
                let _ = reply.send(Err(TicketError::Rejected(Rejection::FailedAnew)));
                return;
            }
            Ask::Redrive {
                at: _,
                redrive,
                deadlines,
            } => Command::Redrive {
                by: redrive.by,
                deadlines,
                redrive: redrive.redrive,
                from: redrive.from,
                now: self.deps.clock.now(),
            },
            Ask::Expire => Command::Expire {
                now: self.deps.clock.now(),
            },
        };
        self.transact(ctx, command, Some(reply));
    }
}
