//! Turning a command into events. Synchronous, without I/O, and the only place that says yes or no.

use std::sync::Arc;
use std::time::Duration;

use super::command::Command;
use super::event::{
    AttemptError, AttemptErrorKind, AttemptFailed, CallbackError, CallbackErrorKind,
    CallbackFailed, CallbackKind, CancelMode, Channel, Deadlines, Failure, Stage, TicketCancelled,
    TicketDelivered, TicketEvent, TicketFailed, TicketPersisted, TicketRedriven, TicketRequested,
    TicketSent,
};
use super::state::{AttemptStatus, Sent, StateName, TicketState, Tries};
use crate::retry::Jitter;
use crate::time::Timestamp;

/// Why a command was refused. Each is a fact about the ticket.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such ticket yet.
    #[error("the ticket has not been requested")]
    NotRequested,
    /// A ticket with this id exists, and it asked for something else.
    #[error("the ticket was already requested with other content")]
    AlreadyRequested,
    /// The ticket has ended.
    #[error("the ticket has already ended: it is {}", .0.as_str())]
    AlreadyEnded(StateName),
    /// The command belongs to another state.
    #[error("{command} does not fit a ticket that is {}", .state.as_str())]
    WrongState {
        /// What was asked.
        command: &'static str,
        /// The state it met.
        state: StateName,
    },
    /// The command is about an attempt that is not the running one.
    #[error("attempt {given} is not the one that is due; that is {due}")]
    WrongAttempt {
        /// The attempt named.
        given: u32,
        /// The attempt that would fit.
        due: u32,
    },
    /// Only failed tickets are redriven.
    #[error("only a failed ticket can be redriven; this one is {}", .0.as_str())]
    NotFailed(StateName),
}

/// Failures of attempts by interruption are free, up to this many attempts in all.
const MAX_ATTEMPTS: u32 = 1_000;

/// The events that `command` causes. An empty list means that it is already true.
///
/// # Errors
/// When the command does not fit the ticket as it is.
pub fn decide(state: &TicketState, command: Command) -> Result<Vec<TicketEvent>, Rejection> {
    match command {
        Command::Request(request) => request_ticket(state, request),
        Command::RecordPreProcessed(prepared) => match state {
            TicketState::Requested(_) => Ok(vec![TicketEvent::TicketPreProcessed(prepared)]),
            other => Err(misfit("RecordPreProcessed", other)),
        },
        Command::Send { attempt } => send(state, attempt),
        Command::RecordAnswer(answer) => {
            running(state, answer.attempt, "RecordAnswer")?;
            Ok(vec![TicketEvent::TicketAnswered(answer)])
        }
        Command::RecordAttemptFailure {
            attempt,
            error,
            now,
            jitter,
        } => {
            let sent = running(state, attempt, "RecordAttemptFailure")?;
            Ok(attempt_failure(sent, error, now, jitter))
        }
        Command::RecordCallbackFailure {
            callback,
            error,
            now,
            jitter,
        } => callback_failure(state, callback, error, now, jitter),
        Command::RecordPersisted { answer } => match state {
            TicketState::Answered(_) => Ok(vec![TicketEvent::TicketPersisted(TicketPersisted {
                answer,
            })]),
            TicketState::Persisted(_) => Ok(vec![]),
            other => Err(misfit("RecordPersisted", other)),
        },
        Command::Acknowledge { channel, by } => acknowledge(state, channel, by),
        Command::Cancel { mode, by, text } => cancel(state, mode, by, text),
        Command::Expire { now } => Ok(expire(state, now)),
        Command::Resume { now } => Ok(resume(state, now)),
        Command::Fail(failure) => {
            open(state)?;
            Ok(vec![TicketEvent::TicketFailed(TicketFailed { failure })])
        }
        Command::Redrive { by, deadlines } => redrive(state, by, deadlines),
    }
}

fn request_ticket(
    state: &TicketState,
    request: TicketRequested,
) -> Result<Vec<TicketEvent>, Rejection> {
    match state.request() {
        None => Ok(vec![TicketEvent::TicketRequested(request)]),
        Some(existing) if **existing == request => Ok(vec![]),
        Some(_) => Err(Rejection::AlreadyRequested),
    }
}

