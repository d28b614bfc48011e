//! What goes on between one event and the next: what the state owes, after the wait for its time.

use super::elapsed::Elapsed;
use super::step::{Outcome, Step, StepName};
use crate::ticket::unfold::Happened;
use crate::ticket::{
    CallMade, Effect, Fallback, FallbackReason, TicketAnswered, TicketEvent, TicketState,
    next_effect,
};

/// What goes on from `begins_ms` until the next event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GoingOn {
    begins_ms: u64,
    /// The time that is waited for first, and what such a wait is called.
    wait: Option<(StepName, u64)>,
    doing: Doing,
}

/// What is done once its time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    /// Whether the tenant's API is asked, and for the how manieth time.
    Prepare { calls: bool, try_number: u32 },
    /// Which attempt is to be sent.
    Queue { attempt: u32 },
    /// Which attempt runs.
    Ask { attempt: u32 },
    /// As [`Doing::Prepare`].
    Persist { calls: bool, try_number: u32 },
    /// Somebody is waited for, or, of a fork, nobody.
    Deliver { to_anybody: bool },
}

/// How it came to an end.
struct Ending {
    well: bool,
    note: Option<String>,
}

impl GoingOn {
    /// What goes on after this event; `None` after one that ends the ticket, in itself or with the event
    /// that is recorded together with it.
    pub(super) fn after(happened: &Happened, at_ms: u64, elapsed: &Elapsed) -> Option<Self> {
        if is_the_last_try(&happened.event) {
            return None;
        }
        let failed = tries_failed(&happened.state);
        let try_number = failed.saturating_add(1);
        let (doing, not_before) = match next_effect(&happened.state)? {
            Effect::PreProcess {
                callback: calls,
                not_before,
            } => (Doing::Prepare { calls, try_number }, not_before),
            Effect::Send {
                attempt,
                not_before,
                model: _,
            } => (Doing::Queue { attempt }, not_before),
            Effect::CallModel { attempt } => (Doing::Ask { attempt }, None),
            Effect::PostProcess {
                callback: calls,
                not_before,
            } => (Doing::Persist { calls, try_number }, not_before),
            Effect::Deliver => {
                let request = happened.state.request()?;
                let to_anybody = request.fork.is_none();
                (Doing::Deliver { to_anybody }, None)
            }
        };
        let wait = match doing {
            Doing::Prepare { .. } if failed == 0 => StepName::Scheduled,
            Doing::Prepare { .. }
            | Doing::Queue { .. }
            | Doing::Ask { .. }
            | Doing::Persist { .. }
            | Doing::Deliver { .. } => StepName::RetryWait,
        };
        // The ticket's time counts from its request, not from when that was recorded.
        let is_the_first = matches!(happened.event, TicketEvent::TicketRequested(_));
        Some(Self {
            begins_ms: if is_the_first { 0 } else { at_ms },
            wait: not_before.map(|time| (wait, elapsed.at(time))),
            doing,
        })
    }

    /// Ended at `at_ms` by `event`: its steps are added to `steps`.
    pub(super) fn end(self, event: &TicketEvent, at_ms: u64, steps: &mut Vec<Step>) {
        let ending = ending(event);
        let begins_ms = match self.waits_until() {
            Some((step, until)) if until > at_ms && !ending.well => {
                steps.push(self.step(
                    step,
                    (self.begins_ms, Some(at_ms)),
                    ending.outcome(),
                    ending.note,
                ));
                return;
            }
            Some((step, until)) => {
                let until = until.min(at_ms);
                steps.push(self.step(step, (self.begins_ms, Some(until)), Outcome::Done, None));
                until
            }
            None => self.begins_ms,
        };
        match (self.doing, event) {
            (Doing::Ask { .. }, TicketEvent::TicketAnswered(answered)) => {
                let first_ms = first_token(answered, begins_ms, at_ms);
                let (begins, ends) = ((begins_ms, Some(first_ms)), (first_ms, Some(at_ms)));
                steps.push(self.step(StepName::FirstToken, begins, Outcome::Done, None));
                steps.push(self.step(StepName::Streaming, ends, Outcome::Done, ending.note));
            }
            (_, event) => {
                let name = self.name(text_had_come(event));
                let step = self.step(
                    name,
                    (begins_ms, Some(at_ms)),
                    ending.outcome(),
                    ending.note,
                );
                if !self.is_nothing(&step) {
                    steps.push(step);
                }
            }
        }
    }

