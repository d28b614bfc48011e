//! What follows a failed attempt or callback: another try within the ticket's terms, or its end.
//!
//! A failed attempt is followed, in this order, by
//!
//! 1. an attempt at the same model after a backoff, where the error is transient
//!    ([`AttemptErrorKind::is_transient`]) and the model has tries left: `model_retry` counts for
//!    each model by itself;
//! 2. an attempt at the next fallback at once, where there is one and another model may answer
//!    ([`AttemptErrorKind::may_fall_back`]);
//! 3. the end of the ticket.
//!
//! An interrupted attempt is repeated at once and counts for nothing. Whatever would come at or
//! after the deadline is left out: a model that asks us to wait past it is left for the next.

use std::time::Duration;

use super::decide::{Rejection, misfit};
use super::models;
use super::state::{Sent, TicketState};
use super::{
    AttemptError, AttemptErrorKind, AttemptFailed, CallMade, CallbackError, CallbackErrorKind,
    CallbackFailed, CallbackKind, Failure, Spent, Stage, TicketEvent, TicketFailed,
};
use crate::retry::Jitter;
use crate::time::Timestamp;

/// Interrupted attempts do not count against the retry limit, but past this many attempts since
/// the last redrive an interruption ends the ticket: it may be what interrupts us.
const MAX_ATTEMPTS: u32 = 1_000;

/// The running attempt failed: try again, or fail the ticket.
pub(super) fn attempt_failure(
    sent: &Sent,
    error: AttemptError,
    spent: Spent,
    now: Timestamp,
    jitter: Jitter,
) -> Vec<TicketEvent> {
    let kind = error.kind;
    let (next, next_model) = next_attempt(sent, &error, now, jitter);
    let message = format!("attempt {}: {}", sent.attempt, error.message);
    let mut events = vec![TicketEvent::AttemptFailed(AttemptFailed {
        attempt: sent.attempt,
        error,
        retry_at: next.ok(),
        next_model,
        usage: spent.usage,
        answer_bytes: spent.answer_bytes,
    })];
    events.extend(end(next, Stage::Model, attempt_code(kind), message));
    events
}

/// When the next attempt comes, and the fallback it goes to, if it goes to one.
fn next_attempt(
    sent: &Sent,
    error: &AttemptError,
    now: Timestamp,
    jitter: Jitter,
) -> (Result<Timestamp, NoTry>, Option<String>) {
    let terms = &sent.request.terms;
    let deadline = terms.deadlines.answer_by;
    let delay = match error.kind {
        AttemptErrorKind::Interrupted => {
            let attempts = sent.attempt.saturating_sub(sent.earlier_attempts);
            (attempts < MAX_ATTEMPTS).then_some(Duration::ZERO)
        }
        kind if kind.is_transient() => terms
            .model_retry
            .delay(sent.failures.saturating_add(1), jitter)
            .map(|backoff| at_least(backoff, error.retry_after_ms)),
        _ => None,
    };
    let again = next_try(delay, now, deadline);
    let fallback = match again {
        Err(_) if error.kind.may_fall_back() => models::next_fallback(sent),
        Ok(_) | Err(_) => None,
    };
    match fallback {
        None => (again, None),
        Some(model) => {
            let at_once = next_try(Some(Duration::ZERO), now, deadline);
            let model = at_once.is_ok().then(|| model.to_owned());
            (at_once, model)
        }
    }
}

/// A call to the tenant's API that failed.
pub(super) struct FailedCall {
    pub(super) callback: CallbackKind,
    pub(super) try_number: u32,
    pub(super) error: CallbackError,
    pub(super) call: Option<CallMade>,
}

