//! What can be asked of a ticket. Whatever a decision needs (time, jitter, ids) is in the command.

use std::sync::Arc;

use serde_json::Value;
use uuid::Uuid;

use super::{
    AttemptError, CallMade, CallbackError, CallbackKind, CancelMode, Channel, Deadlines, Failure,
    RedriveFrom, Spent, TicketAnswered, TicketPreProcessed, TicketRequested,
};
use crate::retry::Jitter;
use crate::time::Timestamp;

/// One thing asked of a ticket.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Issue it.
    Request(TicketRequested),
    /// The request is ready for the model.
    RecordPreProcessed(TicketPreProcessed),
    /// An attempt may start: a permit is held.
    Send {
        /// The attempt's number; one more than the last.
        attempt: u32,
        /// The model that will be called: the one whose turn it is, or, where that one's breaker
        /// is open, a fallback after it.
        model: String,
    },
    /// The model gave a complete answer that fits the task.
    RecordAnswer(TicketAnswered),
    /// An attempt failed; retry it or fail the ticket, as its terms say.
    RecordAttemptFailure {
        /// Which attempt.
        attempt: u32,
        /// Why.
        error: AttemptError,
        /// What it used, as far as that is known.
        spent: Spent,
        /// The time now.
        now: Timestamp,
        /// Spreads the retry.
        jitter: Jitter,
    },
    /// A callback failed; retry it or fail the ticket, as its terms say.
    RecordCallbackFailure {
        /// Which call.
        callback: CallbackKind,
        /// Which try of it, from 1: one more than have failed.
        try_number: u32,
        /// Why.
        error: CallbackError,
        /// How the call went, where one was made.
        call: Option<CallMade>,
        /// The time now.
        now: Timestamp,
        /// Spreads the retry.
        jitter: Jitter,
    },
    /// The answer is safe with the tenant.
    RecordPersisted {
        /// What the tenant's API put in the answer's place.
        answer: Option<Arc<Value>>,
        /// How the call went, where one was made.
        call: Option<CallMade>,
    },
    /// The answer reached who it is for.
    Acknowledge {
        /// By which way.
        channel: Channel,
        /// Who says so.
        by: String,
    },
    /// End it by request.
    Cancel {
        /// Whether the text so far is kept.
        mode: CancelMode,
        /// Who asks.
        by: String,
        /// The text streamed so far, where some was.
        text: Option<Arc<str>>,
    },
    /// End it if its deadline has passed.
    Expire {
        /// The time now.
        now: Timestamp,
    },
    /// The actor begins, fresh or after a crash: an attempt that was in flight is lost.
    Resume {
        /// The time now.
        now: Timestamp,
    },
    /// End it for a reason found outside the state machine (a prompt that cannot be rendered, a
    /// ticket that keeps crashing its actor). The failure is recorded with the stage the ticket is
    /// in, whatever stage is given.
    Fail(Failure),
    /// Open a failed ticket again.
    Redrive {
        /// Who asks.
        by: String,
        /// The new deadlines: in order, and all of them after `now`.
        deadlines: Deadlines,
        /// The redrive of many that it is a part of.
        redrive: Option<Uuid>,
        /// The step that it goes on from; `None`: the one that it failed in.
        from: Option<RedriveFrom>,
        /// The time now.
        now: Timestamp,
    },
}
