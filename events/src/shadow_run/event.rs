//! What can happen to a shadow run. These shapes are stored for ever.

use serde::{Deserialize, Serialize};

use crate::act::Act;
use crate::codec::{finite, stored};
use crate::ids::{TaskName, TenantId, UserId};
use crate::prompt::ContentHash;
use crate::recorded::Upcaster;
use crate::time::Timestamp;

use super::choosing::Share;

/// Every upcaster of these events ever needed. Empty while all types are at version 1.
const UPCASTERS: &[Upcaster] = &[];

stored!(
    ShadowRunEvent,
    UPCASTERS,
    [
        ShadowRunStarted @ 1,
        ShadowRunStopped @ 1,
        ShadowRunResumed @ 1,
        ShadowRunFinished @ 1,
    ]
);

/// One event of a shadow run's life.
#[derive(Debug, Clone, PartialEq)]
pub enum ShadowRunEvent {
    /// It began.
    ShadowRunStarted(ShadowRunStarted),
    /// No more of its cases begin, for now.
    ShadowRunStopped(ShadowRunStopped),
    /// It goes on.
    ShadowRunResumed(ShadowRunResumed),
    /// All its cases have ended.
    ShadowRunFinished(ShadowRunFinished),
}

/// Body of `ShadowRunStarted`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShadowRunStarted {
    /// Whose it is.
    pub tenant: TenantId,
    /// The task whose tickets are run again.
    pub task: TaskName,
    /// What they are run with.
    pub candidate: Candidate,
    /// Which tickets were asked for.
    pub choice: Choice,
    /// How many tickets there were to choose from.
    pub matched: u32,
    /// How many were chosen; at least one, and at most [`MAX_CASES`](super::MAX_CASES).
    pub cases: u32,
    /// What it was thought to use, before it began.
    pub estimate: Estimate,
    /// It stops before it costs more than so many US dollars; absent: it does not.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "finite"
    )]
    pub max_cost_usd: Option<f64>,
    /// When and by whom.
    pub act: Act,
}

/// What a shadow run tries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Candidate {
    /// The version.
    pub version: u32,
    /// That version's hash.
    pub hash: ContentHash,
}

/// Which tickets of the past are run again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    /// Tickets of this period and user.
    #[serde(default)]
    pub filter: TicketPeriod,
    /// The share of these that is drawn.
    #[serde(default)]
    pub sample: Share,
    /// What the draw follows from: the same seed draws the same tickets.
    pub seed: u32,
    /// The most of them.
    pub limit: u32,
}

/// Some tickets of a task.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TicketPeriod {
    /// Issued at this time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_from: Option<Timestamp>,
    /// Issued before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_before: Option<Timestamp>,
    /// Of this user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
}

/// What a run is thought to use.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Estimate {
    /// Tokens of the messages.
    pub prompt_tokens: u64,
    /// Tokens of the answers.
    pub completion_tokens: u64,
    /// US dollars; absent where the model has no price.
    #[serde(default, serialize_with = "finite")]
    pub cost_usd: Option<f64>,
}

/// Body of `ShadowRunStopped`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowRunStopped {
    /// Why.
    pub reason: StopReason,
    /// When and by whom.
    pub act: Act,
}

/// Why a run stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// Somebody wanted it to.
    Asked,
    /// One more case might have cost more than the run may.
    MaxCost,
    /// The tenant's budget has no room for a case, and no new period will have any.
    Budget,
    /// The candidate cannot be run any more, for this reason.
    Candidate(String),
}

/// Body of `ShadowRunResumed`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShadowRunResumed {
    /// What it may cost in all from now on, in US dollars; absent: as before.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        serialize_with = "finite"
    )]
    pub max_cost_usd: Option<f64>,
    /// When and by whom.
    pub act: Act,
}

/// Body of `ShadowRunFinished`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowRunFinished {
    /// What came of its cases.
    pub tally: Tally,
    /// When.
    pub act: Act,
}

/// What came of the cases of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tally {
    /// Cases that ended.
    pub cases: u32,
    /// Of these, those whose answer is as it was.
    pub same: u32,
    /// Of these, those whose answer is another.
    pub changed: u32,
    /// Of these, those whose answer broke the answer schema.
    pub schema_failed: u32,
    /// Of these, those that have no answer for another reason.
    pub failed: u32,
}

impl Tally {
    /// How many have no answer that could be used.
    pub const fn without_answer(&self) -> u32 {
        self.schema_failed.saturating_add(self.failed)
    }

    /// Whether the parts make the whole.
    pub fn adds_up(&self) -> bool {
        let parts = [self.same, self.changed, self.schema_failed, self.failed];
        parts.into_iter().map(u64::from).sum::<u64>() == u64::from(self.cases)
    }
}
