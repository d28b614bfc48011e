//! What a shadow run is now, what may happen to it, and what a command comes to.

use super::event::{
    ShadowRunEvent, ShadowRunFinished, ShadowRunResumed, ShadowRunStarted, ShadowRunStopped,
    StopReason, Tally,
};
use crate::act::Act;

/// A shadow run: the fold of its life.
#[derive(Debug, Clone, PartialEq)]
pub struct ShadowRunState {
    /// How it began.
    pub started: ShadowRunStarted,
    /// How it stands.
    pub phase: Phase,
    /// What it may cost now, in US dollars: what was said last.
    pub max_cost_usd: Option<f64>,
}

/// How a shadow run stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Phase {
    /// Its cases run.
    Running,
    /// No more of them begin until it is resumed.
    Stopped(ShadowRunStopped),
    /// All of them have ended.
    Finished(ShadowRunFinished),
}

impl Phase {
    /// The name, as API and docs write it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Stopped(_) => "stopped",
            Self::Finished(_) => "finished",
        }
    }
}

/// What is asked of a shadow run.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// It begins.
    Start(Box<ShadowRunStarted>),
    /// No more of its cases are to begin.
    Stop {
        /// Why.
        reason: StopReason,
        /// When and by whom.
        act: Act,
    },
    /// It is to go on.
    Resume {
        /// What it may cost in all; `None`: as before.
        max_cost_usd: Option<f64>,
        /// When and by whom.
        act: Act,
    },
    /// All its cases have ended.
    Finish {
        /// What came of them.
        tally: Tally,
        /// When.
        act: Act,
    },
}

/// Why a command was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Rejection {
    /// There is no such run.
    #[error("there is no such shadow run")]
    Unknown,
    /// A run with this id exists.
    #[error("the shadow run has begun already")]
    AlreadyStarted,
    /// All its cases have ended.
    #[error("the shadow run is finished")]
    Finished,
    /// It has cases left, or was stopped.
    #[error("the shadow run is {0}, so it cannot end now")]
    NotThroughYet(&'static str),
}

/// An event that cannot happen to the run as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0} cannot happen to this shadow run")]
pub struct Illegal(pub &'static str);

/// The events that `command` causes. An empty list means that it is already true.
///
/// # Errors
/// When the command does not fit the run as it is.
pub fn decide(
    state: Option<&ShadowRunState>,
    command: Command,
) -> Result<Vec<ShadowRunEvent>, Rejection> {
    let Some(state) = state else {
        return match command {
            Command::Start(started) => Ok(vec![ShadowRunEvent::ShadowRunStarted(*started)]),
            Command::Stop { .. } | Command::Resume { .. } | Command::Finish { .. } => {
                Err(Rejection::Unknown)
            }
        };
    };
    match (command, &state.phase) {
        (Command::Start(_), _) => Err(Rejection::AlreadyStarted),
        (Command::Stop { reason, act }, Phase::Running) => {
            let stopped = ShadowRunStopped { reason, act };
            Ok(vec![ShadowRunEvent::ShadowRunStopped(stopped)])
        }
        (Command::Resume { max_cost_usd, act }, Phase::Stopped(_)) => {
            let resumed = ShadowRunResumed { max_cost_usd, act };
            Ok(vec![ShadowRunEvent::ShadowRunResumed(resumed)])
        }
        (Command::Finish { tally, act }, Phase::Running)
            if tally.cases == state.started.cases && tally.adds_up() =>
        {
            let finished = ShadowRunFinished { tally, act };
            Ok(vec![ShadowRunEvent::ShadowRunFinished(finished)])
        }
        (Command::Finish { .. }, Phase::Running | Phase::Stopped(_)) => {
            Err(Rejection::NotThroughYet(state.phase.as_str()))
        }
        (Command::Stop { .. }, Phase::Stopped(_))
        | (Command::Resume { .. }, Phase::Running)
        | (Command::Finish { .. }, Phase::Finished(_)) => Ok(vec![]),
        (Command::Stop { .. } | Command::Resume { .. }, Phase::Finished(_)) => {
            Err(Rejection::Finished)
        }
    }
}

/// The run after `event`.
///
/// # Errors
/// When the event cannot happen to it.
pub fn apply(
    state: Option<ShadowRunState>,
    event: &ShadowRunEvent,
) -> Result<ShadowRunState, Illegal> {
    let illegal = Err(Illegal(event.kind()));
    let Some(mut state) = state else {
        return match event {
            ShadowRunEvent::ShadowRunStarted(started) => Ok(ShadowRunState {
                started: started.clone(),
                phase: Phase::Running,
                max_cost_usd: started.max_cost_usd,
            }),
            ShadowRunEvent::ShadowRunStopped(_)
            | ShadowRunEvent::ShadowRunResumed(_)
            | ShadowRunEvent::ShadowRunFinished(_) => illegal,
        };
    };
    match (&state.phase, event) {
        (Phase::Running, ShadowRunEvent::ShadowRunStopped(stopped)) => {
            state.phase = Phase::Stopped(stopped.clone());
        }
        (Phase::Stopped(_), ShadowRunEvent::ShadowRunResumed(resumed)) => {
            state.phase = Phase::Running;
            state.max_cost_usd = resumed.max_cost_usd.or(state.max_cost_usd);
        }
        (Phase::Running, ShadowRunEvent::ShadowRunFinished(finished)) => {
            state.phase = Phase::Finished(finished.clone());
        }
        (Phase::Running | Phase::Stopped(_) | Phase::Finished(_), _) => return illegal,
    }
    Ok(state)
}
