//! What a prompt is now, in full: with every version's content. It is folded for one command or
//! one reader and dropped again; what stays in memory is the smaller
//! [`PromptSummary`](super::PromptSummary).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;

use super::content::{Content, ContentHash};
use super::event::{
    Act, CanaryEnded, CanaryStarted, Clearance, DeploymentPolicy, LabelMoved, MoveCause,
    PromptShadowed, PromptTested,
};
use super::limits;
use super::test_set::TestSet;
use crate::ids::LabelName;

/// The state of a prompt: the fold of its events.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PromptState {
    /// What is being edited.
    pub draft: Option<Draft>,
    /// All versions, the first of them number 1.
    pub versions: Vec<Version>,
    /// Where the labels point to.
    pub labels: BTreeMap<LabelName, LabelState>,
    /// The running canary.
    pub canary: Option<CanaryStarted>,
    /// How the newest canary that is over ended.
    pub last_canary: Option<CanaryEnded>,
    /// The present test set.
    pub test_set: Option<Arc<TestSet>>,
    /// Results of test runs in the order they were recorded: the newest of each content under each
    /// test set, at most [`limits::RESULTS`].
    pub tests: Vec<PromptTested>,
    /// Every run whose result was ever recorded, 16 bytes each: one that is told of again must not
    /// take the place of a newer one, even if it is forgotten itself.
    pub runs: BTreeSet<Uuid>,
    /// Results of shadow runs in the order they were recorded, at most [`limits::RESULTS`].
    pub shadows: Vec<PromptShadowed>,
    /// What a deployment needs besides a passed test run.
    pub policy: DeploymentPolicy,
    /// Since when, and by whom, no new tickets are taken; absent while they are.
    pub retired: Option<Act>,
    /// The highest edit number ever given; 0 before the first.
    pub last_edit: u32,
}

/// What is being edited.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// The newest edit's number.
    pub edit: u32,
    /// The version it began as a copy of, where it did.
    pub based_on: Option<u32>,
    /// What it says; its partials are empty.
    pub content: Arc<Content>,
    /// When and by whom it was last saved.
    pub act: Act,
}

/// A published version. It never changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Version {
    /// Its number, from 1.
    pub number: u32,
    /// Its content's identity.
    pub hash: ContentHash,
    /// What it says, with the partials written in.
    pub content: Arc<Content>,
    /// What the author says about it.
    pub notes: String,
    /// When and by whom it was published.
    pub act: Act,
}

/// Where a label points to, and how it came there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelState {
    /// The version it points to.
    pub version: u32,
    /// What it pointed to before, the newest last: what rolling back leads to. At most
    /// [`limits::STEPS_BACK`].
    pub before: Vec<u32>,
    /// How it came to point there.
    pub cause: MoveCause,
    /// Why, in the author's words.
    pub reason: Option<String>,
    /// What allowed it.
    pub clearance: Clearance,
    /// Since when it points there, and by whom.
    pub act: Act,
}

impl PromptState {
    /// Whether nothing has ever happened: there is no such prompt.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The version of this number.
    pub fn version(&self, number: u32) -> Option<&Version> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        self.versions.get(index)
    }

    /// The version with this content.
    pub fn version_of(&self, hash: ContentHash) -> Option<&Version> {
        self.versions.iter().find(|version| version.hash == hash)
    }

    /// The newest version.
    pub fn latest(&self) -> Option<&Version> {
        self.versions.last()
    }

    /// The version that a label points to.
    pub fn labelled(&self, label: &LabelName) -> Option<u32> {
        self.labels.get(label).map(|label| label.version)
    }

    /// The version in production.
    pub fn production(&self) -> Option<u32> {
        self.labelled(&LabelName::production())
    }

    /// The newest result of this content under the present test set: the one that decides whether
    /// it may go to production.
    pub fn newest_test(&self, hash: ContentHash) -> Option<&PromptTested> {
        newest(&self.tests, hash, self.test_set.as_ref()?.number)
    }
}

impl LabelState {
    /// The label after a move. `before` is the label as it was, if it was there.
    pub(super) fn after(label: Option<Self>, moved: &LabelMoved) -> Self {
        let before = match label {
            None => vec![],
            Some(label) => label.stack_after(moved.cause),
        };
        Self {
            version: moved.to,
            before,
            cause: moved.cause,
            reason: moved.reason.clone(),
            clearance: moved.clearance.clone(),
            act: moved.act.clone(),
        }
    }

    /// Deploying pushes what the label pointed to, rolling back takes it off again.
    fn stack_after(self, cause: MoveCause) -> Vec<u32> {
        let mut before = self.before;
        match cause {
            MoveCause::RolledBack => {
                before.pop();
            }
            MoveCause::Deployed | MoveCause::Promoted => {
                before.push(self.version);
                if before.len() > limits::STEPS_BACK {
                    before.remove(0);
                }
            }
        }
        before
    }
}

/// Records a result: the newest of each content and test set is kept, in the order of recording.
pub(super) fn record(tests: &mut Vec<PromptTested>, tested: &PromptTested) {
    tests.retain(|known| (known.hash, known.test_set) != (tested.hash, tested.test_set));
    if tests.len() >= limits::RESULTS {
        tests.remove(0);
    }
    tests.push(tested.clone());
}

/// Records a shadow run's result: once, whoever tells of it again.
pub(super) fn record_shadow(shadows: &mut Vec<PromptShadowed>, shadowed: &PromptShadowed) {
    if shadows.iter().any(|known| known.run == shadowed.run) {
        return;
    }
    if shadows.len() >= limits::RESULTS {
        shadows.remove(0);
    }
    shadows.push(shadowed.clone());
}

/// The newest result of a content under a test set.
pub(super) fn newest(
    tests: &[PromptTested],
    hash: ContentHash,
    test_set: u32,
) -> Option<&PromptTested> {
    let mut newest_first = tests.iter().rev();
    newest_first.find(|tested| tested.hash == hash && tested.test_set == test_set)
}

impl PromptTested {
    /// Whether every case passed, and there was one.
    pub const fn passed(&self) -> bool {
        self.cases > 0 && self.failed == 0
    }
}
