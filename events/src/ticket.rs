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

mod apply;
mod codec;
mod command;
mod decide;
mod effect;
mod event;
mod failing;
mod state;
mod summary;

pub use apply::{IllegalTransition, ReplayError, apply, evolve, replay};
pub use command::Command;
pub use decide::{Rejection, decide};
pub use effect::{Effect, next_effect};
pub use event::{
    AnswerFormat, AttemptError, AttemptErrorKind, AttemptFailed, CallbackError, CallbackErrorKind,
    CallbackFailed, CallbackKind, CancelMode, Channel, Deadlines, Failure, Idempotency, Message,
    Parameters, PromptRef, Role, Stage, Terms, TicketAnswered, TicketCancelled, TicketDelivered,
    TicketEvent, TicketFailed, TicketPersisted, TicketPreProcessed, TicketRedriven,
    TicketRequested, TicketSent, Timings, Usage,
};
pub use state::{
    Answered, AttemptStatus, Cancelled, Delivered, Failed, Persisted, PreProcessed, Requested,
    Sent, StateName, TicketState, Tries,
};
pub use summary::TicketSummary;
