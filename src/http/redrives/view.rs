//! Failed tickets and redrives as the API shows them.

use punchcard_actors::ports::FailureGroup;
use punchcard_actors::redrives::Preview;
use punchcard_events::act::Author;
use punchcard_events::redrive::{Phase, RedriveFilter, RedriveState};
use punchcard_events::ticket::{RedriveFrom, Stage};
use punchcard_events::{TaskName, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

/// Failed tickets by their reason.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DeadLettersView {
    total: u64,
    groups: Vec<FailureGroupView>,
}

/// What a redrive would do.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "RedrivePreview")]
pub(super) struct PreviewView {
    /// How many tickets would be opened again.
    would_redrive: u64,
    /// All that match.
    groups: Vec<FailureGroupView>,
}

/// Failed tickets of one task and one reason.
#[derive(Debug, Serialize, JsonSchema)]
struct FailureGroupView {
    task: TaskName,
    stage: Stage,
    code: String,
    count: u64,
    /// When the first of them failed.
    oldest: Timestamp,
    /// When the last of them failed.
    newest: Timestamp,
}

/// One redrive.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RedriveView {
    redrive: Uuid,
    state: PhaseView,
    filter: RedriveFilter,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<RedriveFrom>,
    /// The key of whoever asked.
    by: String,
    started_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
    /// The key of whoever stopped it; `punchcard` where it came to its end.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_by: Option<String>,
    limit: u64,
    per_second: u32,
    /// How many tickets there were at the start.
    total: u64,
    /// How many are open again.
    redriven: u64,
    /// How many were not failed any more when their turn came, or failed anew, or were kept no longer, or
    /// were left by a stop.
    skipped: u64,
    /// How many were not taken, because a limit or a budget would have been passed.
    refused: u64,
}

#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum PhaseView {
    Running,
    Stopped,
    Finished,
}

/// A page of redrives.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RedrivePage {
    pub(super) redrives: Vec<RedriveView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

impl RedriveView {
    /// `None` before the first event.
    pub(super) fn of(redrive: Uuid, state: &RedriveState) -> Option<Self> {
        let started = state.started.as_ref()?;
        let (phase, end) = match &state.phase {
            Phase::None => return None,
            Phase::Running => (PhaseView::Running, None),
            Phase::Stopped(act) => (PhaseView::Stopped, Some(act)),
            Phase::Finished(act) => (PhaseView::Finished, Some(act)),
        };
        Some(Self {
            redrive,
            state: phase,
            filter: started.filter.clone(),
            from: started.from,
            by: named(&started.act.by),
            started_at: started.act.at,
            ended_at: end.map(|act| act.at),
            ended_by: end.map(|act| named(&act.by)),
            limit: started.limit,
            per_second: started.per_second,
            total: started.total,
            redriven: state.outcomes.redriven,
            skipped: state.outcomes.skipped,
            refused: state.outcomes.refused,
        })
    }
}

fn named(author: &Author) -> String {
    match author {
        Author::Key { prefix, .. } => prefix.clone(),
        Author::Configuration | Author::Runtime => "punchcard".to_owned(),
    }
}

impl From<FailureGroup> for FailureGroupView {
    fn from(group: FailureGroup) -> Self {
        Self {
            task: group.task,
            stage: group.stage,
            code: group.code,
            count: group.count,
            oldest: group.oldest,
            newest: group.newest,
        }
    }
}

impl From<Vec<FailureGroup>> for DeadLettersView {
    fn from(groups: Vec<FailureGroup>) -> Self {
        Self {
            total: groups.iter().map(|group| group.count).sum(),
            groups: groups.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<Preview> for PreviewView {
    fn from(preview: Preview) -> Self {
        Self {
            would_redrive: preview.would_redrive,
            groups: preview.groups.into_iter().map(Into::into).collect(),
        }
    }
}
