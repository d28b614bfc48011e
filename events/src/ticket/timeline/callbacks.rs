//! The calls to the tenant's API.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use super::step::Outcome;
use crate::ticket::unfold::Happened;
use crate::ticket::{CallMade, CallbackError, CallbackKind, TicketEvent, TicketState, Tries};
use crate::time::Timestamp;

/// One try of a call to the tenant's API, whose outcome is known.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CallbackLine {
    /// Which call.
    pub callback: CallbackKind,
    /// Which try of it, from 1; after a redrive they count from 1 again.
    #[serde(rename = "try")]
    pub try_number: u32,
    /// When the call was made; of one that was not measured, when its outcome was recorded.
    pub at: Timestamp,
    /// How it went.
    pub outcome: Outcome,
    /// The HTTP status of the reply, where there was one and it was recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How long the ticket waited for its turn to call, in milliseconds, where that was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waited_ms: Option<u64>,
    /// How long the call took, in milliseconds, where that was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took_ms: Option<u64>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<CallbackError>,
    /// When the next try might start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_at: Option<Timestamp>,
    /// The ticket as it was called for: what was sent is a function of this.
    #[serde(skip)]
    pub called_for: TicketState,
    /// What the reply put in the place of the input or the answer, where it did.
    #[serde(skip)]
    pub replaced: Option<Arc<Value>>,
}

/// Every try, in order.
pub(super) fn of(past: &[Happened]) -> Vec<CallbackLine> {
    let before = past.iter().map(|happened| &happened.state);
    let pairs = before.zip(past.iter().skip(1));
    pairs
        .filter_map(|(before, next)| line(before, next))
        .collect()
}

/// The try that `next` tells the outcome of, made for the ticket as it was `before`.
fn line(before: &TicketState, next: &Happened) -> Option<CallbackLine> {
    let terms = &before.request()?.terms;
    match (&next.event, before) {
        (TicketEvent::TicketPreProcessed(prepared), TicketState::Requested(requested)) => {
            let asked = terms.pre_process || prepared.call.is_some();
            let done = done(CallbackKind::PreProcess, &requested.callback, prepared.call);
            let line = done.told(before, next.at, prepared.call);
            let replaced = prepared.input.clone();
            asked.then_some(CallbackLine { replaced, ..line })
        }
        (TicketEvent::TicketPersisted(persisted), TicketState::Answered(answered)) => {
            let asked = terms.post_process || persisted.call.is_some();
            let done = done(
                CallbackKind::PostProcess,
                &answered.callback,
                persisted.call,
            );
            let line = done.told(before, next.at, persisted.call);
            let replaced = persisted.answer.clone();
            asked.then_some(CallbackLine { replaced, ..line })
        }
        (TicketEvent::CallbackFailed(failed), _) => {
            let tried = Tried {
                callback: failed.callback,
                number: failed.try_number,
                outcome: Outcome::Failed,
            };
            Some(CallbackLine {
                error: Some(failed.error.clone()),
                retry_at: failed.retry_at,
                ..tried.told(before, next.at, failed.call)
            })
        }
        // Nothing else tells of a call.
        (_, _) => None,
    }
}

/// A try, and how it went.
struct Tried {
    callback: CallbackKind,
    number: u32,
    outcome: Outcome,
}

/// The try that did it: as it was counted when it was made, or else the one after those that failed.
fn done(callback: CallbackKind, tries: &Tries, call: Option<CallMade>) -> Tried {
    let next = tries.failed.saturating_add(1);
    Tried {
        callback,
        number: call.map_or(next, |call| call.try_number),
        outcome: Outcome::Done,
    }
}

impl Tried {
    fn told(self, before: &TicketState, at: Timestamp, call: Option<CallMade>) -> CallbackLine {
        let took_ms = call.map_or(0, |call| call.took_ms);
        CallbackLine {
            callback: self.callback,
            try_number: self.number,
            at: Timestamp::from_millis(at.as_millis().saturating_sub(took_ms)),
            outcome: self.outcome,
            status: call.and_then(|call| call.status),
            waited_ms: call.map(|call| call.waited_ms),
            took_ms: call.map(|call| call.took_ms),
            error: None,
            retry_at: None,
            called_for: before.clone(),
            replaced: None,
        }
    }
}
