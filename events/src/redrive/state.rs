//! What a redrive is now, what may happen to it, and what a command comes to.

use super::event::{
    Outcomes, RedriveBatchBegun, RedriveBatchEnded, RedriveEvent, RedriveFinished, RedriveStarted,
    RedriveStopped,
};
use super::{Command, MAX_BATCH, MAX_PER_SECOND, MAX_TICKETS};
use crate::act::Act;
use crate::ids::TicketId;

/// A redrive: the fold of its events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RedriveState {
    /// How it stands.
    pub phase: Phase,
    /// What was asked for; absent only before the first event.
    pub started: Option<RedriveStarted>,
    /// The tickets of the batch that has not ended, in the order of their ids.
    pub pending: Vec<TicketId>,
    /// The last ticket of any batch: the next one begins after it.
    pub after: Option<TicketId>,
    /// What became of the tickets of all batches that have ended.
    pub outcomes: Outcomes,
}

/// How a redrive stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Phase {
    /// There is none.
    #[default]
    None,
    /// It opens tickets.
    Running,
    /// Somebody stopped it.
    Stopped(Act),
    /// It went through all its tickets.
    Finished(Act),
}

impl Phase {
    /// The name, as API and docs write it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Running => "running",
            Self::Stopped(_) => "stopped",
            Self::Finished(_) => "finished",
        }
    }
}

impl RedriveState {
    /// Whether something is left to be done for it: tickets to open, or a batch to settle.
    pub const fn is_at_work(&self) -> bool {
        match self.phase {
            Phase::Running => true,
            Phase::Stopped(_) => !self.pending.is_empty(),
            Phase::None | Phase::Finished(_) => false,
        }
    }

    /// How many more tickets it may go through.
    pub fn left(&self) -> u64 {
        let limit = self.started.as_ref().map_or(0, |started| started.limit);
        limit.saturating_sub(self.outcomes.count())
    }
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such redrive.
    #[error("there is no such redrive")]
    Unknown,
    /// A redrive with this id exists.
    #[error("the redrive has begun already")]
    AlreadyStarted,
    /// It has ended.
    #[error("the redrive is {0}: nothing more can be done with it")]
    Ended(&'static str),
    /// A number is out of its range.
    #[error("{0}")]
    OutOfRange(&'static str),
    /// A batch is begun while one is open, ended where none is, or does not follow on the one before.
    #[error("the batch does not follow on what was done")]
    WrongBatch,
}

/// An event that cannot happen to the redrive as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} cannot happen to this redrive")]
pub struct Illegal(pub &'static str);

/// The events that `command` causes. An empty list means that it is already true.
///
/// # Errors
/// When the command does not fit the redrive as it is.
pub fn decide(state: &RedriveState, command: Command) -> Result<Vec<RedriveEvent>, Rejection> {
    match (command, &state.phase) {
        (Command::Start(started), Phase::None) => start(started),
        (Command::Start(_), Phase::Running | Phase::Stopped(_) | Phase::Finished(_)) => {
            Err(Rejection::AlreadyStarted)
        }
        (
            Command::BeginBatch { .. }
            | Command::EndBatch { .. }
            | Command::Stop { .. }
            | Command::Finish { .. },
            Phase::None,
        ) => Err(Rejection::Unknown),
        (Command::BeginBatch { tickets }, Phase::Running) => begin(state, tickets),
        (Command::EndBatch { outcomes }, Phase::Running | Phase::Stopped(_)) => {
            if state.pending.is_empty() || outcomes.count() != state.pending.len() as u64 {
                return Err(Rejection::WrongBatch);
            }
            let ended = RedriveBatchEnded { outcomes };
            Ok(vec![RedriveEvent::RedriveBatchEnded(ended)])
        }
        (Command::Stop { act }, Phase::Running) => {
            Ok(vec![RedriveEvent::RedriveStopped(RedriveStopped { act })])
        }
        (Command::Finish { act }, Phase::Running) if state.pending.is_empty() => {
            Ok(vec![RedriveEvent::RedriveFinished(RedriveFinished { act })])
        }
        (Command::Finish { .. }, Phase::Running) => Err(Rejection::WrongBatch),
        (Command::Stop { .. }, Phase::Stopped(_))
        | (Command::Finish { .. }, Phase::Finished(_)) => Ok(vec![]),
        (Command::BeginBatch { .. } | Command::Finish { .. }, Phase::Stopped(_))
        | (
            Command::BeginBatch { .. } | Command::EndBatch { .. } | Command::Stop { .. },
            Phase::Finished(_),
        ) => Err(Rejection::Ended(state.phase.as_str())),
    }
}

fn start(started: RedriveStarted) -> Result<Vec<RedriveEvent>, Rejection> {
    if !(1..=MAX_TICKETS).contains(&started.limit) {
        return Err(Rejection::OutOfRange("limit is 1 to 100,000 tickets"));
    }
    if !(1..=MAX_PER_SECOND).contains(&started.per_second) {
        return Err(Rejection::OutOfRange("per_second is 1 to 500 tickets"));
    }
    Ok(vec![RedriveEvent::RedriveStarted(started)])
}

fn begin(state: &RedriveState, tickets: Vec<TicketId>) -> Result<Vec<RedriveEvent>, Rejection> {
    let in_order = tickets.is_sorted_by(|one, next| one < next);
    let follows = tickets.first() > state.after.as_ref();
    let fits = (1..=MAX_BATCH).contains(&tickets.len()) && tickets.len() as u64 <= state.left();
    if !in_order || !follows || !fits || !state.pending.is_empty() {
        return Err(Rejection::WrongBatch);
    }
    let begun = RedriveBatchBegun { tickets };
    Ok(vec![RedriveEvent::RedriveBatchBegun(begun)])
}

/// The redrive after `event`.
///
/// # Errors
/// When the event cannot happen to it.
pub fn apply(mut state: RedriveState, event: &RedriveEvent) -> Result<RedriveState, Illegal> {
    match (&state.phase, event) {
        (Phase::None, RedriveEvent::RedriveStarted(started)) => {
            state.started = Some(started.clone());
            state.phase = Phase::Running;
        }
        (Phase::Running, RedriveEvent::RedriveBatchBegun(begun)) if state.pending.is_empty() => {
            state.after = begun.tickets.last().copied().or(state.after);
            state.pending.clone_from(&begun.tickets);
        }
        (Phase::Running | Phase::Stopped(_), RedriveEvent::RedriveBatchEnded(ended))
            if !state.pending.is_empty() =>
        {
            state.outcomes = state.outcomes.plus(ended.outcomes);
            state.pending = Vec::new();
        }
        (Phase::Running, RedriveEvent::RedriveStopped(stopped)) => {
            state.phase = Phase::Stopped(stopped.act.clone());
        }
        (Phase::Running, RedriveEvent::RedriveFinished(finished)) => {
            state.phase = Phase::Finished(finished.act.clone());
        }
        // Every other pairing is no transition; naming all of them would hide the ones above.
        _ => return Err(Illegal(event.kind())),
    }
    Ok(state)
}
