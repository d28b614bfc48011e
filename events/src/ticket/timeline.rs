//! Why a ticket is what it is, and where its time went: told from its recorded events alone.
//!
//! [`explain`] walks the states that [`unfold`](super::unfold) gives. What a state owes
//! ([`next_effect`](super::next_effect)) is what was going on until the next event, so the story of a
//! past ticket and the work on a present one cannot disagree. Steps follow one another: each begins
//! where the one before it ended, but for the pause between a failure and its redrive.
//!
//! Times are milliseconds since the ticket was issued. Recorded times may go back (another machine's
//! clock); here they stand still until time has caught up, so that no step ends before it begins.
//!
//! Not here: texts of messages and answers, which are in the states; prices; what is going on inside a
//! call that has not ended, of which nothing is recorded.

mod attempts;
mod callbacks;
mod chain;
mod elapsed;
mod going_on;
mod step;

use std::sync::Arc;

pub use attempts::AttemptLine;
pub use callbacks::CallbackLine;
pub use chain::{Chain, Redrive};
pub use elapsed::Elapsed;
pub use step::{Outcome, Share, Step, StepName};

use going_on::GoingOn;

use super::unfold::Happened;
use super::{Failure, StateName, TicketState};
use crate::time::Timestamp;

/// What happened to a ticket, and how long all of it took.
#[derive(Debug, Clone, PartialEq)]
pub struct Timeline {
    /// What it is after the last event.
    pub state: StateName,
    /// When it was issued: all milliseconds count from here.
    pub requested_at: Timestamp,
    /// When it ended, where it has.
    pub ended_at: Option<Timestamp>,
    /// How long it took, or has taken so far.
    pub total_ms: u64,
    /// The time of asking.
    pub now_ms: u64,
    /// What was going on, one thing after the other.
    pub steps: Vec<Step>,
    /// The same added up by kind of step, the longest first.
    pub spent: Vec<Share>,
    /// Every call of a model.
    pub attempts: Vec<AttemptLine>,
    /// Every try of a call to the tenant's API whose outcome is known.
    pub callbacks: Vec<CallbackLine>,
    /// Where it came from, and what it belongs to.
    pub chain: Chain,
    /// Why it failed, where it has.
    pub failure: Option<Arc<Failure>>,
}

/// The timeline of a ticket with this past, as seen at `now`; `None` without a past.
pub fn explain(past: &[Happened], now: Timestamp) -> Option<Timeline> {
    let last = past.last()?;
    let requested_at = past.first()?.state.request()?.requested_at;
    let elapsed = Elapsed::of(past, requested_at);
    let (last_ms, now_ms) = (elapsed.last(), elapsed.until(now));
    let ended = last.state.name().is_terminal();
    let total_ms = if ended { last_ms } else { now_ms };
    let steps = steps(past, &elapsed, now_ms);
    Some(Timeline {
        state: last.state.name(),
        requested_at,
        ended_at: ended.then_some(last.at),
        total_ms,
        now_ms,
        spent: step::shares(&steps, total_ms),
        steps,
        attempts: attempts::of(past),
        callbacks: callbacks::of(past),
        chain: chain::of(past),
        failure: match &last.state {
            TicketState::Failed(failed) => Some(Arc::clone(&failed.failure)),
            TicketState::Unrequested
            | TicketState::Requested(_)
            | TicketState::PreProcessed(_)
            | TicketState::Sent(_)
            | TicketState::Answered(_)
            | TicketState::Persisted(_)
            | TicketState::Delivered(_)
            | TicketState::Cancelled(_) => None,
        },
    })
}

impl Timeline {
    /// Takes in what no event tells: text of attempt `attempt` has come, and more is to come.
    pub fn text_comes(&mut self, attempt: u32) {
        let last = self.steps.last_mut();
        let running = last.filter(|step| step.attempt == Some(attempt) && step.ends_ms.is_none());
        if let Some(step) = running.filter(|step| step.step == StepName::FirstToken) {
            step.step = StepName::Streaming;
        }
    }
}

/// What was going on between each event and the next, and since the last.
fn steps(past: &[Happened], elapsed: &Elapsed, now_ms: u64) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut going_on: Option<GoingOn> = None;
    for (happened, at_ms) in past.iter().zip(elapsed.each()) {
        if let Some(going_on) = going_on.take() {
            going_on.end(&happened.event, at_ms, &mut steps);
        }
        going_on = GoingOn::after(happened, at_ms, elapsed);
    }
    if let Some(going_on) = going_on {
        going_on.go_on(now_ms, &mut steps);
    }
    steps
}
