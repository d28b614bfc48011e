//! The work on what a ticket owes: waiting for its time, getting a permit, making the call.
//!
//! Each piece of work ends in a command. It touches the actor only through that.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use punchcard_events::ticket::{
    Command, Effect, Failure, Stage, TicketPreProcessed, TicketRequested, TicketState,
};
use punchcard_events::{TicketId, Timestamp};

use super::budget::Charge;
use super::callback::{self, Hooked, Try};
use super::stream::{Attempt, FailedAttempt, run};
use super::{Deps, TicketActor, fallback};
use crate::failpoint;
use crate::feed::{LiveText, News};
use crate::guards::Permit;
use crate::llm::{Wish, estimate};
use crate::ports::{Asked, Clock, PostProcessCall, PreProcessCall, PrepareError, TaskBook};

/// What a piece of work came to.
pub(super) struct Done {
    pub(super) command: Command,
    /// A permit got for the next effect.
    pub(super) permit: Option<Permit>,
}

impl From<Command> for Done {
    fn from(command: Command) -> Self {
        Self {
            command,
            permit: None,
        }
    }
}

impl TicketActor {
    /// The work on `effect`; `None` when the state does not owe it after all. `calling` is set
    /// while an outward call runs.
    pub(super) fn work(
        &mut self,
        effect: Effect,
        calling: &Rc<Cell<bool>>,
    ) -> Option<LocalBoxFuture<'static, Done>> {
        let deps = Arc::clone(&self.deps);
        let calling = Rc::clone(calling);
        match (effect, &self.state) {
            (
                Effect::PreProcess {
                    not_before,
                    callback,
                },
                TicketState::Requested(s),
            ) => {
                let due = Try::next(&s.callback, not_before);
                let call = PreProcessCall::of(self.id, s);
                Some(callback::pre_process(deps, call, due, callback, calling).boxed_local())
            }
            (
                Effect::Send {
                    attempt,
                    not_before,
                    model: _,
                },
                state,
            ) => {
                let send = Send::of(self.id, state, (attempt, not_before))?;
                Some(get_permit(deps, send).boxed_local())
            }
            (Effect::CallModel { attempt }, TicketState::Sent(s)) => {
                let live = Arc::new(LiveText::new(attempt));
                let run = Attempt {
                    ticket: self.id,
                    number: attempt,
                    model: s.model().to_owned(),
                    request: Arc::clone(&s.request),
                    prepared: Arc::clone(&s.prepared),
                    live: Arc::clone(&live),
                    permit: self.permit.take(),
                };
                self.live = Some(live);
                let news = self.news()?;
                Some(call_model(deps, run, news, calling).boxed_local())
            }
            (Effect::PostProcess { not_before, .. }, TicketState::Answered(s)) => {
                let call = PostProcessCall::of(self.id, s);
                let due = Try::next(&s.callback, not_before);
                Some(callback::post_process(deps, call, due, calling).boxed_local())
            }
            (
                Effect::PreProcess { .. }
                | Effect::CallModel { .. }
                | Effect::PostProcess { .. }
                | Effect::Deliver,
                _,
            ) => None,
        }
    }
}

/// An attempt to be sent as soon as its model, or one in its place, may be called.
struct Send {
    charge: Charge,
    /// Those in turn, at least one.
    models: Vec<String>,
    request: Arc<TicketRequested>,
    attempt: u32,
    not_before: Option<Timestamp>,
    retry: bool,
    tokens: u64,
}

impl Send {
    fn of(
        ticket: TicketId,
        state: &TicketState,
        (attempt, not_before): (u32, Option<Timestamp>),
    ) -> Option<Self> {
        let models = state.models_in_turn().into_iter().map(str::to_owned);
        Some(Self {
            charge: Charge::of(ticket, state)?,
            models: models.collect(),
            request: Arc::clone(state.request()?),
            attempt,
            not_before,
            retry: is_retry(state),
            tokens: tokens(state),
        })
    }
}

async fn get_permit(deps: Arc<Deps>, send: Send) -> Done {
    wait_until(deps.clock.as_ref(), send.not_before).await;
    send.charge.decidable(&deps).await;
    let wish = wish(&send.request, send.retry, send.tokens);
    let (model, permit) = fallback::permit(&deps.llm, &send.models, &wish).await;
    let command = send.charge.send(&deps, send.attempt, model);
    let permit = matches!(command, Command::Send { .. }).then_some(permit);
    Done { command, permit }
}

