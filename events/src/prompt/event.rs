//! What can happen to a prompt. These shapes are stored for ever: a change is a new schema version
//! with an upcaster, and a golden file stands for every version ever shipped.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::content::{Content, ContentHash};
use super::test_set::TestSet;
pub use crate::act::{Act, Author};
use crate::ids::LabelName;
use crate::shadow_run::Tally;

/// One event of a prompt's life.
#[derive(Debug, Clone, PartialEq)]
pub enum PromptEvent {
    /// The draft was written or changed.
    PromptDrafted(PromptDrafted),
    /// The draft was thrown away.
    DraftDiscarded(DraftDiscarded),
    /// The draft became a version.
    PromptPublished(PromptPublished),
    /// A label points to another version.
    LabelMoved(LabelMoved),
    /// A label is gone.
    LabelRemoved(LabelRemoved),
    /// A share of the users gets another version than `production`.
    CanaryStarted(CanaryStarted),
    /// All users get `production` again.
    CanaryEnded(CanaryEnded),
    /// The test set was written or changed.
    TestSetSaved(TestSetSaved),
    /// A test run ended.
    PromptTested(PromptTested),
    /// A shadow run finished.
    PromptShadowed(PromptShadowed),
    /// It was said what a deployment needs.
    DeploymentPolicySet(DeploymentPolicySet),
    /// The task takes no new tickets.
    PromptRetired(PromptRetired),
    /// The task takes tickets again.
    PromptRestored(PromptRestored),
}

/// Body of `PromptDrafted`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromptDrafted {
    /// The number of this edit, from 1; it rises over all drafts of the prompt and never repeats.
    pub edit: u32,
    /// The version that the draft began as a copy of, where it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub based_on: Option<u32>,
    /// The whole draft.
    pub content: Arc<Content>,
    /// When and by whom.
    pub act: Act,
}

/// Body of `DraftDiscarded`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DraftDiscarded {
    /// The edit that was the newest.
    pub edit: u32,
    /// When and by whom.
    pub act: Act,
}

/// Body of `PromptPublished`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PromptPublished {
    /// The version's number, from 1 without gaps.
    pub version: u32,
    /// The content's identity.
    pub hash: ContentHash,
    /// The content, its partials written in.
    pub content: Arc<Content>,
    /// What the author says about it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub notes: String,
    /// When and by whom.
    pub act: Act,
}

/// Body of `LabelMoved`: a deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelMoved {
    /// The label.
    pub label: LabelName,
    /// The version it pointed to before; absent the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<u32>,
    /// The version it points to now.
    pub to: u32,
    /// That version's hash.
    pub hash: ContentHash,
    /// How it came about.
    pub cause: MoveCause,
    /// Why, in the author's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What allowed it.
    pub clearance: Clearance,
    /// When and by whom.
    pub act: Act,
}

/// How a label came to move.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum MoveCause {
    /// Somebody chose the version.
    Deployed,
    /// Back to what the label pointed to before.
    RolledBack,
    /// The canary's version was taken for everybody.
    Promoted,
}

/// What allowed a version to reach users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clearance {
    /// It passed this test run.
    Tested {
        /// The run.
        run: Uuid,
        /// The shadow run that it passed, where the deployment policy asked for one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        shadow_run: Option<Uuid>,
    },
    /// Somebody who may took the responsibility.
    Overridden {
        /// Why.
        reason: String,
    },
    /// None was needed: the label is not `production`, or the version had been there before, as
    /// after a rollback or as the configuration's own.
    NotNeeded,
}

/// Body of `LabelRemoved`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelRemoved {
    /// The label.
    pub label: LabelName,
    /// The version it pointed to.
    pub from: u32,
    /// When and by whom.
    pub act: Act,
}

