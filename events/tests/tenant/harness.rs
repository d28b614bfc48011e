//! Given a history, when a command comes, then these events follow, or this rejection.

use punchcard_events::tenant::{
    Command, Rejection, TenantEvent, TenantState, apply, decide, replay,
};

/// A tenant with a past.
pub(crate) struct Given {
    state: TenantState,
}

/// What a command led to.
pub(crate) struct Outcome {
    state: TenantState,
    decided: Result<Vec<TenantEvent>, Rejection>,
}

/// A tenant with this history, which must be a legal one.
#[track_caller]
pub(crate) fn given(history: impl AsRef<[TenantEvent]>) -> Given {
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

    /// The command before the one that is tested; it must be taken.
    #[track_caller]
    pub(crate) fn and(self, command: Command) -> Self {
        let state = self.when(command).folded();
        Self { state }
    }

    pub(crate) fn state(self) -> TenantState {
        self.state
    }
}

impl Outcome {
    #[track_caller]
    pub(crate) fn then_nothing(self) {
        assert_eq!(self.decided, Ok(vec![]));
    }

    #[track_caller]
    pub(crate) fn then_rejected(self, rejection: Rejection) {
        assert_eq!(self.decided, Err(rejection));
    }

    #[track_caller]
    pub(crate) fn then_refused(self, code: &str) {
        let rejection = self.decided.expect_err("the command is refused");
        assert_eq!(rejection.code(), code, "{rejection}");
    }

    /// One event of this type follows.
    #[track_caller]
    pub(crate) fn then_one(self, kind: &str) -> TenantState {
        let decided = self.decided.as_deref().expect("the command is taken");
        let kinds: Vec<_> = decided.iter().map(TenantEvent::kind).collect();
        assert_eq!(kinds, [kind]);
        self.folded()
    }

    #[track_caller]
    pub(crate) fn folded(self) -> TenantState {
        let events = self.decided.expect("the command is taken");
        events.iter().fold(self.state, |state, event| {
            apply(state, event).expect("what is decided can happen")
        })
    }
}