fn send(state: &TicketState, attempt: u32) -> Result<Vec<TicketEvent>, Rejection> {
    let (due, prepared) = match state {
        TicketState::PreProcessed(s) => (1, &s.prepared),
        TicketState::Sent(s) => match s.status {
            AttemptStatus::Waiting { .. } => (s.attempt.saturating_add(1), &s.prepared),
            AttemptStatus::InFlight => return Err(misfit("Send", state)),
        },
        other => return Err(misfit("Send", other)),
    };
    if attempt != due {
        return Err(Rejection::WrongAttempt {
            given: attempt,
            due,
        });
    }
    let model = prepared.model.clone();
    Ok(vec![TicketEvent::TicketSent(TicketSent { attempt, model })])
}

fn attempt_failure(
    sent: &Sent,
    error: AttemptError,
    now: Timestamp,
    jitter: Jitter,
) -> Vec<TicketEvent> {
    let terms = &sent.request.terms;
    let kind = error.kind;
    let delay = match kind {
        AttemptErrorKind::Interrupted if sent.attempt < MAX_ATTEMPTS => Some(Duration::ZERO),
        kind if kind.is_transient() => terms
            .model_retry
            .delay(sent.failures.saturating_add(1), jitter)
            .map(|backoff| at_least(backoff, error.retry_after_ms)),
        _ => None,
    };
    let retry_at = delay.map(|delay| now.plus(delay));
    let in_time = retry_at.filter(|at| *at < terms.deadlines.answer_by);
    let code = match (retry_at, in_time) {
        (_, Some(_)) => None,
        (Some(_), None) => Some("no_time_for_retry"),
        (None, None) if kind.is_transient() => Some("attempts_exhausted"),
        (None, None) => Some(attempt_code(kind)),
    };
    let message = format!("attempt {}: {}", sent.attempt, error.message);
    let mut events = vec![TicketEvent::AttemptFailed(AttemptFailed {
        attempt: sent.attempt,
        error,
        retry_at: in_time,
    })];
    events.extend(code.map(|code| failed(Stage::Model, code, message)));
    events
}

fn callback_failure(
    state: &TicketState,
    callback: CallbackKind,
    error: CallbackError,
    now: Timestamp,
    jitter: Jitter,
) -> Result<Vec<TicketEvent>, Rejection> {
    let (request, tries, deadline, stage) = match (state, callback) {
        (TicketState::Requested(s), CallbackKind::PreProcess) => {
            let by = s.request.terms.deadlines.answer_by;
            (&s.request, &s.callback, by, Stage::PreProcess)
        }
        (TicketState::Answered(s), CallbackKind::PostProcess) => {
            let by = s.request.terms.deadlines.persist_by;
            (&s.request, &s.callback, by, Stage::Persist)
        }
        (other, _) => return Err(misfit("RecordCallbackFailure", other)),
    };
    let try_number = tries.failed.saturating_add(1);
    let kind = error.kind;
    let retry_at = if kind.is_transient() {
        next_callback_try(&request.terms.callback_retry, tries, &error, now, jitter)
    } else {
        None
    };
    let in_time = retry_at.filter(|at| *at < deadline);
    let code = match (retry_at, in_time) {
        (_, Some(_)) => None,
        (Some(_), None) => Some("no_time_for_retry"),
        (None, None) if kind.is_transient() => Some("callback_exhausted"),
        (None, None) => Some(callback_code(kind)),
    };
    let message = error.message.clone();
    let mut events = vec![TicketEvent::CallbackFailed(CallbackFailed {
        callback,
        try_number,
        error,
        retry_at: in_time,
    })];
    events.extend(code.map(|code| failed(stage, code, message)));
    Ok(events)
}

fn next_callback_try(
    policy: &crate::retry::RetryPolicy,
    tries: &Tries,
    error: &CallbackError,
    now: Timestamp,
    jitter: Jitter,
) -> Option<Timestamp> {
    let backoff = policy.delay(tries.failed.saturating_add(1), jitter)?;
    Some(now.plus(at_least(backoff, error.retry_after_ms)))
}

