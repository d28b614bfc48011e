//! Turning a command into events. Synchronous, without I/O, and the only place that says yes or no.

use std::sync::Arc;

use serde_json::Value;

use super::command::Command;
use super::failing::{FailedCall, attempt_failure, callback_failure, failed};
use super::models;
use super::state::{AttemptStatus, Sent, StateName, TicketState};
use super::{
    AttemptError, AttemptErrorKind, CancelMode, Channel, Deadlines, Failure, Spent, Stage,
    TicketAnswered, TicketCancelled, TicketDelivered, TicketEvent, TicketFailed, TicketPersisted,
    TicketPreProcessed, TicketRedriven, TicketRequested, TicketSent,
};
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
    /// The command is about a try of a callback that is not the one being made.
    #[error("try {given} is not the one that is due; that is {due}")]
    WrongTry {
        /// The try named.
        given: u32,
        /// The try that would fit.
        due: u32,
    },
    /// The model named is neither the one whose turn it is nor a fallback after it.
    #[error("`{given}` may not be asked now; it is the turn of `{due}`")]
    WrongModel {
        /// The model named.
        given: String,
        /// The model whose turn it is.
        due: String,
    },
    /// A redrive's deadlines are not in the order of the states that they end.
    #[error("the new deadlines are out of order: answer_by, persist_by, deliver_by")]
    DeadlinesOutOfOrder,
    /// A redrive's deadline has passed already.
    #[error("the new deadline {0} is not in the future")]
    DeadlinePassed(Timestamp),
    /// Only failed tickets are redriven.
    #[error("only a failed ticket can be redriven; this one is {}", .0.as_str())]
    NotFailed(StateName),
    /// Somebody was faster with a redrive, and it has failed again since.
    #[error("the ticket was opened again meanwhile, and has failed anew")]
    FailedAnew,
}

/// The events that `command` causes. An empty list means that it is already true.
///
/// # Errors
/// When the command does not fit the ticket as it is.
pub fn decide(state: &TicketState, command: Command) -> Result<Vec<TicketEvent>, Rejection> {
    match command {
        Command::Request(request) => request_ticket(state, request),
        Command::RecordPreProcessed(prepared) => record_prepared(state, prepared),
        Command::Send { attempt, model } => send(state, attempt, model),
        Command::RecordAnswer(answer) => record_answer(state, answer),
        Command::RecordAttemptFailure {
            attempt,
            error,
            spent,
            now,
            jitter,
        } => record_attempt_failure(state, attempt, (error, spent), now, jitter),
        Command::RecordCallbackFailure {
            callback,
            try_number,
            error,
            call,
            now,
            jitter,
        } => {
            let failed = FailedCall {
                callback,
                try_number,
                error,
                call,
            };
            callback_failure(state, failed, now, jitter)
        }
        Command::RecordPersisted { answer, call } => {
            record_persisted(state, TicketPersisted { answer, call })
        }
        Command::Acknowledge { channel, by } => acknowledge(state, channel, by),
        Command::Cancel { mode, by, text } => cancel(state, mode, by, text),
        Command::Expire { now } => Ok(expire(state, now)),
        Command::Resume { now } => Ok(resume(state, now)),
        Command::Fail(failure) => fail(state, failure),
        Command::Redrive {
            by,
            deadlines,
            redrive: of_many,
            from,
            now,
        } => {
            let event = TicketRedriven {
                by,
                deadlines,
                redrive: of_many,
                from,
            };
            redrive(state, event, now)
        }
    }
}

fn request_ticket(
    state: &TicketState,
    request: TicketRequested,
) -> Result<Vec<TicketEvent>, Rejection> {
    match state.request() {
        None => Ok(vec![TicketEvent::TicketRequested(request)]),
        Some(existing) if asks_the_same(existing, &request) => Ok(vec![]),
        Some(_) => Err(Rejection::AlreadyRequested),
    }
}

/// Whether two requests are one. The times are left out: a redrive renews them.
fn asks_the_same(existing: &TicketRequested, request: &TicketRequested) -> bool {
    let mut existing = existing.clone();
    existing.terms.deadlines = request.terms.deadlines.clone();
    existing.not_before = request.not_before;
    existing == *request
}

/// What a fork sends was fixed when it was asked for, whatever is found now.
fn record_prepared(
    state: &TicketState,
    prepared: TicketPreProcessed,
) -> Result<Vec<TicketEvent>, Rejection> {
    let fork = state.request().and_then(|request| request.fork.as_ref());
    let prepared = fork.map_or(prepared, |fork| fork.prepared.clone());
    match state {
        TicketState::Requested(_) => Ok(vec![TicketEvent::TicketPreProcessed(prepared)]),
        TicketState::PreProcessed(s) if are_the_same(&s.prepared, &prepared) => Ok(vec![]),
        other => Err(misfit("RecordPreProcessed", other)),
    }
}

/// How long a call took makes it no other one.
fn are_the_same(known: &TicketPreProcessed, prepared: &TicketPreProcessed) -> bool {
    let call = prepared.call;
    let known = TicketPreProcessed {
        call,
        ..known.clone()
    };
    known == *prepared
}

