//! Folding events into the state.

use std::sync::Arc;

use super::AttemptErrorKind;
use super::models;
use super::state::{
    Answered, AttemptStatus, Cancelled, Delivered, Failed, FallbackTurn, Persisted, PreProcessed,
    Requested, Sent, StateName, TicketState, Tries,
};
use super::{
    AttemptFailed, CallbackFailed, CallbackKind, Deadlines, Fallback, FallbackReason, RedriveFrom,
    TicketEvent, TicketPreProcessed, TicketRedriven, TicketRequested, TicketSent,
};
use crate::recorded::Revision;
use crate::time::Timestamp;

/// An event that cannot happen in the state it met.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{event} cannot happen to a ticket that is {state}", state = self.state.name().as_str())]
pub struct IllegalTransition {
    /// The state, unchanged.
    pub state: TicketState,
    /// The event's type.
    pub event: &'static str,
}

/// A history that no ticket can have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the history breaks at revision {}: {event} cannot happen to a ticket that is {}", .revision.0, .state.as_str())]
pub struct ReplayError {
    /// Where it breaks.
    pub revision: Revision,
    /// The event's type.
    pub event: &'static str,
    /// The state it met.
    pub state: StateName,
}

/// The state after a whole history, the first event at revision 0.
///
/// # Errors
/// At the first event that cannot follow the ones before it.
pub fn replay<'a>(
    history: impl IntoIterator<Item = &'a TicketEvent>,
) -> Result<TicketState, ReplayError> {
    let mut state = TicketState::Unrequested;
    for (revision, event) in (0..).map(Revision).zip(history) {
        state = apply(state, event).map_err(|illegal| ReplayError {
            revision,
            event: illegal.event,
            state: illegal.state.name(),
        })?;
    }
    Ok(state)
}

/// The state after `event`. Total: an event that cannot happen leaves the state as it was.
#[must_use]
pub fn evolve(state: TicketState, event: &TicketEvent) -> TicketState {
    apply(state, event).unwrap_or_else(|illegal| illegal.state)
}

/// The state after `event`.
///
/// # Errors
/// When the event cannot happen in this state; the state comes back unchanged.
pub fn apply(
    state: TicketState,
    event: &TicketEvent,
) -> Result<TicketState, Box<IllegalTransition>> {
    use TicketEvent as E;
    use TicketState as S;
    match (state, event) {
        (S::Unrequested, E::TicketRequested(request)) => Ok(S::Requested(Requested {
            request: Arc::new(request.clone()),
            callback: Tries::default(),
            earlier_attempts: 0,
            prepared_again: 0,
        })),
        (S::Requested(s), E::TicketPreProcessed(prepared)) => {
            Ok(S::PreProcessed(pre_processed(s, prepared)))
        }
        (S::PreProcessed(s), E::TicketSent(sent)) if is_next(&s, sent.attempt) => {
            Ok(S::Sent(first_sent(s, sent)))
        }
        (S::Sent(s), E::TicketSent(sent)) if may_send(&s, sent.attempt) => {
            Ok(S::Sent(attempt_sent(s, sent)))
        }
        (S::Sent(s), E::AttemptFailed(failed)) if runs(&s, failed.attempt) => {
            Ok(S::Sent(attempt_failed(s, failed)))
        }
        (S::Sent(s), E::TicketAnswered(answered)) if runs(&s, answered.attempt) => {
            Ok(S::Answered(Answered {
                request: s.request,
                prepared: s.prepared,
                answered: Arc::new(answered.clone()),
                callback: Tries::default(),
                fallback: s.fallback,
                prepared_again: s.prepared_again,
            }))
        }
        (S::Requested(s), E::CallbackFailed(failed))
            if failed.callback == CallbackKind::PreProcess =>
        {
            let callback = callback_failed(s.callback, failed);
            Ok(S::Requested(Requested { callback, ..s }))
        }
        (S::Answered(s), E::CallbackFailed(failed))
            if failed.callback == CallbackKind::PostProcess =>
        {
            let callback = callback_failed(s.callback, failed);
            Ok(S::Answered(Answered { callback, ..s }))
        }
        (S::Answered(s), E::TicketPersisted(persisted)) => Ok(S::Persisted(Persisted {
            request: s.request,
            prepared: s.prepared,
            answered: s.answered,
            persisted: Arc::new(persisted.clone()),
            fallback: s.fallback,
            prepared_again: s.prepared_again,
        })),
        (S::Persisted(persisted), E::TicketDelivered(delivered)) => Ok(S::Delivered(Delivered {
            persisted,
            delivered: Arc::new(delivered.clone()),
        })),
        (state, E::TicketFailed(failed)) if is_open(&state) => Ok(S::Failed(Failed {
            from: Box::new(state),
            failure: Arc::new(failed.failure.clone()),
        })),
        (state, E::TicketCancelled(cancelled)) if is_open(&state) => Ok(S::Cancelled(Cancelled {
            from: Box::new(state),
            cancelled: Arc::new(cancelled.clone()),
        })),
        (S::Failed(s), E::TicketRedriven(redriven)) => Ok(reopen(*s.from, redriven)),
        // Every other pairing is no transition; naming all of them would hide the ones above.
        (state, event) => Err(Box::new(IllegalTransition {
            state,
            event: event.kind(),
        })),
    }
}

fn is_open(state: &TicketState) -> bool {
    let name = state.name();
    name != StateName::Unrequested && !name.is_terminal()
}