fn acknowledge(
    state: &TicketState,
    channel: Channel,
    by: String,
) -> Result<Vec<TicketEvent>, Rejection> {
    match state {
        TicketState::Persisted(_) => Ok(vec![TicketEvent::TicketDelivered(TicketDelivered {
            channel,
            acknowledged_by: by,
        })]),
        // Two tabs acknowledge the same answer: the first one delivered it.
        TicketState::Delivered(_) => Ok(vec![]),
        other => Err(misfit("Acknowledge", other)),
    }
}

fn cancel(
    state: &TicketState,
    mode: CancelMode,
    by: String,
    text: Option<Arc<str>>,
) -> Result<Vec<TicketEvent>, Rejection> {
    if let TicketState::Cancelled(s) = state
        && s.cancelled.mode == mode
    {
        return Ok(vec![]);
    }
    open(state)?;
    let text = match mode {
        CancelMode::Void => None,
        CancelMode::Stop => state
            .answered()
            .map(|answered| Arc::clone(&answered.content))
            .or(text)
            .filter(|text| !text.is_empty()),
    };
    Ok(vec![TicketEvent::TicketCancelled(TicketCancelled {
        mode,
        by,
        text,
    })])
}

fn expire(state: &TicketState, now: Timestamp) -> Vec<TicketEvent> {
    let (Some(deadline), Some(stage)) = (state.deadline(), state.stage()) else {
        return vec![];
    };
    if now < deadline {
        return vec![];
    }
    let (code, doing) = match stage {
        Stage::PreProcess => ("deadline_exceeded", "the request was not prepared"),
        Stage::Model => ("deadline_exceeded", "the model did not answer"),
        Stage::Persist => ("deadline_exceeded", "the answer was not persisted"),
        Stage::Deliver => ("undelivered", "nobody took the answer"),
    };
    vec![failed(stage, code, format!("{doing} by {deadline}"))]
}

fn resume(state: &TicketState, now: Timestamp) -> Vec<TicketEvent> {
    let TicketState::Sent(sent) = state else {
        return vec![];
    };
    if sent.status != AttemptStatus::InFlight {
        return vec![];
    }
    let error = AttemptError {
        kind: AttemptErrorKind::Interrupted,
        message: "punchcard stopped while the model was answering".to_owned(),
        retry_after_ms: None,
    };
    attempt_failure(sent, error, now, Jitter::MIN)
}

fn redrive(
    state: &TicketState,
    by: String,
    deadlines: Deadlines,
) -> Result<Vec<TicketEvent>, Rejection> {
    match state {
        TicketState::Failed(_) => {
            let event = TicketRedriven { by, deadlines };
            Ok(vec![TicketEvent::TicketRedriven(event)])
        }
        TicketState::Unrequested => Err(Rejection::NotRequested),
        other => Err(Rejection::NotFailed(other.name())),
    }
}

/// The running attempt, if it is number `attempt`.
fn running<'a>(
    state: &'a TicketState,
    attempt: u32,
    command: &'static str,
) -> Result<&'a Sent, Rejection> {
    let TicketState::Sent(sent) = state else {
        return Err(misfit(command, state));
    };
    if sent.status != AttemptStatus::InFlight {
        return Err(misfit(command, state));
    }
    if sent.attempt != attempt {
        return Err(Rejection::WrongAttempt {
            given: attempt,
            due: sent.attempt,
        });
    }
    Ok(sent)
}

fn open(state: &TicketState) -> Result<(), Rejection> {
    match state.name() {
        StateName::Unrequested => Err(Rejection::NotRequested),
        name if name.is_terminal() => Err(Rejection::AlreadyEnded(name)),
        _ => Ok(()),
    }
}

fn misfit(command: &'static str, state: &TicketState) -> Rejection {
    match open(state) {
        Err(rejection) => rejection,
        Ok(()) => Rejection::WrongState {
            command,
            state: state.name(),
        },
    }
}

fn failed(stage: Stage, code: &str, message: String) -> TicketEvent {
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

/// The failure code of an attempt error that no retry can mend.
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

/// The failure code of a callback error that no retry can mend.
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
