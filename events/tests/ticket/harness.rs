//! Given a history, when a command comes, then these events follow, or this rejection.

use punchcard_events::ticket::{
    Command, Rejection, Stage, TicketEvent, TicketState, apply, decide, replay,
};

/// A ticket with a past.
pub(crate) struct Given {
    state: TicketState,
}

/// What a command led to.
pub(crate) struct Outcome {
    state: TicketState,
    decided: Result<Vec<TicketEvent>, Rejection>,
}

/// A ticket with this history, which must be a legal one.
#[track_caller]
pub(crate) fn given(history: impl AsRef<[TicketEvent]>) -> Given {
    let state = replay(history.as_ref()).expect("the given history is legal");
    Given { state }
}

impl Given {
    pub(crate) fn when(self, command: Command) -> Outcome {
        let decided = decide(&self.state, command);
        Outcome {
            state: self.state,
            decided,
        }
    }

    pub(crate) fn state(self) -> TicketState {
        self.state
    }
}

impl Outcome {
    /// Exactly these events follow; the state after them is given back.
    #[track_caller]
    pub(crate) fn then(self, events: impl AsRef<[TicketEvent]>) -> TicketState {
        assert_eq!(self.decided.as_deref(), Ok(events.as_ref()));
        self.folded()
    }

    #[track_caller]
    pub(crate) fn then_nothing(self) {
        assert_eq!(self.decided, Ok(vec![]));
    }

    #[track_caller]
    pub(crate) fn then_rejected(self, rejection: Rejection) {
        assert_eq!(self.decided, Err(rejection));
    }

    /// Events of these types follow.
    #[track_caller]
    pub(crate) fn then_kinds(self, kinds: &[&str]) -> TicketState {
        let decided = self.decided.as_ref().expect("the command is taken");
        let decided: Vec<_> = decided.iter().map(TicketEvent::kind).collect();
        assert_eq!(decided, kinds);
        self.folded()
    }

    /// The ticket fails, and the failure says this.
    #[track_caller]
    pub(crate) fn then_failed(self, stage: Stage, code: &str, message: &str) {
        let TicketState::Failed(failed) = self.folded() else {
            panic!("the ticket did not fail");
        };
        assert_eq!(failed.failure.stage, stage);
        assert_eq!(failed.failure.code, code);
        assert_eq!(failed.failure.message, message);
    }

    #[track_caller]
    pub(crate) fn folded(self) -> TicketState {
        let events = self.decided.expect("the command is taken");
        events.iter().fold(self.state, |state, event| {
            apply(state, event).expect("what is decided can happen")
        })
    }
}