/// Whether attempt `attempt` is in flight.
fn runs(sent: &Sent, attempt: u32) -> bool {
    sent.attempt == attempt && sent.status == AttemptStatus::InFlight
}

/// Whether `attempt` is the first since it was prepared.
fn is_next(prepared: &PreProcessed, attempt: u32) -> bool {
    prepared.earlier_attempts.checked_add(1) == Some(attempt)
}

/// Whether `attempt` is the one that may start next.
fn may_send(sent: &Sent, attempt: u32) -> bool {
    matches!(sent.status, AttemptStatus::Waiting { .. })
        && sent.attempt.checked_add(1) == Some(attempt)
}

fn pre_processed(s: Requested, prepared: &TicketPreProcessed) -> PreProcessed {
    PreProcessed {
        request: s.request,
        prepared: Arc::new(prepared.clone()),
        earlier_attempts: s.earlier_attempts,
        prepared_again: s.prepared_again,
    }
}

fn first_sent(s: PreProcessed, sent: &TicketSent) -> Sent {
    Sent {
        fallback: models::turn(&s.prepared, None, sent),
        request: s.request,
        prepared: s.prepared,
        attempt: sent.attempt,
        failures: 0,
        status: AttemptStatus::InFlight,
        earlier_attempts: s.earlier_attempts,
        prepared_again: s.prepared_again,
    }
}

/// Failures are counted for each model by itself.
fn attempt_sent(s: Sent, sent: &TicketSent) -> Sent {
    let failures = if s.model() == sent.model {
        s.failures
    } else {
        0
    };
    Sent {
        attempt: sent.attempt,
        failures,
        status: AttemptStatus::InFlight,
        fallback: models::turn(&s.prepared, s.fallback.as_ref(), sent),
        ..s
    }
}

fn attempt_failed(sent: Sent, failed: &AttemptFailed) -> Sent {
    let counts = u32::from(failed.error.kind != AttemptErrorKind::Interrupted);
    let (failures, fallback) = match &failed.next_model {
        None => (sent.failures.saturating_add(counts), sent.fallback),
        Some(next) => {
            let why = Fallback {
                from: sent.model().to_owned(),
                reason: FallbackReason::Failed,
            };
            let model = next.clone();
            (0, Some(Arc::new(FallbackTurn { model, why })))
        }
    };
    Sent {
        failures,
        fallback,
        status: AttemptStatus::Waiting {
            retry_at: failed.retry_at.unwrap_or_default(),
            error: Box::new(failed.error.clone()),
        },
        ..sent
    }
}

fn callback_failed(tries: Tries, failed: &CallbackFailed) -> Tries {
    Tries {
        failed: tries.failed.saturating_add(1),
        retry_at: failed.retry_at,
        last_error: Some(Box::new(failed.error.clone())),
    }
}

/// The state a redrive goes back to: the one the ticket failed in, or the first, with fresh tries and
/// deadlines. The models are asked from the first again. Attempt numbers go on, since each is the generation
/// of a text that somebody may hold.
fn reopen(from: TicketState, redriven: &TicketRedriven) -> TicketState {
    let renew = |request: &Arc<TicketRequested>| renewed(request, &redriven.deadlines);
    if let (Some(RedriveFrom::Requested), Some(request)) = (redriven.from, from.request()) {
        return TicketState::Requested(Requested {
            request: renew(request),
            callback: Tries::default(),
            earlier_attempts: from.attempts_made(),
            prepared_again: from.prepared_again().saturating_add(1),
        });
    }
    match from {
        TicketState::Requested(s) => TicketState::Requested(Requested {
            request: renew(&s.request),
            callback: Tries::default(),
            ..s
        }),
        TicketState::PreProcessed(s) => TicketState::PreProcessed(PreProcessed {
            request: renew(&s.request),
            ..s
        }),
        TicketState::Sent(s) => TicketState::Sent(Sent {
            request: renew(&s.request),
            failures: 0,
            status: waiting(s.status),
            fallback: None,
            earlier_attempts: s.attempt,
            ..s
        }),
        TicketState::Answered(s) => TicketState::Answered(Answered {
            request: renew(&s.request),
            callback: Tries::default(),
            ..s
        }),
        TicketState::Persisted(s) => TicketState::Persisted(Persisted {
            request: renew(&s.request),
            ..s
        }),
        // A ticket cannot have failed in these; they stay what they are.
        state @ (TicketState::Unrequested
        | TicketState::Delivered(_)
        | TicketState::Failed(_)
        | TicketState::Cancelled(_)) => state,
    }
}

/// The status from which the next attempt may start at once.
fn waiting(status: AttemptStatus) -> AttemptStatus {
    let retry_at = Timestamp::default();
    let error = match status {
        AttemptStatus::Waiting { error, .. } => error,
        AttemptStatus::InFlight => Box::new(super::AttemptError {
            kind: AttemptErrorKind::Interrupted,
            message: "the ticket failed while this attempt was running".to_owned(),
            retry_after_ms: None,
        }),
    };
    AttemptStatus::Waiting { retry_at, error }
}

fn renewed(request: &Arc<TicketRequested>, deadlines: &Deadlines) -> Arc<TicketRequested> {
    let mut request = TicketRequested::clone(request);
    request.terms.deadlines = deadlines.clone();
    // Whoever redrives a ticket wants it done now, and its deadlines count from now.
    request.not_before = None;
    Arc::new(request)
}
