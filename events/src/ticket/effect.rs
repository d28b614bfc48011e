//! What a state owes the world.

use super::state::{AttemptStatus, TicketState};
use crate::time::Timestamp;

/// One thing that must be done next. At most one is owed at a time.
///
/// Effects are at-least-once: after a crash the same effect is owed again. Each has a key that
/// stays the same over its repeats ([`Effect::key`]), so a receiver can drop them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Prepare the request: call the tenant's API if `callback`, then render the prompt. A scheduled
    /// ticket owes it from its own time on, and nothing before.
    PreProcess {
        /// Whether the tenant's API is called.
        callback: bool,
        /// Not before this time.
        not_before: Option<Timestamp>,
    },
    /// Get a permit, record the attempt, and only then call the model.
    Send {
        /// The attempt to record.
        attempt: u32,
        /// The model whose turn it is; see [`TicketState::models_in_turn`] for those after it.
        model: String,
        /// Not before this time.
        not_before: Option<Timestamp>,
    },
    /// Call the model for an attempt that is recorded.
    CallModel {
        /// Which attempt.
        attempt: u32,
    },
    /// Have the answer persisted: call the tenant's API if `callback`.
    PostProcess {
        /// Whether the tenant's API is called.
        callback: bool,
        /// Not before this time.
        not_before: Option<Timestamp>,
    },
    /// Offer the answer to the user's sessions, or wait for the issuer to fetch it.
    Deliver,
}

impl Effect {
    /// The part of the effect's key that tells it from the ticket's other effects. With the
    /// ticket's id it makes the stable key a receiver sees over all repeats.
    pub const fn key(&self) -> &'static str {
        match self {
            Self::PreProcess { .. } => "pre_process",
            Self::Send { .. } | Self::CallModel { .. } => "model",
            Self::PostProcess { .. } => "post_process",
            Self::Deliver => "deliver",
        }
    }
}

/// What `state` owes; `None` once it owes nothing. A fork calls nobody's API, whatever its terms say.
///
/// After a crash an attempt in flight is first closed by
/// [`Command::Resume`](super::Command::Resume), so [`Effect::CallModel`] is only ever owed by the
/// process that recorded the attempt.
pub fn next_effect(state: &TicketState) -> Option<Effect> {
    match state {
        TicketState::Requested(s) => Some(Effect::PreProcess {
            callback: s.request.terms.pre_process && s.request.fork.is_none(),
            // The later of the two; a time that was not set is earlier than any.
            not_before: s.callback.retry_at.max(s.request.not_before),
        }),
        TicketState::PreProcessed(s) => Some(Effect::Send {
            attempt: s.next_attempt(),
            model: s.prepared.model.clone(),
            not_before: None,
        }),
        TicketState::Sent(s) => Some(match &s.status {
            AttemptStatus::InFlight => Effect::CallModel { attempt: s.attempt },
            AttemptStatus::Waiting { retry_at, .. } => Effect::Send {
                attempt: s.attempt.saturating_add(1),
                model: s.model().to_owned(),
                not_before: Some(*retry_at),
            },
        }),
        TicketState::Answered(s) => Some(Effect::PostProcess {
            callback: s.request.terms.post_process && s.request.fork.is_none(),
            not_before: s.callback.retry_at,
        }),
        TicketState::Persisted(_) => Some(Effect::Deliver),
        TicketState::Unrequested
        | TicketState::Delivered(_)
        | TicketState::Failed(_)
        | TicketState::Cancelled(_) => None,
    }
}
