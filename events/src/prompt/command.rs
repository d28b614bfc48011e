//! What can be asked of a prompt. Whatever a decision needs is looked up before and stands in the
//! command: whether a content is sound, what the partials say, what the time is.

use std::sync::Arc;

use uuid::Uuid;

use super::content::{Content, ContentHash};
use super::event::{Act, CanaryBounds, CanaryEnd, CanaryTally, DeploymentPolicy, Tested};
use super::test_set::TestCase;
use crate::ids::LabelName;
use crate::shadow_run::Tally;
use crate::time::Timestamp;

/// Something asked of a prompt.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Write or change the draft.
    SaveDraft {
        /// The edit that the author started from; `None`: there was no draft.
        expected_edit: Option<u32>,
        /// The version that it began as a copy of. Kept from the draft that it follows, if any.
        based_on: Option<u32>,
        /// The whole draft; its partials are empty.
        content: Arc<Content>,
        /// When and by whom.
        act: Act,
    },
    /// Throw the draft away.
    DiscardDraft {
        /// The edit that the author saw.
        expected_edit: u32,
        /// When and by whom.
        act: Act,
    },
    /// Make the draft a version.
    Publish {
        /// The edit that was checked.
        expected_edit: u32,
        /// The draft's content with its partials written in, found sound.
        content: Arc<Content>,
        /// What the author says about it.
        notes: String,
        /// When and by whom.
        act: Act,
    },
    /// Point a label to a version. `production` needs a clearance.
    MoveLabel {
        /// The label.
        label: LabelName,
        /// The version.
        version: u32,
        /// What the author saw the label point to; `None`: whatever it points to.
        expected: Option<Seen>,
        /// What the author saw of the canary; `None`: whatever there is. Only `production` has one.
        expected_canary: Option<SeenCanary>,
        /// Why.
        reason: Option<String>,
        /// Takes the place of a passing test run. The caller has checked that the author may.
        override_reason: Option<String>,
        /// When and by whom.
        act: Act,
    },
    /// Point a label to what it pointed to before. A running canary is stopped instead, if the
    /// label is `production`. What is taken back must be what the author saw: asked for twice, or
    /// by two people, it is one step.
    RollBack {
        /// The label.
        label: LabelName,
        /// The version that the author saw it point to.
        expected: u32,
        /// What the author saw of the canary. Only `production` has one.
        expected_canary: SeenCanary,
        /// Why.
        reason: Option<String>,
        /// When and by whom.
        act: Act,
    },
    /// Take a label away; not `production`.
    RemoveLabel {
        /// The label.
        label: LabelName,
        /// When and by whom.
        act: Act,
    },
    /// Give a version to a share of the users.
    StartCanary {
        /// Names it.
        canary: Uuid,
        /// The version.
        version: u32,
        /// How many of a hundred users.
        percent: u8,
        /// When it is taken back.
        bounds: CanaryBounds,
        /// Why.
        reason: Option<String>,
        /// Takes the place of a passing test run. The caller has checked that the author may.
        override_reason: Option<String>,
        /// When and by whom.
        act: Act,
    },
    /// Give `production` to all users again. [`CanaryEnd::Promoted`] points `production` to the
    /// canary's version.
    EndCanary {
        /// The canary that is meant.
        canary: Uuid,
        /// How it ends.
        end: CanaryEnd,
        /// What was seen of it.
        tally: CanaryTally,
        /// Why.
        reason: Option<String>,
        /// When and by whom.
        act: Act,
    },
    /// Write or change the test set.
    SaveTestSet {
        /// The number that the author started from; `None`: there was none.
        expected_number: Option<u32>,
        /// All its cases.
        cases: Vec<TestCase>,
        /// When and by whom.
        act: Act,
    },
    /// Record a test run's result.
    RecordTest {
        /// The run.
        run: Uuid,
        /// What was tested.
        tested: Tested,
        /// The content that was tested.
        hash: ContentHash,
        /// The number of the test set it ran.
        test_set: u32,
        /// How many cases it had.
        cases: u32,
        /// How many of them failed.
        failed: u32,
        /// When it ended, and who asked for it.
        act: Act,
    },
    /// Record a finished shadow run's result.
    RecordShadow {
        /// The run.
        run: Uuid,
        /// The version that was tried.
        version: u32,
        /// That version's hash.
        hash: ContentHash,
        /// What came of its cases.
        tally: Tally,
        /// When it ended, and who asked for it.
        act: Act,
    },
    /// Say what a deployment needs.
    SetDeploymentPolicy {
        /// What is to hold from now on.
        policy: DeploymentPolicy,
        /// When and by whom.
        act: Act,
    },
    /// Take no new tickets.
    Retire {
        /// Why.
        reason: Option<String>,
        /// When and by whom.
        act: Act,
    },
    /// Take tickets again.
    Restore {
        /// When and by whom.
        act: Act,
    },
    /// Take a prompt over from the configuration: version 1, in production.
    Adopt {
        /// Its content, found sound.
        content: Arc<Content>,
        /// When.
        act: Act,
    },
}

impl Command {
    /// Whether it says what its author saw, or would come to the same after whatever others do: only
    /// then may it be decided again when somebody else was faster.
    pub const fn is_bound(&self) -> bool {
        match self {
            Self::SaveDraft { .. }
            | Self::DiscardDraft { .. }
            | Self::Publish { .. }
            | Self::RollBack { .. }
            | Self::EndCanary { .. }
            | Self::SaveTestSet { .. }
            | Self::RecordTest { .. }
            | Self::RecordShadow { .. }
            | Self::SetDeploymentPolicy { .. }
            | Self::Adopt { .. } => true,
            Self::MoveLabel { expected, .. } => expected.is_some(),
            Self::RemoveLabel { .. }
            | Self::StartCanary { .. }
            | Self::Retire { .. }
            | Self::Restore { .. } => false,
        }
    }

    /// The same, done at another time.
    #[must_use]
    pub fn at(mut self, time: Timestamp) -> Self {
        match &mut self {
            Self::SaveDraft { act, .. }
            | Self::DiscardDraft { act, .. }
            | Self::Publish { act, .. }
            | Self::MoveLabel { act, .. }
            | Self::RollBack { act, .. }
            | Self::RemoveLabel { act, .. }
            | Self::StartCanary { act, .. }
            | Self::EndCanary { act, .. }
            | Self::SaveTestSet { act, .. }
            | Self::RecordTest { act, .. }
            | Self::RecordShadow { act, .. }
            | Self::SetDeploymentPolicy { act, .. }
            | Self::Retire { act, .. }
            | Self::Restore { act }
            | Self::Adopt { act, .. } => act.at = time,
        }
        self
    }
}

/// What somebody saw of the canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeenCanary {
    /// None was running.
    Nothing,
    /// This one.
    Running(Uuid),
}

/// What somebody saw a label point to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seen {
    /// Nothing: the label did not exist.
    Nothing,
    /// This version.
    Version(u32),
}
