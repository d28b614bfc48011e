//! What a watcher is told, as it stands on the wire (WebSocket and SSE alike).

use std::sync::Arc;

use punchcard_events::ticket::{CancelMode, Failure, StateName};
use punchcard_events::{TicketId, Timestamp};
use serde::Serialize;
use serde_json::Value;

/// One thing to tell a watcher about one ticket.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Frame {
    /// The ticket changed its state. States may be skipped: this is the newest one.
    State {
        /// The ticket.
        ticket: TicketId,
        /// Its state.
        state: StateName,
        /// The newest attempt's number; 0 before the first.
        attempt: u32,
        /// When the next try may start, while one is waited for.
        #[serde(skip_serializing_if = "Option::is_none")]
        retry_at: Option<Timestamp>,
    },
    /// A new attempt streams its text from the start: what was shown of an earlier one is void.
    Generation {
        /// The ticket.
        ticket: TicketId,
        /// The new attempt's number.
        generation: u32,
    },
    /// More provisional text.
    Text {
        /// The ticket.
        ticket: TicketId,
        /// The attempt it belongs to.
        generation: u32,
        /// Where it starts, in UTF-16 code units.
        offset: u64,
        /// The text.
        text: String,
    },
    /// The final answer, persisted. To be acknowledged.
    Answer {
        /// The ticket.
        ticket: TicketId,
        /// The attempt that gave it.
        generation: u32,
        /// Text, or a JSON document.
        answer: Arc<Value>,
    },
    /// The ticket failed.
    Failed {
        /// The ticket.
        ticket: TicketId,
        /// Where and why.
        #[serde(flatten)]
        failure: Arc<Failure>,
    },
    /// The ticket was cancelled.
    Cancelled {
        /// The ticket.
        ticket: TicketId,
        /// How.
        mode: CancelMode,
        /// The text kept by `stop`.
        #[serde(skip_serializing_if = "Option::is_none")]
        text: Option<Arc<str>>,
    },
    /// Text the watcher holds, or asked to go on from, cannot be continued.
    Lost {
        /// The ticket.
        ticket: TicketId,
        /// The attempt the watcher held text of.
        generation: u32,
        /// What happened to it.
        reason: Lost,
    },
}

/// Why text is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Lost {
    /// The attempt failed or was interrupted; a later generation or the outcome will follow.
    AttemptEnded,
    /// The cursor points where that text never was; it is sent again from the start.
    BadCursor,
    /// The watcher may not see such a ticket, or there is none.
    UnknownTicket,
}