fn send(state: &TicketState, attempt: u32, model: String) -> Result<Vec<TicketEvent>, Rejection> {
    let due = match state {
        TicketState::PreProcessed(s) => s.next_attempt(),
        TicketState::Sent(s) => match s.status {
            AttemptStatus::Waiting { .. } => s.attempt.saturating_add(1),
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
    let fallback = models::why(state, &model)?;
    let sent = TicketSent {
        attempt,
        model,
        fallback,
    };
    Ok(vec![TicketEvent::TicketSent(sent)])
}

fn record_answer(
    state: &TicketState,
    answer: TicketAnswered,
) -> Result<Vec<TicketEvent>, Rejection> {
    if let TicketState::Answered(s) = state
        && *s.answered == answer
    {
        return Ok(vec![]);
    }
    running(state, answer.attempt, "RecordAnswer")?;
    Ok(vec![TicketEvent::TicketAnswered(answer)])
}

fn record_attempt_failure(
    state: &TicketState,
    attempt: u32,
    (error, spent): (AttemptError, Spent),
    now: Timestamp,
    jitter: Jitter,
) -> Result<Vec<TicketEvent>, Rejection> {
    if let TicketState::Sent(s) = state
        && let AttemptStatus::Waiting { error: known, .. } = &s.status
        && s.attempt == attempt
        && **known == error
    {
        return Ok(vec![]);
    }
    let sent = running(state, attempt, "RecordAttemptFailure")?;
    Ok(attempt_failure(sent, error, spent, now, jitter))
}

/// A fork is at its end with this: nobody waits for its answer.
fn record_persisted(
    state: &TicketState,
    persisted: TicketPersisted,
) -> Result<Vec<TicketEvent>, Rejection> {
    let asked = match state {
        TicketState::Answered(s) => &s.request,
        TicketState::Persisted(_) => return Ok(vec![]),
        TicketState::Delivered(s) if s.persisted.request.fork.is_some() => return Ok(vec![]),
        other => return Err(misfit("RecordPersisted", other)),
    };
    let mut events = vec![TicketEvent::TicketPersisted(persisted)];
    if let Some(fork) = &asked.fork {
        events.push(TicketEvent::TicketDelivered(TicketDelivered {
            channel: Channel::Kept,
            acknowledged_by: fork.by.clone(),
        }));
    }
    Ok(events)
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
        CancelMode::Stop => known_text(state).or(text).filter(|text| !text.is_empty()),
    };
    Ok(vec![TicketEvent::TicketCancelled(TicketCancelled {
        mode,
        by,
        text,
    })])
}

/// The answer's text, once there is one. What the tenant's API put in its place stands: the model's
/// own words may be what it took out.
fn known_text(state: &TicketState) -> Option<Arc<str>> {
    match state {
        TicketState::Persisted(s) => match s.persisted.answer.as_deref() {
            Some(Value::String(text)) => Some(text.as_str().into()),
            Some(document) => Some(document.to_string().into()),
            None => Some(Arc::clone(&s.answered.content)),
        },
        other => other
            .answered()
            .map(|answered| Arc::clone(&answered.content)),
    }
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
    attempt_failure(sent, error, Spent::default(), now, Jitter::MIN)
}

/// The stage is the state's own, whatever the command says: a redrive goes back by it.
fn fail(state: &TicketState, failure: Failure) -> Result<Vec<TicketEvent>, Rejection> {
    open(state)?;
    let stage = state.stage().unwrap_or(failure.stage);
    let failure = Failure { stage, ..failure };
    Ok(vec![TicketEvent::TicketFailed(TicketFailed { failure })])
}

fn redrive(
    state: &TicketState,
    event: TicketRedriven,
    now: Timestamp,
) -> Result<Vec<TicketEvent>, Rejection> {
    match state {
        TicketState::Failed(_) => {
            in_order_after(now, &event.deadlines)?;
            Ok(vec![TicketEvent::TicketRedriven(event)])
        }
        TicketState::Unrequested => Err(Rejection::NotRequested),
        other => Err(Rejection::NotFailed(other.name())),
    }
}

/// Deadlines end the states in their order. The first is in the future, so the others are too.
fn in_order_after(now: Timestamp, deadlines: &Deadlines) -> Result<(), Rejection> {
    let Deadlines {
        answer_by,
        persist_by,
        deliver_by,
    } = *deadlines;
    if answer_by > persist_by || persist_by > deliver_by {
        Err(Rejection::DeadlinesOutOfOrder)
    } else if answer_by <= now {
        Err(Rejection::DeadlinePassed(answer_by))
    } else {
        Ok(())
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

/// Why `command` does not fit `state`.
pub(super) fn misfit(command: &'static str, state: &TicketState) -> Rejection {
    match open(state) {
        Err(rejection) => rejection,
        Ok(()) => Rejection::WrongState {
            command,
            state: state.name(),
        },
    }
}
