//! One transaction of a ticket: decide, append, evolve, announce.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use actix::{ActorFutureExt, AsyncContext, Context, WrapFuture};
use punchcard_events::ticket::{
    AttemptStatus, Command, Effect, Failure, Rejection, TicketEvent, TicketState, decide, evolve,
    next_effect,
};
use punchcard_events::{EventId, NewEvent, Revision, StreamName, TenantId, Timestamp};

use super::budget::Charge;
use super::callback::Hooked;
use super::obituary::Left;
use super::work::{is_retry, prepare, tokens, wish};
use super::{Reply, TicketActor, fallback};
use crate::errors::TicketError;
use crate::failpoint;
use crate::guards::Permit;
use crate::ports::{AppendError, EventStore, ExpectedRevision};

/// Waits between tries of an append that the store did not take.
const APPEND_RETRY: [Duration; 5] = [
    Duration::from_millis(20),
    Duration::from_millis(100),
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(2),
];

/// How often a command is decided anew because another writer was faster.
const MAX_CONFLICTS: u32 = 5;

/// What a command comes to, before it is durable.
struct Plan {
    events: Vec<TicketEvent>,
    state: TicketState,
    permit: Option<Permit>,
}

impl TicketActor {
    /// Decides `command`, makes its events durable, and then lets them take effect. Messages wait
    /// until that is done.
    pub(super) fn transact(
        &mut self,
        ctx: &mut Context<Self>,
        command: Command,
        reply: Option<Reply>,
    ) {
        self.transact_after(ctx, command, reply, 0);
    }

    fn transact_after(
        &mut self,
        ctx: &mut Context<Self>,
        command: Command,
        reply: Option<Reply>,
        conflicts: u32,
    ) {
        if self.unusable.is_some() {
            // The outcome of work that ended just now is lost with the actor, as in a crash.
            return;
        }
        match self.plan(command.clone()) {
            Err(rejection) => {
                match reply {
                    Some(reply) => {
                        let _ = reply.send(Err(reject(rejection)));
                    }
                    // The outcome of work that a cancellation or deadline has overtaken.
                    None => tracing::debug!(ticket.id = %self.id, %rejection, "outcome dropped"),
                }
                self.carry_on(ctx, conflicts);
            }
            Ok(plan) if plan.events.is_empty() => {
                if let Some(reply) = reply {
                    let _ = reply.send(self.current());
                }
                self.carry_on(ctx, conflicts);
            }
            Ok(plan) => self.append(ctx, plan, command, reply, conflicts),
        }
    }

    /// Goes on with what is owed. After a conflict that is the foreign writer's state: an attempt it
    /// recorded is not ours to call the model for, so it is closed as after a crash.
    fn carry_on(&mut self, ctx: &mut Context<Self>, conflicts: u32) {
        if conflicts == 0 {
            return self.owe(ctx);
        }
        let now = self.deps.clock.now();
        self.transact(ctx, Command::Resume { now }, None);
    }

    /// Decides, and goes on deciding as long as what is owed next needs nobody outside: a task
    /// without callbacks gets several events into one append.
    fn plan(&mut self, command: Command) -> Result<Plan, Rejection> {
        let mut events = decide(&self.state, command)?;
        let mut state = events.iter().fold(self.state.clone(), evolve);
        let mut permit = self.permit.take();
        if events.is_empty() && self.ongoing.is_some() {
            return Ok(Plan {
                events,
                state,
                permit,
            });
        }
        while let Some(command) = self.settle(&state, &mut permit) {
            let more = decide(&state, command)?;
            state = more.iter().fold(state, evolve);
            events.extend(more);
        }
        Ok(Plan {
            events,
            state,
            permit,
        })
    }

