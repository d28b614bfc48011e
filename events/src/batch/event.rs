//! What can happen to a batch. These shapes are stored for ever.

use serde::{Deserialize, Serialize};

use crate::act::Act;
use crate::codec::stored;
use crate::ids::{TaskName, TenantId};
use crate::recorded::Upcaster;

/// Every upcaster of batch events ever needed. Empty while all types are at version 1.
const UPCASTERS: &[Upcaster] = &[];

stored!(
    BatchEvent,
    UPCASTERS,
    [
        BatchBegun @ 1,
        BatchSealed @ 1,
        BatchDiscarded @ 1,
        BatchCancelled @ 1,
        BatchFinished @ 1,
    ]
);

/// One event of a batch's life.
#[derive(Debug, Clone, PartialEq)]
pub enum BatchEvent {
    /// An upload began.
    BatchBegun(BatchBegun),
    /// It is complete, and its lines run from now on.
    BatchSealed(BatchSealed),
    /// It is not going to run.
    BatchDiscarded(BatchDiscarded),
    /// No more of it is to run.
    BatchCancelled(BatchCancelled),
    /// Nothing of it is left to do.
    BatchFinished(BatchFinished),
}

/// Body of `BatchBegun`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchBegun {
    /// Whose it is.
    pub tenant: TenantId,
    /// What lines run that name no task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<TaskName>,
    /// What a bad line means.
    pub mode: BatchMode,
    /// The issuer's idempotency key, where it sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// When and by whom.
    pub act: Act,
}

/// What a bad line means for the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum BatchMode {
    /// Nothing: they run.
    #[default]
    Partial,
    /// None of them runs.
    AllOrNothing,
}

/// Body of `BatchSealed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchSealed {
    /// Lines that run.
    pub accepted: u32,
    /// Lines that do not, and say why.
    pub rejected: u32,
    /// Bytes of the upload.
    pub bytes: u64,
    /// Events of the stream of lines that hold them.
    pub chunks: u64,
    /// SHA-256 of the upload, in hexadecimal.
    pub sha256: String,
    /// When and by whom.
    pub act: Act,
}

/// Body of `BatchDiscarded`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchDiscarded {
    /// Why.
    pub why: Discard,
    /// When and by whom.
    pub act: Act,
}

/// Why a batch does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Discard {
    /// The upload broke off.
    BrokenOff,
    /// It had no line.
    Empty,
    /// It had more lines or bytes than a batch may.
    TooLarge,
    /// A line was bad, and it was to be all or nothing.
    BadLines,
}

/// Body of `BatchCancelled`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchCancelled {
    /// When and by whom.
    pub act: Act,
}

/// Body of `BatchFinished`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchFinished {
    /// Lines that were refused when their turn came.
    pub refused: u32,
    /// When and by whom.
    pub act: Act,
}
