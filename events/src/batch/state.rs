//! What a batch is now, what may happen to it, and what a command comes to.

use super::Command;
use super::event::{
    BatchBegun, BatchCancelled, BatchDiscarded, BatchEvent, BatchFinished, BatchMode, BatchSealed,
    Discard,
};
use crate::act::Act;

/// A batch: the fold of its events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchState {
    /// How it began.
    pub begun: BatchBegun,
    /// How it stands.
    pub phase: Phase,
    /// What was uploaded, once that is complete.
    pub sealed: Option<BatchSealed>,
    /// Who cancelled it, once somebody has.
    pub cancelled: Option<Act>,
}

/// How a batch stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// Its lines are coming in.
    Receiving,
    /// Its lines are issued as tickets.
    Running,
    /// No more of them are, and those that are open are ended.
    Cancelling,
    /// Nothing is left to do. Whether it was cancelled, [`BatchState::cancelled`] says.
    Finished(BatchFinished),
    /// It never ran.
    Discarded(BatchDiscarded),
}

impl Phase {
    /// The name, as API and docs write it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Receiving => "receiving",
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Finished(_) => "finished",
            Self::Discarded(_) => "discarded",
        }
    }

    /// Whether anything may still happen to it.
    pub const fn is_open(&self) -> bool {
        match self {
            Self::Receiving | Self::Running | Self::Cancelling => true,
            Self::Finished(_) | Self::Discarded(_) => false,
        }
    }
}

/// What came in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Uploaded {
    /// Lines that can run.
    pub accepted: u32,
    /// Lines that cannot.
    pub rejected: u32,
    /// Bytes.
    pub bytes: u64,
    /// Events of the stream of lines.
    pub chunks: u64,
    /// SHA-256 of all of it, in hexadecimal.
    pub sha256: String,
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such batch.
    #[error("there is no such batch")]
    Unknown,
    /// A batch with this id exists.
    #[error("the batch has begun already")]
    AlreadyBegun,
    /// Its time for that is over, or has not come.
    #[error("the batch is {0}: that cannot be done now")]
    WrongPhase(&'static str),
}

/// An event that cannot happen to the batch as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} cannot happen to this batch")]
pub struct Illegal(pub &'static str);

/// The events that `command` causes. An empty list means that it is already true.
///
/// # Errors
/// When the command does not fit the batch as it is.
pub fn decide(state: Option<&BatchState>, command: Command) -> Result<Vec<BatchEvent>, Rejection> {
    let Some(state) = state else {
        return match command {
            Command::Begin(begun) => Ok(vec![BatchEvent::BatchBegun(begun)]),
            Command::Seal { .. }
            | Command::Discard { .. }
            | Command::Cancel { .. }
            | Command::Finish { .. } => Err(Rejection::Unknown),
        };
    };
    let wrong = || Err(Rejection::WrongPhase(state.phase.as_str()));
    match (command, &state.phase) {
        (Command::Begin(_), _) => Err(Rejection::AlreadyBegun),
        (Command::Seal { uploaded, act }, Phase::Receiving) => {
            Ok(vec![seal(state.begun.mode, uploaded, act)])
        }
        (Command::Discard { why, act }, Phase::Receiving) => {
            Ok(vec![BatchEvent::BatchDiscarded(BatchDiscarded {
                why,
                act,
            })])
        }
        (Command::Cancel { act }, Phase::Running) => {
            Ok(vec![BatchEvent::BatchCancelled(BatchCancelled { act })])
        }
        (Command::Finish { refused, act }, Phase::Running | Phase::Cancelling) => {
            Ok(vec![BatchEvent::BatchFinished(BatchFinished {
                refused,
                act,
            })])
        }
        (Command::Cancel { .. }, Phase::Cancelling)
        | (Command::Discard { .. }, Phase::Discarded(_))
        | (Command::Finish { .. }, Phase::Finished(_)) => Ok(vec![]),
        (Command::Cancel { .. }, Phase::Finished(_)) if state.cancelled.is_some() => Ok(vec![]),
        (
            Command::Seal { .. }
            | Command::Discard { .. }
            | Command::Cancel { .. }
            | Command::Finish { .. },
            Phase::Receiving
            | Phase::Running
            | Phase::Cancelling
            | Phase::Finished(_)
            | Phase::Discarded(_),
        ) => wrong(),
    }
}

/// What the end of an upload comes to: a batch that runs, or none.
fn seal(mode: BatchMode, uploaded: Uploaded, act: Act) -> BatchEvent {
    let why = match mode {
        _ if uploaded.accepted == 0 && uploaded.rejected == 0 => Some(Discard::Empty),
        BatchMode::AllOrNothing if uploaded.rejected > 0 => Some(Discard::BadLines),
        BatchMode::Partial | BatchMode::AllOrNothing => None,
    };
    if let Some(why) = why {
        return BatchEvent::BatchDiscarded(BatchDiscarded { why, act });
    }
    let Uploaded {
        accepted,
        rejected,
        bytes,
        chunks,
        sha256,
    } = uploaded;
    BatchEvent::BatchSealed(BatchSealed {
        accepted,
        rejected,
        bytes,
        chunks,
        sha256,
        act,
    })
}

/// The batch after `event`.
///
/// # Errors
/// When the event cannot happen to it.
pub fn apply(state: Option<BatchState>, event: &BatchEvent) -> Result<BatchState, Illegal> {
    let illegal = Err(Illegal(event.kind()));
    let (mut state, event) = match (state, event) {
        (None, BatchEvent::BatchBegun(begun)) => {
            return Ok(BatchState {
                begun: begun.clone(),
                phase: Phase::Receiving,
                sealed: None,
                cancelled: None,
            });
        }
        (Some(state), event) => (state, event),
        (None, _) => return illegal,
    };
    state.phase = match (&state.phase, event) {
        (Phase::Receiving, BatchEvent::BatchSealed(sealed)) => {
            state.sealed = Some(sealed.clone());
            Phase::Running
        }
        (Phase::Receiving, BatchEvent::BatchDiscarded(why)) => Phase::Discarded(why.clone()),
        (Phase::Running, BatchEvent::BatchCancelled(by)) => {
            state.cancelled = Some(by.act.clone());
            Phase::Cancelling
        }
        (Phase::Running | Phase::Cancelling, BatchEvent::BatchFinished(end)) => {
            Phase::Finished(end.clone())
        }
        // Every other pairing is no transition; naming all of them would hide the ones above.
        _ => return illegal,
    };
    Ok(state)
}