    /// The command that does what `state` owes, if that needs no waiting and nobody outside.
    fn settle(&self, state: &TicketState, permit: &mut Option<Permit>) -> Option<Command> {
        if self.parking {
            return None;
        }
        match next_effect(state)? {
            Effect::PreProcess {
                callback: false,
                not_before,
            } if not_before.is_none_or(|at| at <= self.deps.clock.now()) => {
                let request = state.request()?;
                prepare(
                    self.deps.tasks.as_ref(),
                    self.id,
                    request,
                    Hooked::default(),
                )
            }
            Effect::Send {
                attempt,
                not_before: None,
                model: _,
            } => {
                let wish = wish(state.request()?, is_retry(state), tokens(state));
                let models = state.models_in_turn();
                let charge = Charge::of(self.id, state)?;
                charge.adjust(&self.deps, models.first()?);
                if !charge.is_decidable(&self.deps) {
                    return None;
                }
                let (model, free) = fallback::try_permit(&self.deps.llm, &models, &wish)?;
                let command = charge.send(&self.deps, attempt, model);
                *permit = matches!(command, Command::Send { .. }).then_some(free);
                Some(command)
            }
            Effect::PostProcess {
                callback: false, ..
            } => Some(Command::RecordPersisted {
                answer: None,
                call: None,
            }),
            Effect::PreProcess { .. }
            | Effect::Send { .. }
            | Effect::CallModel { .. }
            | Effect::PostProcess { .. }
            | Effect::Deliver => None,
        }
    }

    fn append(
        &mut self,
        ctx: &mut Context<Self>,
        plan: Plan,
        command: Command,
        reply: Option<Reply>,
        conflicts: u32,
    ) {
        let events = match self.envelopes(&plan) {
            Ok(events) => events,
            Err(failure) => return self.cannot_record(ctx, failure, reply),
        };
        let last = events.last().map(|event| (event.id, event.recorded_at));
        let expected = match self.revision {
            None => ExpectedRevision::NoStream,
            Some(revision) => ExpectedRevision::Exact(revision),
        };
        let append = append_durably(
            Arc::clone(&self.deps.store),
            self.stream.clone(),
            expected,
            events,
            self.deps.store_patience,
        );
        self.writing = true;
        ctx.wait(append.into_actor(self).map(move |appended, act, ctx| {
            act.writing = false;
            match appended {
            Ok(revision) => act.committed(ctx, plan, revision, last, reply),
            Err(Refused::Conflict) if conflicts < MAX_CONFLICTS => act.reload(ctx, move |act, ctx| {
                act.stop_ongoing(ctx);
                if matches!(command, Command::Send { .. }) {
                    // Its permit went back with the plan.
                    return act.carry_on(ctx, conflicts + 1);
                }
                act.transact_after(ctx, command, reply, conflicts + 1);
            }),
            Err(Refused::NotBegun(error)) => {
                tracing::warn!(ticket.id = %act.id, %error, "the new ticket was not stored");
                if let Some(reply) = reply {
                    let _ = reply.send(Err(TicketError::Unavailable(error.to_string())));
                }
                act.leave(ctx, Left::Finished);
            }
            Err(refused) => {
                tracing::warn!(ticket.id = %act.id, ?refused, "the ticket's events were not stored");
                if let Some(reply) = reply {
                    let _ = reply.send(Err(TicketError::Unavailable(refused.to_string())));
                }
                act.give_way(ctx, refused.to_string());
            }
        }}));
    }

    fn committed(
        &mut self,
        ctx: &mut Context<Self>,
        plan: Plan,
        revision: Revision,
        last: Option<(EventId, Timestamp)>,
        reply: Option<Reply>,
    ) {
        self.stop_ongoing(ctx);
        self.state = plan.state;
        self.permit = plan.permit;
        self.revision = Some(revision);
        self.last_event = last.map(|(id, _)| id);
        self.changed_at = last.map_or(self.changed_at, |(_, at)| at);
        self.leave_the_door();
        if !in_flight(&self.state) {
            self.live = None;
        }
        for event in &plan.events {
            metrics::counter!("ticket_events_total", "type" => event.kind()).increment(1);
        }
        if let Some(news) = self.news() {
            self.deps.switchboard.publish(&news);
        }
        if let Some(reply) = reply {
            let _ = reply.send(self.current());
        }
        tracing::debug!(
            ticket.id = %self.id,
            ticket.state = self.state.name().as_str(),
            ticket.revision = revision.0,
            attempt = self.state.attempt(),
            "ticket advanced"
        );
        self.owe(ctx);
    }

