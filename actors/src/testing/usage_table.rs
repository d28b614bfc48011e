//! A usage table in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use punchcard_events::{EventId, Position, TicketId};

use crate::ports::{
    LoadedUsage, UsageBatch, UsageGroup, UsageQuery, UsageRow, UsageTable, UsageTableError,
};
use crate::usage::{Amount, Counts, Day, OpenTicket, RowKey};

/// The table. Clones share what is saved.
#[derive(Debug, Clone, Default)]
pub struct MemoryUsage(Arc<Mutex<Saved>>);

#[derive(Debug, Default)]
struct Saved {
    counted: Option<(Position, EventId)>,
    rows: BTreeMap<RowKey, Counts>,
    open: HashMap<TicketId, OpenTicket>,
    refusing: bool,
}

impl MemoryUsage {
    /// Whether saving fails from now on.
    pub fn refuse(&self, refusing: bool) {
        self.saved().refusing = refusing;
    }

    /// Changes how far the table says that it goes.
    pub fn set_counted(&self, counted: (Position, EventId)) {
        self.saved().counted = Some(counted);
    }

    /// Everything that was counted, in one sum.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        for counts in self.saved().rows.values() {
            total.add(counts);
        }
        total
    }

    /// Tickets that are open.
    pub fn open(&self) -> usize {
        self.saved().open.len()
    }

    /// How far it goes.
    pub fn counted(&self) -> Option<Position> {
        self.saved().counted.map(|(position, _)| position)
    }

    fn saved(&self) -> MutexGuard<'_, Saved> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl UsageTable for MemoryUsage {
    async fn load(&self, since: Day) -> Result<LoadedUsage, UsageTableError> {
        let saved = self.saved();
        let rows = saved.rows.iter().filter(|(key, _)| key.day >= since);
        let sums = rows.map(|(key, counts)| {
            let used = Amount {
                tokens: counts.tokens(),
                cost: counts.cost_micro_usd,
            };
            (key.day, key.tenant.clone(), key.task.clone(), used)
        });
        Ok(LoadedUsage {
            counted: saved.counted,
            sums: sums.collect(),
            open: saved
                .open
                .iter()
                .map(|(id, open)| (*id, open.clone()))
                .collect(),
        })
    }

    async fn save(&self, batch: UsageBatch) -> Result<(), UsageTableError> {
        let mut saved = self.saved();
        if saved.refusing {
            return Err(UsageTableError("as the test asked".to_owned()));
        }
        saved.counted = Some(batch.counted);
        for (key, counts) in batch.rows {
            saved.rows.entry(key).or_default().add(&counts);
        }
        for (ticket, open) in batch.open {
            match open {
                Some(open) => drop(saved.open.insert(ticket, open)),
                None => drop(saved.open.remove(&ticket)),
            }
        }
        Ok(())
    }

    async fn clear(&self) -> Result<(), UsageTableError> {
        *self.saved() = Saved::default();
        Ok(())
    }

    async fn rows(&self, query: UsageQuery) -> Result<Vec<UsageRow>, UsageTableError> {
        let mut rows: Vec<UsageRow> = Vec::new();
        for (key, counts) in &self.saved().rows {
            let wanted = query
                .tenant
                .as_ref()
                .is_none_or(|tenant| *tenant == key.tenant);
            if !wanted || key.day < query.from || key.day > query.to {
                continue;
            }
            let by = |group| query.by.contains(&group);
            let row = UsageRow {
                day: by(UsageGroup::Day).then_some(key.day),
                tenant: by(UsageGroup::Tenant).then(|| key.tenant.to_string()),
                task: by(UsageGroup::Task).then(|| key.task.to_string()),
                version: by(UsageGroup::Version).then_some(key.version),
                model: by(UsageGroup::Model).then(|| key.model.clone()),
                counts: Counts::default(),
            };
            let same = |known: &&mut UsageRow| {
                UsageRow {
                    counts: row.counts,
                    ..(**known).clone()
                } == row
            };
            match rows.iter_mut().find(same) {
                Some(known) => known.counts.add(counts),
                None => rows.push(UsageRow {
                    counts: *counts,
                    ..row
                }),
            }
        }
        rows.truncate(query.limit);
        Ok(rows)
    }
}
