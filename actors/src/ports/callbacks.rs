//! The tenant's own API.

use std::sync::Arc;

use async_trait::async_trait;
use punchcard_events::TicketId;
use punchcard_events::ticket::{
    Answered, CallbackError, Requested, TicketAnswered, TicketPreProcessed, TicketRequested,
};
use serde_json::Value;

/// Calls to the tenant's API before and after the model call.
///
/// A call may be repeated after a crash or a failure; each carries an id that is the same over all
/// repeats of one (ticket, callback), so that the receiver can drop them.
#[async_trait]
pub trait Callbacks: Send + Sync + 'static {
    /// Asks the tenant to prepare the input. It fails when the call does or when the tenant refuses the
    /// ticket; the error's kind says which.
    async fn pre_process(&self, call: PreProcessCall) -> Called<PreProcessReply>;

    /// Asks the tenant to persist the answer. The reply is what it wants delivered in the answer's
    /// place, if anything. When it fails, the answer counts as not persisted.
    async fn post_process(&self, call: PostProcessCall) -> Called<Option<Arc<Value>>>;
}

/// What one call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called<T> {
    /// The HTTP status of the reply, where there was one.
    pub status: Option<u16>,
    /// What the reply means, or why there is none.
    pub outcome: Result<T, CallbackError>,
}

impl<T> From<Result<T, CallbackError>> for Called<T> {
    /// Of a world without statuses.
    fn from(outcome: Result<T, CallbackError>) -> Self {
        let status = None;
        Self { status, outcome }
    }
}

/// A call that prepares a ticket's input.
#[derive(Debug, Clone, PartialEq)]
pub struct PreProcessCall {
    /// The ticket.
    pub ticket: TicketId,
    /// What was asked.
    pub request: Arc<TicketRequested>,
    /// How often a redrive had the ticket prepared anew: each time it is another call, with an id of
    /// its own.
    pub prepared_again: u32,
}

impl PreProcessCall {
    /// The call that a ticket in this state owes, where its terms ask for one.
    pub fn of(ticket: TicketId, state: &Requested) -> Self {
        Self {
            ticket,
            request: Arc::clone(&state.request),
            prepared_again: state.prepared_again,
        }
    }
}

/// What the tenant made of the input.
#[derive(Debug, Clone, PartialEq)]
pub enum PreProcessReply {
    /// It stays as it is.
    Unchanged,
    /// This is used in its place.
    Replaced(Arc<Value>),
}

/// A call that has an answer persisted.
#[derive(Debug, Clone, PartialEq)]
pub struct PostProcessCall {
    /// The ticket.
    pub ticket: TicketId,
    /// What was asked.
    pub request: Arc<TicketRequested>,
    /// What went to the model.
    pub prepared: Arc<TicketPreProcessed>,
    /// The model that answered: the one that was prepared for, or a fallback.
    pub model: String,
    /// What it said.
    pub answered: Arc<TicketAnswered>,
    /// The same as the task's answer format reads it: text, or a JSON document.
    pub answer: Value,
    /// How often a redrive had the ticket prepared anew: each time it is another call, with an id of
    /// its own.
    pub prepared_again: u32,
}

impl PostProcessCall {
    /// The call that a ticket in this state owes, where its terms ask for one.
    pub fn of(ticket: TicketId, state: &Answered) -> Self {
        Self {
            ticket,
            request: Arc::clone(&state.request),
            prepared: Arc::clone(&state.prepared),
            model: state.model().to_owned(),
            answered: Arc::clone(&state.answered),
            answer: state.provisional_answer(),
            prepared_again: state.prepared_again,
        }
    }
}