    /// The plan's events in their envelopes. Each is caused by the one before it.
    fn envelopes(&self, plan: &Plan) -> Result<Vec<NewEvent>, serde_json::Error> {
        let recorded_at = self.deps.clock.now();
        let Some(tenant) = plan.state.request().map(|r| &r.tenant) else {
            return Ok(vec![]);
        };
        let fork = plan.state.request().and_then(|r| r.fork.as_ref());
        // By this, and by nothing else of their envelopes, a fork's events are told from others.
        let correlation_id = fork.map_or(self.id, |fork| fork.parent).0;
        let mut cause = self.last_event;
        let envelope = |event: &TicketEvent| {
            let id = EventId(self.deps.clock.id());
            Ok(NewEvent {
                id,
                kind: Cow::Borrowed(event.kind()),
                schema_version: event.schema_version(),
                tenant: TenantId::clone(tenant),
                correlation_id,
                causation_id: cause.replace(id),
                recorded_at,
                data: event.encode()?,
            })
        };
        plan.events.iter().map(envelope).collect()
    }

    /// An event that JSON cannot hold would be asked for again for ever; the ticket is failed.
    fn cannot_record(
        &mut self,
        ctx: &mut Context<Self>,
        failure: serde_json::Error,
        reply: Option<Reply>,
    ) {
        tracing::error!(ticket.id = %self.id, %failure, "an event cannot be written as JSON");
        let Some(stage) = self.state.stage() else {
            return self.leave(ctx, Left::Finished);
        };
        let failure = Failure {
            stage,
            code: "unrecordable".to_owned(),
            message: format!("what happened cannot be recorded: {failure}"),
        };
        self.stop_ongoing(ctx);
        self.transact(ctx, Command::Fail(failure), reply);
    }
}

fn in_flight(state: &TicketState) -> bool {
    matches!(state, TicketState::Sent(sent) if sent.status == AttemptStatus::InFlight)
}

fn reject(rejection: Rejection) -> TicketError {
    match rejection {
        Rejection::NotRequested => TicketError::NotFound,
        rejection => TicketError::Rejected(rejection),
    }
}

/// Why events were not stored.
#[derive(Debug, thiserror::Error)]
enum Refused {
    #[error("another writer was faster")]
    Conflict,
    #[error("{0}")]
    Store(AppendError),
    /// Nothing of a new ticket was written, for certain.
    #[error("{0}")]
    NotBegun(AppendError),
}

/// Appends, and asks again while the store is unavailable or does not say: the same event ids at the
/// same revision make a repeat harmless.
async fn append_durably(
    store: Arc<dyn EventStore>,
    stream: StreamName,
    expected: ExpectedRevision,
    events: Vec<NewEvent>,
    patience: Duration,
) -> Result<Revision, Refused> {
    for event in &events {
        failpoint!("ticket::{}::before_append", event.kind);
    }
    let begun = tokio::time::Instant::now();
    let mut delays = APPEND_RETRY
        .iter()
        .chain(std::iter::repeat(&APPEND_RETRY[4]));
    let mut nothing_written = true;
    loop {
        let error = match store.append(&stream, expected, &events).await {
            Ok(appended) => {
                for event in &events {
                    failpoint!("ticket::{}::after_append", event.kind);
                }
                return Ok(appended.revision);
            }
            Err(AppendError::Conflict { .. }) => return Err(Refused::Conflict),
            Err(error @ AppendError::Unavailable(_)) => error,
            Err(error @ AppendError::OutcomeUnknown(_)) => {
                nothing_written = false;
                error
            }
        };
        if nothing_written && expected == ExpectedRevision::NoStream {
            // A new ticket's caller is told at once, and tries again itself.
            return Err(Refused::NotBegun(error));
        }
        let delay = delays.next().copied().unwrap_or(APPEND_RETRY[4]);
        if begun.elapsed() + delay > patience {
            return Err(Refused::Store(error));
        }
        tokio::time::sleep(delay).await;
    }
}