/// Body of `CanaryStarted`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CanaryStarted {
    /// Names this canary; the choice of its users is spread by it.
    pub canary: Uuid,
    /// The version that the share of users gets.
    pub version: u32,
    /// That version's hash.
    pub hash: ContentHash,
    /// The version that the others get: what `production` points to.
    pub beside: u32,
    /// How many of a hundred users get it, 1 to 99.
    pub percent: u8,
    /// When it is taken back.
    pub bounds: CanaryBounds,
    /// Why, in the author's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What allowed it.
    pub clearance: Clearance,
    /// When and by whom.
    pub act: Act,
}

/// When a canary is taken back by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CanaryBounds {
    /// More than so many failed tickets of a hundred take it back.
    pub max_failed_percent: u8,
    /// More than so many answers of a hundred that break the answer schema take it back.
    pub max_schema_violation_percent: u8,
    /// Shares are taken of at least so many tickets, so that one bad ticket does not decide.
    pub min_tickets: u32,
}

/// What was seen of a canary's tickets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CanaryTally {
    /// Tickets that were prepared with the version.
    pub tickets: u32,
    /// Of these, those that were answered.
    pub answered: u32,
    /// Of these, those that failed for a reason that the prompt may be to blame for.
    pub failed: u32,
    /// Answers that broke the answer schema; a ticket may have several.
    pub schema_violations: u32,
}

/// Body of `CanaryEnded`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CanaryEnded {
    /// The canary.
    pub canary: Uuid,
    /// Its version.
    pub version: u32,
    /// How it ended.
    pub end: CanaryEnd,
    /// What was seen of it; absent where it was ended without a look at it, by a rollback, a
    /// promotion by deploying, or with the whole prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tally: Option<CanaryTally>,
    /// Why: the author's words, or the bound that was passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When and by whom.
    pub act: Act,
}

/// How a canary ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CanaryEnd {
    /// It was taken for everybody; a `LabelMoved` follows.
    Promoted,
    /// Somebody stopped it.
    Stopped,
    /// It passed a bound and was taken back.
    Returned,
}

/// Body of `TestSetSaved`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestSetSaved {
    /// The whole set.
    pub test_set: Arc<TestSet>,
    /// When and by whom.
    pub act: Act,
}

/// Body of `PromptTested`: a test run's result. The answers are in the run's own stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptTested {
    /// The run.
    pub run: Uuid,
    /// What was tested.
    pub tested: Tested,
    /// The content that was tested, partials written in.
    pub hash: ContentHash,
    /// The number of the test set.
    pub test_set: u32,
    /// How many cases it had; at least one.
    pub cases: u32,
    /// How many of them failed; the run passed if none did.
    pub failed: u32,
    /// When it ended, and who asked for it.
    pub act: Act,
}

/// Body of `PromptShadowed`: a shadow run's result. What came of each case is in the run's own
/// streams.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptShadowed {
    /// The run.
    pub run: Uuid,
    /// The version that was tried.
    pub version: u32,
    /// That version's hash.
    pub hash: ContentHash,
    /// What came of its cases; there was at least one.
    pub tally: Tally,
    /// When it ended, and who asked for it.
    pub act: Act,
}

/// Body of `DeploymentPolicySet`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentPolicySet {
    /// What holds from now on.
    pub policy: DeploymentPolicy,
    /// When and by whom.
    pub act: Act,
}

/// What a version needs before it reaches the users of `production`, besides a passed test run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct DeploymentPolicy {
    /// A shadow run like this; absent or `null`: none.
    #[serde(default)]
    pub shadow_run: Option<ShadowRunPolicy>,
}

/// The shadow run that a deployment needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct ShadowRunPolicy {
    /// It had at least so many cases: 1 to 1,000.
    pub min_cases: u32,
    /// At most so many of a hundred cases had no answer that could be used: 0 to 100.
    pub max_failed_percent: u8,
}

/// What a test run tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Tested {
    /// The draft, as of this edit.
    Draft(u32),
    /// A version.
    Version(u32),
}

/// Body of `PromptRetired`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptRetired {
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When and by whom.
    pub act: Act,
}

/// Body of `PromptRestored`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PromptRestored {
    /// When and by whom.
    pub act: Act,
}