/// What a ticket wants of a model.
pub(super) fn wish(request: &TicketRequested, retry: bool, tokens: u64) -> Wish<'_> {
    Wish {
        tenant: &request.tenant,
        task: &request.task,
        retry,
        priority: request.priority,
        tokens,
    }
}

/// How many tokens the attempt that `state` owes will take.
pub(super) fn tokens(state: &TicketState) -> u64 {
    state.prepared().map_or(1, |prepared| {
        estimate(&prepared.messages, &prepared.parameters)
    })
}

/// Whether the attempt that `state` owes repeats one that failed. One that was interrupted by our
/// own stop is no repeat: the model had no part in it.
pub(super) fn is_retry(state: &TicketState) -> bool {
    matches!(state, TicketState::Sent(sent) if sent.failures > 0)
}

async fn call_model(
    deps: Arc<Deps>,
    attempt: Attempt,
    news: News,
    calling: Rc<Cell<bool>>,
) -> Done {
    let number = attempt.number;
    match outward("model", &calling, run(&deps, attempt, &news)).await {
        Ok(answer) => Command::RecordAnswer(answer).into(),
        Err(failed) => attempt_failed(&deps, number, failed),
    }
}

/// Makes the outward call of the effect with this key.
pub(super) async fn outward<T>(
    effect: &str,
    calling: &Cell<bool>,
    call: impl Future<Output = T>,
) -> T {
    calling.set(true);
    failpoint!("effect::{effect}::before");
    let came_back = call.await;
    failpoint!("effect::{effect}::after");
    came_back
}

fn attempt_failed(deps: &Deps, attempt: u32, failed: FailedAttempt) -> Done {
    let command = Command::RecordAttemptFailure {
        attempt,
        error: failed.error,
        spent: failed.spent,
        now: deps.clock.now(),
        jitter: deps.clock.jitter(),
    };
    command.into()
}

/// What the ticket asks the book for.
pub(super) fn asked(request: &TicketRequested) -> Asked<'_> {
    Asked {
        tenant: &request.tenant,
        task: &request.task,
        label: request.label.as_ref(),
        conversation: request.conversation.as_deref(),
    }
}

/// The command that follows from rendering the prompt that is in effect now; `None` where it cannot
/// be had now, for no fault of its own. A fork's was rendered when it was asked for.
pub(super) fn prepare(
    tasks: &dyn TaskBook,
    ticket: TicketId,
    request: &TicketRequested,
    hooked: Hooked,
) -> Option<Command> {
    if let Some(fork) = &request.fork {
        return Some(Command::RecordPreProcessed(fork.prepared.clone()));
    }
    let input = hooked.replaced.as_ref().unwrap_or(&request.input);
    let own;
    let sticky = match &request.user {
        Some(user) => user.as_str(),
        None => {
            own = ticket.to_string();
            &own
        }
    };
    let command = match tasks.prepare(asked(request), sticky, input) {
        Ok(prepared) => Command::RecordPreProcessed(TicketPreProcessed {
            input: hooked.replaced,
            prompt: prepared.prompt,
            messages: prepared.messages,
            model: prepared.model,
            parameters: prepared.parameters,
            answer_format: (prepared.answer_format != request.terms.answer_format)
                .then_some(prepared.answer_format),
            call: hooked.call,
        }),
        Err(PrepareError::Unavailable(_)) => return None,
        Err(
            error @ (PrepareError::UnknownTask(_)
            | PrepareError::NotDeployed { .. }
            | PrepareError::Broken(_)
            | PrepareError::Template(_)),
        ) => Command::Fail(Failure {
            stage: Stage::PreProcess,
            code: "prompt_not_rendered".to_owned(),
            message: error.to_string(),
        }),
    };
    Some(command)
}

pub(super) async fn wait_until(clock: &dyn Clock, time: Option<Timestamp>) {
    let Some(time) = time else { return };
    loop {
        // The runtime's clock may run a little slower than the timer, so one wait may not do.
        let wait = time.since(clock.now());
        if wait.is_zero() {
            return;
        }
        tokio::time::sleep(wait).await;
    }
}
