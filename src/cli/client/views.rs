//! Tickets as the API shows them.

use std::collections::BTreeMap;

use punchcard_events::ticket::{
    BatchLine, CancelMode, Channel, Failure as TicketFailure, Fallback, Priority, PromptRef,
    StateName, Timings, Usage,
};
use punchcard_events::{TicketId, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// A ticket. Fields that a newer server adds are passed over here and kept by `--json`.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct TicketView {
    pub(crate) id: TicketId,
    pub(crate) task: String,
    #[serde(default)]
    pub(crate) user: Option<String>,
    pub(crate) state: StateName,
    #[serde(default)]
    pub(crate) attempt: u32,
    #[serde(default)]
    pub(crate) metadata: BTreeMap<String, String>,
    pub(crate) requested_at: Timestamp,
    #[serde(default)]
    pub(crate) updated_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) priority: Priority,
    #[serde(default)]
    pub(crate) not_before: Option<Timestamp>,
    #[serde(default)]
    pub(crate) batch: Option<BatchLine>,
    #[serde(default)]
    pub(crate) fork: Option<ForkView>,
    #[serde(default)]
    pub(crate) deadline: Option<Timestamp>,
    #[serde(default)]
    pub(crate) revision: Option<u64>,
    #[serde(default)]
    pub(crate) prompt: Option<PromptRef>,
    #[serde(default)]
    pub(crate) model: Option<String>,
    #[serde(default)]
    pub(crate) parameters: Option<Value>,
    #[serde(default)]
    pub(crate) fallback: Option<Fallback>,
    #[serde(default)]
    pub(crate) finish_reason: Option<String>,
    #[serde(default)]
    pub(crate) usage: Option<Usage>,
    #[serde(default)]
    pub(crate) timings: Option<Timings>,
    #[serde(default)]
    pub(crate) answer: Option<Value>,
    #[serde(default)]
    pub(crate) failure: Option<TicketFailure>,
    #[serde(default)]
    pub(crate) cancelled: Option<CancelledView>,
    #[serde(default)]
    pub(crate) retry_at: Option<Timestamp>,
    #[serde(default)]
    pub(crate) delivered: Option<DeliveredView>,
}

/// What a ticket is a fork of.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct ForkView {
    pub(crate) parent: TicketId,
    pub(crate) by: String,
}

/// How a ticket was cancelled.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct CancelledView {
    pub(crate) mode: CancelMode,
    pub(crate) by: String,
    #[serde(default)]
    pub(crate) text: Option<String>,
}

/// How an answer was delivered.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct DeliveredView {
    pub(crate) channel: Channel,
    pub(crate) acknowledged_by: String,
}

/// A page of the ticket list.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Page {
    pub(crate) tickets: Vec<Value>,
    #[serde(default)]
    pub(crate) next_cursor: Option<String>,
}

/// An event as the API shows it.
#[derive(Debug, Deserialize)]
pub(crate) struct RecordedView {
    pub(crate) revision: u64,
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) schema_version: u16,
    pub(crate) recorded_at: Timestamp,
    /// The body, read by the event's own decoder.
    pub(crate) data: Box<RawValue>,
}
