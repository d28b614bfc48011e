//! The ticket aggregate: what can be asked of a ticket, what can happen to it, what it is now.
//!
//! ```text
//! requested -> pre_processed -> sent -> answered -> persisted -> delivered
//!      \____________\___________\_________\___________\________-> failed | cancelled
//! ```
//!
//! [`decide`] turns a command into events, [`evolve`] folds an event into the state, and
//! [`next_effect`] says what the state owes the world. After a crash the same three functions
//! carry on from the last event, so recovery is not a second code path.
//!
//! A ticket without callbacks, from its request to its delivery:
//!
//! ```
//! use std::sync::Arc;
//!
//! use punchcard_events::ticket::*;
//! # use serde_json::{from_value, json};
//! # let request: TicketRequested = from_value(json!({
//! #     "tenant": "onehour", "task": "explain", "input": { "word": "ticket" },
//! #     "requested_at": "2026-11-23T10:44:30.000Z",
//! #     "terms": {
//! #         "pre_process": false, "post_process": false, "answer_format": "text",
//! #         "model_retry": { "max_tries": 3, "initial_delay_ms": 500, "max_delay_ms": 9000 },
//! #         "callback_retry": { "max_tries": 3, "initial_delay_ms": 500, "max_delay_ms": 9000 },
//! #         "deadlines": {
//! #             "answer_by": "2026-11-23T10:45:30.000Z",
//! #             "persist_by": "2026-11-23T11:45:30.000Z",
//! #             "deliver_by": "2026-11-24T10:45:30.000Z",
//! #         },
//! #     },
//! # }))?;
//! # let prepared: TicketPreProcessed = from_value(json!({
//! #     "prompt": { "version": 1, "hash": "" }, "model": "m", "parameters": {},
//! #     "messages": [{ "role": "user", "content": "What is a ticket?" }],
//! # }))?;
//! # let answer: TicketAnswered = from_value(json!({
//! #     "attempt": 1, "content": "A request with a life.", "finish_reason": "stop",
//! #     "timings": { "first_token_ms": 1, "total_ms": 2 },
//! # }))?;
//! let mut history = decide(&TicketState::Unrequested, Command::Request(request))?;
//! let mut ticket = replay(&history)?;
//! while let Some(owed) = next_effect(&ticket) {
//!     // Whoever runs the ticket does what is owed, and records how it went.
//!     let command = match owed {
//!         Effect::PreProcess { .. } => Command::RecordPreProcessed(prepared.clone()),
//!         Effect::Send { attempt, model, .. } => Command::Send { attempt, model },
//!         Effect::CallModel { .. } => Command::RecordAnswer(answer.clone()),
//!         Effect::PostProcess { .. } => Command::RecordPersisted { answer: None, call: None },
//!         Effect::Deliver => Command::Acknowledge {
//!             channel: Channel::Session,
//!             by: "session-1".to_owned(),
//!         },
//!     };
//!     // The events are stored here, before they change anything.
//!     for event in decide(&ticket, command)? {
//!         ticket = evolve(ticket, &event);
//!         history.push(event);
//!     }
//! }
//! assert_eq!(ticket.name(), StateName::Delivered);
//! assert_eq!(ticket.final_answer(), Some(Arc::new("A request with a life.".into())));
//! assert_eq!(replay(&history)?, ticket);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod apply;
mod attempt;
mod callback;
mod codec;
mod command;
mod decide;
mod effect;
mod event;
mod failing;
mod fork;
mod models;
mod request;
mod state;
mod summary;
pub mod timeline;
mod unfold;

pub use apply::{IllegalTransition, ReplayError, apply, evolve, replay};
pub use attempt::{
    AttemptError, AttemptErrorKind, AttemptFailed, Fallback, FallbackReason, Spent, TicketSent,
};
pub use callback::{
    Blame, CallMade, CallbackError, CallbackErrorKind, CallbackFailed, CallbackKind,
};
pub use command::Command;
pub use decide::{Rejection, decide};
pub use effect::{Effect, next_effect};
pub use event::{
    CancelMode, Channel, Failure, Message, Parameters, PromptRef, RedriveFrom, Role, Stage,
    TicketAnswered, TicketCancelled, TicketDelivered, TicketEvent, TicketFailed, TicketPersisted,
    TicketPreProcessed, TicketRedriven, Timings, Usage,
};
pub use fork::{Fork, ForkFrom, ShadowCase};
pub use request::{
    AnswerFormat, BatchLine, Conversation, Deadlines, Idempotency, Priority, Terms, TicketRequested,
};
pub use state::{
    Answered, AttemptStatus, Cancelled, Delivered, Failed, FallbackTurn, Persisted, PreProcessed,
    Requested, Sent, StateName, TicketState, Tries,
};
pub use summary::TicketSummary;
pub use unfold::{Happened, unfold};
