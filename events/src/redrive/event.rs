//! What can happen to a redrive. These shapes are stored for ever.

use serde::{Deserialize, Serialize};

use crate::act::Act;
use crate::codec::stored;
use crate::ids::{TaskName, TenantId, TicketId, UserId};
use crate::recorded::Upcaster;
use crate::ticket::{RedriveFrom, Stage};
use crate::time::Timestamp;

/// Every upcaster of these events ever needed. Empty while all types are at version 1.
const UPCASTERS: &[Upcaster] = &[];

stored!(
    RedriveEvent,
    UPCASTERS,
    [
        RedriveStarted @ 1,
        RedriveBatchBegun @ 1,
        RedriveBatchEnded @ 1,
        RedriveStopped @ 1,
        RedriveFinished @ 1,
    ]
);

/// One event of a redrive's life.
#[derive(Debug, Clone, PartialEq)]
pub enum RedriveEvent {
    /// Somebody asked for it.
    RedriveStarted(RedriveStarted),
    /// These tickets are opened next. Written before the first of them is.
    RedriveBatchBegun(RedriveBatchBegun),
    /// What became of them.
    RedriveBatchEnded(RedriveBatchEnded),
    /// Somebody stopped it.
    RedriveStopped(RedriveStopped),
    /// It went through all tickets that it was for.
    RedriveFinished(RedriveFinished),
}

/// Body of `RedriveStarted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedriveStarted {
    /// Whose tickets.
    pub tenant: TenantId,
    /// Which of them.
    pub filter: RedriveFilter,
    /// The step that they go on from; absent: the one that each failed in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<RedriveFrom>,
    /// The most tickets that are opened.
    pub limit: u64,
    /// The most that are opened in a second.
    pub per_second: u32,
    /// How many there were at the start, up to `limit`.
    pub total: u64,
    /// When and by whom. What failed later than this is left alone.
    pub act: Act,
}

/// Which failed tickets; an empty filter means all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RedriveFilter {
    /// Only of this task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskName>,
    /// Only those that failed in this stage.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stage: Option<Stage>,
    /// Only those that failed with this code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Only this user's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// Only those issued at or after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_from: Option<Timestamp>,
    /// Only those issued before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_before: Option<Timestamp>,
    /// Only those that failed before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed_before: Option<Timestamp>,
}

/// Body of `RedriveBatchBegun`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedriveBatchBegun {
    /// Which tickets, in the order of their ids.
    pub tickets: Vec<TicketId>,
}

/// Body of `RedriveBatchEnded`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedriveBatchEnded {
    /// What became of the tickets.
    #[serde(flatten)]
    pub outcomes: Outcomes,
}

/// What became of tickets that were to be opened again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Outcomes {
    /// So many are open.
    pub redriven: u64,
    /// So many were not failed any more, or failed anew since, or were left because it was stopped.
    pub skipped: u64,
    /// So many were not taken: a limit or a budget would have been passed.
    pub refused: u64,
}

impl Outcomes {
    /// How many tickets.
    pub const fn count(&self) -> u64 {
        let most = self.redriven.saturating_add(self.skipped);
        most.saturating_add(self.refused)
    }

    /// Those, and these too.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            redriven: self.redriven.saturating_add(other.redriven),
            skipped: self.skipped.saturating_add(other.skipped),
            refused: self.refused.saturating_add(other.refused),
        }
    }
}

/// Body of `RedriveStopped`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedriveStopped {
    /// When and by whom.
    pub act: Act,
}

/// Body of `RedriveFinished`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedriveFinished {
    /// When and by whom.
    pub act: Act,
}