/// A callback failed: try again, or fail the ticket. A try that was recorded already counts once.
pub(super) fn callback_failure(
    state: &TicketState,
    failed: FailedCall,
    now: Timestamp,
    jitter: Jitter,
) -> Result<Vec<TicketEvent>, Rejection> {
    let FailedCall {
        callback,
        try_number,
        error,
        call,
    } = failed;
    let (terms, tries) = match (state, callback) {
        (TicketState::Requested(s), CallbackKind::PreProcess) => (&s.request.terms, &s.callback),
        (TicketState::Answered(s), CallbackKind::PostProcess) => (&s.request.terms, &s.callback),
        (other, _) => return Err(misfit("RecordCallbackFailure", other)),
    };
    let (stage, deadline) = match callback {
        CallbackKind::PreProcess => (Stage::PreProcess, terms.deadlines.answer_by),
        CallbackKind::PostProcess => (Stage::Persist, terms.deadlines.persist_by),
    };
    if try_number == tries.failed && tries.last_error.as_deref() == Some(&error) {
        return Ok(vec![]);
    }
    let due = tries.failed.saturating_add(1);
    if try_number != due {
        let given = try_number;
        return Err(Rejection::WrongTry { given, due });
    }
    let kind = error.kind;
    let delay = if kind.is_transient() {
        let backoff = terms.callback_retry.delay(try_number, jitter);
        backoff.map(|backoff| at_least(backoff, error.retry_after_ms))
    } else {
        None
    };
    let next = next_try(delay, now, deadline);
    let message = error.message.clone();
    let mut events = vec![TicketEvent::CallbackFailed(CallbackFailed {
        callback,
        try_number,
        error,
        retry_at: next.ok(),
        call,
    })];
    events.extend(end(next, stage, callback_code(kind), message));
    Ok(events)
}

/// Why there is no next try.
#[derive(Clone, Copy)]
enum NoTry {
    /// The error or the retry policy allows none.
    NotAllowed,
    /// It would come at or after the deadline.
    TooLate,
}

fn next_try(
    delay: Option<Duration>,
    now: Timestamp,
    deadline: Timestamp,
) -> Result<Timestamp, NoTry> {
    let at = now.plus(delay.ok_or(NoTry::NotAllowed)?);
    if at < deadline {
        Ok(at)
    } else {
        Err(NoTry::TooLate)
    }
}

/// The ticket's failure, where there is no next try.
fn end(
    next: Result<Timestamp, NoTry>,
    stage: Stage,
    code: &'static str,
    message: String,
) -> Option<TicketEvent> {
    let code = match next {
        Ok(_) => return None,
        Err(NoTry::TooLate) => "no_time_for_retry",
        Err(NoTry::NotAllowed) => code,
    };
    Some(failed(stage, code, message))
}

/// The event that ends a ticket as failed.
pub(super) fn failed(stage: Stage, code: &str, message: String) -> TicketEvent {
    TicketEvent::TicketFailed(TicketFailed {
        failure: Failure {
            stage,
            code: code.to_owned(),
            message,
        },
    })
}

fn at_least(backoff: Duration, asked_ms: Option<u64>) -> Duration {
    backoff.max(Duration::from_millis(asked_ms.unwrap_or(0)))
}

/// The failure code when an attempt error of this kind is the last.
const fn attempt_code(kind: AttemptErrorKind) -> &'static str {
    match kind {
        AttemptErrorKind::TooLarge => "answer_too_large",
        AttemptErrorKind::QuotaExceeded => "model_quota_exceeded",
        AttemptErrorKind::Unauthorized => "model_unauthorized",
        AttemptErrorKind::InvalidRequest => "model_refused_request",
        AttemptErrorKind::ContentFiltered => "content_filtered",
        AttemptErrorKind::Connection
        | AttemptErrorKind::Timeout
        | AttemptErrorKind::RateLimited
        | AttemptErrorKind::Server
        | AttemptErrorKind::Incomplete
        | AttemptErrorKind::SchemaViolation
        | AttemptErrorKind::Interrupted
        | AttemptErrorKind::Protocol => "attempts_exhausted",
    }
}

/// The failure code when a callback error of this kind is the last.
const fn callback_code(kind: CallbackErrorKind) -> &'static str {
    match kind {
        CallbackErrorKind::Refused => "refused_by_callback",
        CallbackErrorKind::Gone => "callback_gone",
        CallbackErrorKind::Forbidden => "callback_address_forbidden",
        CallbackErrorKind::Connection
        | CallbackErrorKind::Timeout
        | CallbackErrorKind::Status
        | CallbackErrorKind::Body
        | CallbackErrorKind::TooLarge => "callback_exhausted",
    }
}
