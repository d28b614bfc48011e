//! Usage as the API shows it.

use punchcard_actors::ports::{UsageQuery, UsageRow};
use punchcard_actors::usage::{Counts, Day, Period, Scope, Standing, Unit};
use punchcard_events::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

/// A report.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct UsageView {
    from: Day,
    to: Day,
    rows: Vec<RowView>,
    total: CountsView,
    budgets: Vec<BudgetView>,
    /// Whether everything that was stored before the start is counted.
    complete: bool,
}

/// One row. What it is not grouped by is absent.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "UsageRowView")]
struct RowView {
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<Day>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    #[serde(flatten)]
    counts: CountsView,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "UsageCountsView")]
struct CountsView {
    #[serde(flatten)]
    counts: Counts,
    total_tokens: u64,
}

/// How a budget stands. `limit`, `used`, `reserved` and `left` are in `unit`.
#[derive(Debug, Serialize, JsonSchema)]
pub(in crate::http) struct BudgetView {
    name: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    task: Option<String>,
    period: &'static str,
    unit: &'static str,
    limit: u64,
    used: u64,
    reserved: u64,
    left: u64,
    renewed_at: Timestamp,
}

impl UsageView {
    pub(super) fn new(
        query: &UsageQuery,
        rows: Vec<UsageRow>,
        budgets: Vec<Standing>,
        complete: bool,
    ) -> Self {
        let mut total = Counts::default();
        for row in &rows {
            total.add(&row.counts);
        }
        Self {
            from: query.from,
            to: query.to,
            rows: rows.into_iter().map(RowView::from).collect(),
            total: total.into(),
            budgets: budgets.into_iter().map(BudgetView::from).collect(),
            complete,
        }
    }
}

impl From<UsageRow> for RowView {
    fn from(row: UsageRow) -> Self {
        Self {
            day: row.day,
            tenant: row.tenant,
            task: row.task,
            version: row.version,
            model: row.model,
            counts: row.counts.into(),
        }
    }
}

impl From<Counts> for CountsView {
    fn from(counts: Counts) -> Self {
        Self {
            total_tokens: counts.tokens(),
            counts,
        }
    }
}

impl From<Standing> for BudgetView {
    fn from(standing: Standing) -> Self {
        Self {
            name: standing.limit.word(),
            left: standing.left(),
            period: match standing.limit.period {
                Period::Day => "day",
                Period::Month => "month",
            },
            unit: match standing.limit.unit {
                Unit::Tokens => "tokens",
                Unit::MicroUsd => "micro_usd",
            },
            task: match standing.limit.scope {
                Scope::Tenant => None,
                Scope::Task(task) => Some(task.to_string()),
            },
            limit: standing.quota,
            used: standing.used,
            reserved: standing.reserved,
            renewed_at: standing.ends_at,
        }
    }
}