    /// Not ended by `now_ms`, which no event is later than.
    pub(super) fn go_on(self, now_ms: u64, steps: &mut Vec<Step>) {
        let mut begins_ms = self.begins_ms;
        if let Some((step, until)) = self.waits_until() {
            if until > now_ms {
                steps.push(self.step(step, (begins_ms, None), Outcome::Waiting, None));
                return;
            }
            steps.push(self.step(step, (begins_ms, Some(until)), Outcome::Done, None));
            begins_ms = until;
        }
        let outcome = match self.doing {
            Doing::Queue { .. } | Doing::Deliver { .. } => Outcome::Waiting,
            Doing::Prepare { .. } | Doing::Ask { .. } | Doing::Persist { .. } => Outcome::Running,
        };
        steps.push(self.step(self.name(false), (begins_ms, None), outcome, None));
    }

    /// The wait, where there is one at all.
    fn waits_until(&self) -> Option<(StepName, u64)> {
        self.wait.filter(|(_, until)| *until > self.begins_ms)
    }

    fn step(
        &self,
        step: StepName,
        (begins_ms, ends_ms): (u64, Option<u64>),
        outcome: Outcome,
        note: Option<String>,
    ) -> Step {
        let (attempt, try_number) = match self.doing {
            Doing::Queue { attempt } | Doing::Ask { attempt } => (Some(attempt), None),
            Doing::Prepare { calls, try_number } | Doing::Persist { calls, try_number } => {
                (None, calls.then_some(try_number))
            }
            Doing::Deliver { .. } => (None, None),
        };
        Step {
            step,
            attempt,
            try_number,
            begins_ms,
            ends_ms,
            outcome,
            note,
        }
    }

    const fn name(&self, text_had_come: bool) -> StepName {
        match self.doing {
            Doing::Prepare { .. } => StepName::PreProcess,
            Doing::Queue { .. } => StepName::ModelQueue,
            // When the first text came is recorded of answers only.
            Doing::Ask { .. } if text_had_come => StepName::Streaming,
            Doing::Ask { .. } => StepName::FirstToken,
            Doing::Persist { .. } => StepName::PostProcess,
            Doing::Deliver { .. } => StepName::Delivery,
        }
    }

    /// Whether a step is not worth telling: nobody was asked, it took no time, and it went well.
    fn is_nothing(&self, step: &Step) -> bool {
        let asks_nobody = match self.doing {
            Doing::Prepare { calls, .. } | Doing::Persist { calls, .. } => !calls,
            Doing::Deliver { to_anybody } => !to_anybody,
            Doing::Queue { .. } | Doing::Ask { .. } => false,
        };
        let took_no_time = step.ends_ms == Some(step.begins_ms);
        asks_nobody && took_no_time && step.outcome == Outcome::Done
    }
}

impl Ending {
    const fn outcome(&self) -> Outcome {
        if self.well {
            Outcome::Done
        } else {
            Outcome::Failed
        }
    }
}

/// Whether the ticket's failure was decided, and recorded, together with this event.
const fn is_the_last_try(event: &TicketEvent) -> bool {
    match event {
        TicketEvent::AttemptFailed(failed) => failed.retry_at.is_none(),
        TicketEvent::CallbackFailed(failed) => failed.retry_at.is_none(),
        TicketEvent::TicketRequested(_)
        | TicketEvent::TicketPreProcessed(_)
        | TicketEvent::TicketSent(_)
        | TicketEvent::TicketAnswered(_)
        | TicketEvent::TicketPersisted(_)
        | TicketEvent::TicketDelivered(_)
        | TicketEvent::TicketFailed(_)
        | TicketEvent::TicketCancelled(_)
        | TicketEvent::TicketRedriven(_) => false,
    }
}

