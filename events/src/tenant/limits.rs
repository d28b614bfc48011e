//! How much a tenant may use. Absent is without a limit of its own: the runtime's bounds hold always.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::ids::TaskName;

/// Millionths of a US dollar. Sums of a month stay far below 2^63 of them.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct MicroUsd(pub u64);

/// Everything that limits a tenant.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct TenantLimits {
    /// All its tasks together.
    #[serde(default)]
    pub all: Limits,
    /// Tasks with limits of their own, within those of the tenant.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tasks: BTreeMap<TaskName, Limits>,
    /// Its part of a model that others wait for too, measured in tokens: a tenant of weight 2 gets
    /// twice what one of weight 1 gets. Absent: 1. At least 1, at most 1,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weight: Option<u16>,
    /// Models that its chat completions may ask without a task.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub raw_models: BTreeSet<String>,
    /// Days after its end for which the texts of a ticket can be read; absent: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<u32>,
}

/// Limits of a tenant or of one of its tasks.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Model calls begun per minute. More wait in line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_per_minute: Option<u32>,
    /// Tokens per minute, prompt and answer together. More wait in line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens_per_minute: Option<u64>,
    /// Tickets that are open at a time, those in line among them. More are refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrent_tickets: Option<u32>,
    /// What may be used in a day (UTC). What would pass it is refused.
    #[serde(default, skip_serializing_if = "Budget::is_unlimited")]
    pub daily: Budget,
    /// What may be used in a calendar month (UTC). What would pass it is refused.
    #[serde(default, skip_serializing_if = "Budget::is_unlimited")]
    pub monthly: Budget,
}

/// What may be used in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Budget {
    /// Tokens, prompt and answer together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tokens: Option<u64>,
    /// What they cost, by the price table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micro_usd: Option<MicroUsd>,
}

impl Budget {
    /// Whether nothing is limited.
    pub const fn is_unlimited(&self) -> bool {
        self.tokens.is_none() && self.cost_micro_usd.is_none()
    }
}
