//! Given a history, when a command comes, then these events follow, or this rejection.

use punchcard_events::LabelName;
use punchcard_events::prompt::{
    Command, PromptEvent, PromptState, Rejection, apply, decide, replay,
};

use crate::samples::roll_back_as_seen;

/// A prompt with a past.
pub(crate) struct Given {
    state: PromptState,
}

/// What a command led to.
pub(crate) struct Outcome {
    state: PromptState,
    decided: Result<Vec<PromptEvent>, Rejection>,
}

/// A prompt with this history, which must be a legal one.
#[track_caller]
pub(crate) fn given(history: impl AsRef<[PromptEvent]>) -> Given {
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

    /// When somebody who sees the prompt as it is rolls the label back.
    pub(crate) fn when_back(self, label: LabelName) -> Outcome {
        let seen = roll_back_as_seen(&self.state, label);
        self.when(seen)
    }

    /// The same, before the command that is tested.
    #[track_caller]
    pub(crate) fn and_back(self, label: LabelName) -> Self {
        let state = self.when_back(label).folded();
        Self { state }
    }

    pub(crate) fn state(self) -> PromptState {
        self.state
    }
}

impl Outcome {
    /// Exactly these events follow; the state after them is given back.
    #[track_caller]
    pub(crate) fn then(self, events: impl AsRef<[PromptEvent]>) -> PromptState {
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

    #[track_caller]
    pub(crate) fn then_refused(self, code: &str) {
        let rejection = self.decided.expect_err("the command is refused");
        assert_eq!(rejection.code(), code, "{rejection}");
    }

    #[track_caller]
    pub(crate) fn folded(self) -> PromptState {
        let events = self.decided.expect("the command is taken");
        events.iter().fold(self.state, |state, event| {
            apply(state, event).expect("what is decided can happen")
        })
    }
}