/// How often the callback that `state` owes has failed.
const fn tries_failed(state: &TicketState) -> u32 {
    match state {
        TicketState::Requested(s) => s.callback.failed,
        TicketState::Answered(s) => s.callback.failed,
        TicketState::Unrequested
        | TicketState::PreProcessed(_)
        | TicketState::Sent(_)
        | TicketState::Persisted(_)
        | TicketState::Delivered(_)
        | TicketState::Failed(_)
        | TicketState::Cancelled(_) => 0,
    }
}

/// When the first text of an answer came. The end of the call is recorded at once, its begin is
/// recorded a moment before it: so the time is taken from the end.
fn first_token(answered: &TicketAnswered, begins_ms: u64, ends_ms: u64) -> u64 {
    let timings = answered.timings;
    let streamed_ms = timings.total_ms.saturating_sub(timings.first_token_ms);
    ends_ms.saturating_sub(streamed_ms).max(begins_ms)
}

/// Whether a call of the model that was ended by `event` had brought any text.
const fn text_had_come(event: &TicketEvent) -> bool {
    match event {
        TicketEvent::AttemptFailed(failed) => failed.answer_bytes > 0,
        TicketEvent::TicketCancelled(cancelled) => cancelled.text.is_some(),
        TicketEvent::TicketRequested(_)
        | TicketEvent::TicketPreProcessed(_)
        | TicketEvent::TicketSent(_)
        | TicketEvent::TicketAnswered(_)
        | TicketEvent::CallbackFailed(_)
        | TicketEvent::TicketPersisted(_)
        | TicketEvent::TicketDelivered(_)
        | TicketEvent::TicketFailed(_)
        | TicketEvent::TicketRedriven(_) => false,
    }
}

/// What an event says of whatever went on until it.
fn ending(event: &TicketEvent) -> Ending {
    let (well, note) = match event {
        TicketEvent::TicketRequested(_) | TicketEvent::TicketRedriven(_) => (true, None),
        TicketEvent::TicketPreProcessed(prepared) => (true, prepared.call.map(of_call)),
        TicketEvent::TicketSent(sent) => (true, sent.fallback.as_ref().map(of_fallback)),
        TicketEvent::AttemptFailed(failed) => (false, Some(failed.error.message.clone())),
        TicketEvent::TicketAnswered(answered) => {
            let cut = answered.finish_reason == "length";
            let note = "the answer was cut off at its longest".to_owned();
            (true, cut.then_some(note))
        }
        TicketEvent::CallbackFailed(failed) => (false, Some(failed.error.message.clone())),
        TicketEvent::TicketPersisted(persisted) => (true, persisted.call.map(of_call)),
        TicketEvent::TicketDelivered(delivered) => {
            let by = &delivered.acknowledged_by;
            (true, Some(format!("acknowledged by {by}")))
        }
        TicketEvent::TicketFailed(failed) => (false, Some(failed.failure.message.clone())),
        TicketEvent::TicketCancelled(cancelled) => {
            (false, Some(format!("cancelled by {}", cancelled.by)))
        }
    };
    Ending { well, note }
}

fn of_call(call: CallMade) -> String {
    let CallMade {
        waited_ms,
        took_ms,
        status,
        ..
    } = call;
    match status {
        Some(status) => format!("answered {status} after {took_ms} ms; {waited_ms} ms in line"),
        None => format!("answered after {took_ms} ms; {waited_ms} ms in line"),
    }
}

fn of_fallback(fallback: &Fallback) -> String {
    let from = &fallback.from;
    match fallback.reason {
        FallbackReason::BreakerOpen => format!("in place of {from}, whose breaker was open"),
        FallbackReason::Failed => format!("in place of {from}, which had failed"),
    }
}
