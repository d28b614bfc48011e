//! How much a tenant may use. Absent is without a limit of its own: the runtime's bounds hold always.

use std::collections::{BTreeMap, BTreeSet};

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::rejection::Rejection;
use crate::ids::TaskName;

/// The most keys of a tenant that open something at a time, those not counted that another is replacing.
pub const MAX_LIVE_KEYS: usize = 64;

/// The most keys a tenant may ever have had: a prefix is remembered for ever. 64 keys that are rotated
/// every month take some thirteen years.
pub const MAX_KEYS: usize = 10_000;

/// How many days a key may go on beside the one that takes its place.
pub const MAX_OVERLAP_DAYS: u32 = 30;

/// The same as a duration.
pub(super) const MAX_OVERLAP: Duration = Duration::from_secs(MAX_OVERLAP_DAYS as u64 * 24 * 3600);

/// The most web origins of a tenant.
pub const MAX_ORIGINS: usize = 100;

/// The most tasks of a tenant that may have hooks.
pub const MAX_HOOKED_TASKS: usize = 1_000;

/// The most tasks of a tenant that may have limits of their own.
pub const MAX_LIMITED_TASKS: usize = 1_000;

/// The most models that a tenant's chat completions may ask without a task.
pub const MAX_RAW_MODELS: usize = 100;

/// The most bytes of a model's name.
pub const MODEL_NAME_BYTES: usize = 200;

/// The greatest weight.
pub const MAX_WEIGHT: u16 = 1_000;

/// The longest that texts are kept, where they are not kept for ever: a hundred years.
pub const MAX_RETENTION_DAYS: u32 = 36_500;

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

impl TenantLimits {
    /// Whether they can be kept to.
    pub(super) fn check(&self) -> Result<(), Rejection> {
        self.all.check()?;
        self.tasks.values().try_for_each(Limits::check)?;
        let numbers = [
            ("tasks with limits", self.tasks.len(), MAX_LIMITED_TASKS),
            ("raw models", self.raw_models.len(), MAX_RAW_MODELS),
        ];
        for (what, count, max) in numbers {
            if count > max {
                return Err(Rejection::TooMany { what, max });
            }
        }
        for model in &self.raw_models {
            let (what, bytes, max) = ("a model's name", model.len(), MODEL_NAME_BYTES);
            if bytes > max {
                return Err(Rejection::TooLong { what, bytes, max });
            }
            if model.is_empty() || model.chars().any(char::is_control) {
                let what = "the model's name";
                return Err(Rejection::BadText { what });
            }
        }
        match (self.weight, self.retention_days) {
            (Some(weight), _) if !(1..=MAX_WEIGHT).contains(&weight) => {
                Err(Rejection::WeightOutOfRange(weight))
            }
            (_, Some(days)) if !(1..=MAX_RETENTION_DAYS).contains(&days) => {
                Err(Rejection::RetentionOutOfRange(days))
            }
            (Some(_) | None, Some(_) | None) => Ok(()),
        }
    }
}

impl Limits {
    /// A limit of nothing is a suspension in disguise.
    fn check(&self) -> Result<(), Rejection> {
        let wide = |limit: Option<u32>| limit.map(u64::from);
        let cost = |budget: &Budget| budget.cost_micro_usd.map(|cost| cost.0);
        let all = [
            ("requests_per_minute", wide(self.requests_per_minute)),
            ("tokens_per_minute", self.tokens_per_minute),
            ("concurrent_tickets", wide(self.concurrent_tickets)),
            ("daily.tokens", self.daily.tokens),
            ("daily.cost_micro_usd", cost(&self.daily)),
            ("monthly.tokens", self.monthly.tokens),
            ("monthly.cost_micro_usd", cost(&self.monthly)),
        ];
        let zero = all.into_iter().find(|(_, value)| *value == Some(0));
        zero.map_or(Ok(()), |(limit, _)| Err(Rejection::ZeroLimit { limit }))
    }
}

impl Budget {
    /// Whether nothing is limited.
    pub const fn is_unlimited(&self) -> bool {
        self.tokens.is_none() && self.cost_micro_usd.is_none()
    }
}
