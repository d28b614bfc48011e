//! What a ticket is that runs a past one again: with another prompt, model or parameters, and without
//! any effect outside. Stored for ever, as everything in [`event`](super::event).

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::event::TicketPreProcessed;
use crate::ids::TicketId;
use crate::recorded::Revision;

/// Where a fork comes from and what it runs.
///
/// A fork makes no call to the tenant's API and is delivered to nobody. It costs what its model calls
/// cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fork {
    /// The ticket that is run again.
    pub parent: TicketId,
    /// The parent's newest event at that time: what it became later has no part in this.
    pub parent_revision: Revision,
    /// The step from which it is run again.
    pub from: ForkFrom,
    /// Who asked: a key's prefix.
    pub by: String,
    /// What goes to the model, as it was made ready when the fork was asked for.
    pub prepared: TicketPreProcessed,
    /// The shadow run that it is a case of, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shadow: Option<ShadowCase>,
}

/// A step of a past ticket that a fork can begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ForkFrom {
    /// The input, as the tenant's API made it ready: a prompt is rendered with it again.
    Requested,
    /// The messages, word for word: only the model or its parameters are others.
    PreProcessed,
}

/// A case of a shadow run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(
    feature = "schema",
    derive(schemars::JsonSchema),
    schemars(rename = "ForkedCase")
)]
pub struct ShadowCase {
    /// The shadow run.
    pub run: Uuid,
    /// The case's number, from 1.
    pub case: u32,
}
