//! The usage table: what was used, added up, and how far that goes.

use async_trait::async_trait;
use punchcard_events::{EventId, Position, TaskName, TenantId, TicketId};

use crate::usage::{Amount, Counts, Day, OpenTicket, RowKey};

/// A table of usage, kept outside the event store and rebuilt from it whenever it is lost. Rows, open
/// tickets and position are saved together or not at all.
#[async_trait]
pub trait UsageTable: Send + Sync + 'static {
    /// What a start needs: how far the table goes, the sums of each day from `since` on, and the
    /// tickets that were open.
    ///
    /// # Errors
    /// When the table cannot be read.
    async fn load(&self, since: Day) -> Result<LoadedUsage, UsageTableError>;

    /// Adds a batch.
    ///
    /// # Errors
    /// When it cannot be written; nothing of it is then.
    async fn save(&self, batch: UsageBatch) -> Result<(), UsageTableError>;

    /// Empties the table.
    ///
    /// # Errors
    /// When it cannot be written.
    async fn clear(&self) -> Result<(), UsageTableError>;

    /// Rows, added up as `query` asks, in the order of what they are grouped by.
    ///
    /// # Errors
    /// When the table cannot be read.
    async fn rows(&self, query: UsageQuery) -> Result<Vec<UsageRow>, UsageTableError>;
}

/// What a table holds.
#[derive(Debug, Clone, Default)]
pub struct LoadedUsage {
    /// The last event that was counted; `None` in an empty table.
    pub counted: Option<(Position, EventId)>,
    /// What was used, by day and task.
    pub sums: Vec<(Day, TenantId, TaskName, Amount)>,
    /// The tickets that were open there.
    pub open: Vec<(TicketId, OpenTicket)>,
}

/// What is added to a table at once.
#[derive(Debug, Clone)]
pub struct UsageBatch {
    /// The last event of it.
    pub counted: (Position, EventId),
    /// What to add to which rows.
    pub rows: Vec<(RowKey, Counts)>,
    /// Tickets that are open now, and such that are not any more.
    pub open: Vec<(TicketId, Option<OpenTicket>)>,
}

/// Which rows to add up, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageQuery {
    /// Only this tenant's.
    pub tenant: Option<TenantId>,
    /// The first day.
    pub from: Day,
    /// The last day.
    pub to: Day,
    /// A row for each of these together; without any, one row for all.
    pub by: Vec<UsageGroup>,
    /// The most rows.
    pub limit: usize,
}

/// What usage can be grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UsageGroup {
    /// The day.
    Day,
    /// The tenant.
    Tenant,
    /// The task.
    Task,
    /// The version of the task's prompt.
    Version,
    /// The model.
    Model,
}

/// A row of usage. What it is not grouped by is absent.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsageRow {
    /// The day.
    pub day: Option<Day>,
    /// The tenant.
    pub tenant: Option<String>,
    /// The task.
    pub task: Option<String>,
    /// The version of the task's prompt; 0 where no prompt was run.
    pub version: Option<u32>,
    /// The model.
    pub model: Option<String>,
    /// What was used.
    pub counts: Counts,
}

/// Why the table could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the usage table cannot be used: {0}")]
pub struct UsageTableError(pub String);
