//! The lines of a batch, a chunk an event.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::codec::stored;
use crate::ids::{LabelName, TaskName, UserId};
use crate::recorded::Upcaster;
use crate::time::Timestamp;

/// Every upcaster of these events ever needed. Empty while all types are at version 1.
const UPCASTERS: &[Upcaster] = &[];

stored!(
    BatchLinesEvent,
    UPCASTERS,
    [BatchLines @ 1, BatchLinesRefused @ 1]
);

/// One event of a batch's stream of lines: first all chunks, then what was refused.
#[derive(Debug, Clone, PartialEq)]
pub enum BatchLinesEvent {
    /// Lines of the upload.
    BatchLines(BatchLines),
    /// Lines that were refused when their turn came.
    BatchLinesRefused(BatchLinesRefused),
}

/// Body of `BatchLines`: some of the upload, each line in one of the two, in their order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct BatchLines {
    /// Those that run.
    pub accepted: Vec<RequestLine>,
    /// Those that do not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<RefusedLine>,
}

/// Body of `BatchLinesRefused`: accepted at the upload, and turned down when they were to be issued.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BatchLinesRefused {
    /// The lines, in their order.
    pub lines: Vec<RefusedLine>,
}

/// A line that runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestLine {
    /// Its number, from 1.
    pub line: u32,
    /// The issuer's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_id: Option<String>,
    /// What to run.
    pub task: TaskName,
    /// The label whose version is to run; absent: `production`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<LabelName>,
    /// Whom the answer is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<UserId>,
    /// The values of the prompt's variables.
    pub input: Arc<Value>,
    /// The issuer's own labels.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, String>,
    /// Before this it owes nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// It must be answered by then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
}

/// A line that does not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedLine {
    /// Its number, from 1.
    pub line: u32,
    /// The issuer's own name for it, as far as it could be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub custom_id: Option<String>,
    /// A stable word for programs, as of a problem of the HTTP API.
    pub code: String,
    /// A sentence for people.
    pub message: String,
    /// The part of the line that is wrong, as a JSON pointer (RFC 6901).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}
