//! Counting: one follower of all tickets settles what they used, in the ledger at once and in the
//! usage table once a second.
//!
//! The table is rebuilt from the store where it is lost, damaged, or does not fit: where the event
//! it says it was last counted is not the store's event at that position. An event that cannot be
//! read counts nothing, and the counting goes on behind it.
//!
//! Nothing here is in the way of a ticket: the store's writer knows nothing of it, and a table that
//! cannot be written makes the batch grow by its rows, not by its events.

mod follower;

use std::sync::Arc;

use punchcard_events::ids::TICKET_CATEGORY;
use punchcard_events::{EventId, Position};

use super::{Calendar, Meter, Prices};
use crate::ports::{Clock, EventStore, LoadedUsage, ReadError, UsageTable, UsageTableError};
use follower::Follower;

/// Counts until it is dropped. What was not saved by then is counted again at the next start.
#[derive(Debug)]
#[must_use = "dropping it ends the counting"]
pub struct Counting(tokio::task::JoinHandle<()>);

impl Drop for Counting {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Why counting did not start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] ReadError),
    /// The table cannot be used.
    #[error(transparent)]
    Table(#[from] UsageTableError),
}

impl Counting {
    /// Takes up the counting where `table` left it. The meter is ready once all that is stored by
    /// then is counted. To be called within a tokio runtime.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub async fn start(
        store: Arc<dyn EventStore>,
        table: Arc<dyn UsageTable>,
        prices: Prices,
        clock: &dyn Clock,
    ) -> Result<(Meter, Self), OpenError> {
        let now = clock.now();
        let mut loaded = match table.load(Calendar::at(now).month).await {
            Ok(loaded) => loaded,
            // Nothing is in it that the store does not hold.
            Err(error) => {
                tracing::warn!(%error, "the usage table cannot be read; it is rebuilt");
                table.clear().await?;
                LoadedUsage::default()
            }
        };
        if let Some((position, event)) = loaded.counted
            && !fits(store.as_ref(), position, event).await?
        {
            tracing::warn!(
                position = position.0,
                "the usage table does not fit the event store; it is rebuilt"
            );
            table.clear().await?;
            loaded = LoadedUsage::default();
        }
        let meter = Meter::new(prices, now);
        let follower = Follower::new(store, table, meter.clone(), loaded);
        Ok((meter, Self(tokio::spawn(follower.run()))))
    }
}

/// Whether the store's event at `position` is the one that was counted there.
async fn fits(
    store: &dyn EventStore,
    position: Position,
    event: EventId,
) -> Result<bool, ReadError> {
    let before = position.0.checked_sub(1).map(Position);
    match store.read_category(TICKET_CATEGORY, before, 1).await {
        Ok(read) => Ok(read
            .first()
            .is_some_and(|found| found.position == position && found.event.id == event)),
        // That it is damaged does not say that it is another.
        Err(ReadError::Damaged(_)) => Ok(true),
        Err(error @ ReadError::Unavailable(_)) => Err(error),
    }
}
