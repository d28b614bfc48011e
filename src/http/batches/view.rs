//! Batches as the API shows them.

use std::collections::BTreeMap;

use punchcard_actors::batches;
use punchcard_events::batch::{BatchMode, BatchState, Discard, Phase, RefusedLine};
use punchcard_events::{BatchId, TaskName, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

/// One batch.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct BatchView {
    #[serde(flatten)]
    line: BatchLineView,
    /// How many of its tickets are in which state.
    tickets: BTreeMap<&'static str, u64>,
    /// Accepted lines that are not issued yet.
    waiting: u64,
    /// Accepted lines that were refused when their turn came.
    refused: u32,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rejected_lines: Vec<Refused>,
}

/// One batch of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct BatchLineView {
    id: BatchId,
    state: &'static str,
    mode: BatchMode,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<TaskName>,
    begun_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sealed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finished_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    discarded: Option<Discard>,
}

/// A page of the list.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct BatchPage {
    pub(super) batches: Vec<BatchLineView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

/// A line that does not run, and why.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Refused {
    line: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_id: Option<String>,
    code: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

impl Refused {
    pub(super) fn of(line: &RefusedLine) -> Self {
        Self {
            line: line.line,
            custom_id: line.custom_id.clone(),
            code: line.code.clone(),
            message: line.message.clone(),
            field: line.field.clone(),
        }
    }
}

impl BatchView {
    pub(super) fn of(view: &batches::BatchView) -> Self {
        let tickets = view.tickets.iter();
        let tickets: BTreeMap<_, _> = tickets.map(|(s, count)| (s.as_str(), *count)).collect();
        let issued: u64 = tickets.values().sum();
        let accepted = view
            .state
            .sealed
            .as_ref()
            .map_or(0, |sealed| sealed.accepted);
        let known = issued + u64::from(view.refused);
        Self {
            line: BatchLineView::of(view.id, &view.state),
            waiting: u64::from(accepted).saturating_sub(known),
            tickets,
            refused: view.refused,
            rejected_lines: vec![],
        }
    }

    /// The same with rejected lines.
    pub(super) fn listing(mut self, rejected: &[RefusedLine]) -> Self {
        self.rejected_lines = rejected.iter().map(Refused::of).collect();
        self
    }
}

impl BatchLineView {
    pub(super) fn of(id: BatchId, state: &BatchState) -> Self {
        let sealed = state.sealed.as_ref();
        let (finished_at, discarded) = match &state.phase {
            Phase::Finished(end) => (Some(end.act.at), None),
            Phase::Discarded(end) => (Some(end.act.at), Some(end.why)),
            Phase::Receiving | Phase::Running | Phase::Cancelling => (None, None),
        };
        Self {
            id,
            state: state_name(state),
            mode: state.begun.mode,
            task: state.begun.task.clone(),
            begun_at: state.begun.act.at,
            accepted: sealed.map(|sealed| sealed.accepted),
            rejected: sealed.map(|sealed| sealed.rejected),
            bytes: sealed.map(|sealed| sealed.bytes),
            sealed_at: sealed.map(|sealed| sealed.act.at),
            cancelled_at: state.cancelled.as_ref().map(|act| act.at),
            finished_at,
            discarded,
        }
    }
}

/// The phase; one that was cancelled and has come to its end is `cancelled`.
fn state_name(state: &BatchState) -> &'static str {
    match &state.phase {
        Phase::Finished(_) if state.cancelled.is_some() => "cancelled",
        phase => phase.as_str(),
    }
}
