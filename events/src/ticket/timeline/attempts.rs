//! The calls of a model.

use serde::Serialize;

use super::elapsed::milliseconds;
use super::step::Outcome;
use crate::ticket::unfold::Happened;
use crate::ticket::{AttemptError, Fallback, TicketEvent, TicketSent, Usage};
use crate::time::Timestamp;

/// One call of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AttemptLine {
    /// Its number, from 1; also the generation of the text it streamed.
    pub attempt: u32,
    /// The model.
    pub model: String,
    /// Why it is not the one that the prompt names; absent where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Fallback>,
    /// When it was recorded that the call is about to be made.
    pub sent_at: Timestamp,
    /// When its outcome was recorded; absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// From the call to its first text, in milliseconds; known of those that answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_token_ms: Option<u64>,
    /// From the call to its end, in milliseconds; absent while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_ms: Option<u64>,
    /// How it went.
    pub outcome: Outcome,
    /// Why it gave no answer. Absent too where it was cut short because the ticket ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<AttemptError>,
    /// When the next attempt might start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// What it used, where the model's server counted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

/// Every attempt, in order.
pub(super) fn of(past: &[Happened]) -> Vec<AttemptLine> {
    let mut attempts: Vec<AttemptLine> = Vec::new();
    for happened in past {
        if let TicketEvent::TicketSent(sent) = &happened.event {
            attempts.push(begun(sent, happened.at));
        } else if let Some(running) = attempts.last_mut()
            && running.outcome == Outcome::Running
        {
            running.hear(happened);
        }
    }
    attempts
}

fn begun(sent: &TicketSent, at: Timestamp) -> AttemptLine {
    AttemptLine {
        attempt: sent.attempt,
        model: sent.model.clone(),
        fallback: sent.fallback.clone(),
        sent_at: at,
        ended_at: None,
        first_token_ms: None,
        total_ms: None,
        outcome: Outcome::Running,
        error: None,
        retry_at: None,
        usage: None,
    }
}

impl AttemptLine {
    /// Takes in what happened while it ran.
    fn hear(&mut self, happened: &Happened) {
        match &happened.event {
            TicketEvent::TicketAnswered(answered) => {
                self.end(Outcome::Done, happened.at);
                self.first_token_ms = Some(answered.timings.first_token_ms);
                self.total_ms = Some(answered.timings.total_ms);
                self.usage = answered.usage;
            }
            TicketEvent::AttemptFailed(failed) => {
                self.end(Outcome::Failed, happened.at);
                self.error = Some(failed.error.clone());
                self.retry_at = failed.retry_at;
                self.usage = failed.usage;
            }
            TicketEvent::TicketFailed(_) | TicketEvent::TicketCancelled(_) => {
                self.end(Outcome::Failed, happened.at);
            }
            TicketEvent::TicketRequested(_)
            | TicketEvent::TicketPreProcessed(_)
            | TicketEvent::TicketSent(_)
            | TicketEvent::CallbackFailed(_)
            | TicketEvent::TicketPersisted(_)
            | TicketEvent::TicketDelivered(_)
            | TicketEvent::TicketRedriven(_) => {}
        }
    }

    fn end(&mut self, outcome: Outcome, at: Timestamp) {
        self.outcome = outcome;
        self.ended_at = Some(at);
        self.total_ms = Some(milliseconds(at.since(self.sent_at)));
    }
}
