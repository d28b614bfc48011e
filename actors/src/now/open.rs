//! How many tickets are open: asked of the list, and not more often than that is cheap.

use std::sync::Arc;
use std::time::Duration;

use punchcard_events::TenantId;
use punchcard_events::ticket::StateName;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::ports::{ReadError, TicketIndex};

/// A count is at least so old before it is made again.
const AT_LEAST: Duration = Duration::from_secs(1);
/// And at least so many times as old as it took: counting takes a small part of one reader at most.
const TIMES: u32 = 20;

/// What each tenant has open, by state.
pub(super) type Open = Arc<Vec<(TenantId, StateName, u64)>>;

/// The newest count. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct OpenTickets(Arc<Mutex<Option<Counted>>>);

#[derive(Debug)]
struct Counted {
    open: Open,
    until: Instant,
}

impl OpenTickets {
    /// The count. Who asks while it is made waits for that one.
    pub(super) async fn count(&self, index: &dyn TicketIndex) -> Result<Open, ReadError> {
        let mut held = self.0.lock().await;
        let begun = Instant::now();
        if let Some(counted) = held.as_ref()
            && begun < counted.until
        {
            return Ok(Arc::clone(&counted.open));
        }
        let open = Arc::new(index.count_open().await?);
        let took = begun.elapsed();
        *held = Some(Counted {
            open: Arc::clone(&open),
            until: Instant::now() + AT_LEAST.max(took.saturating_mul(TIMES)),
        });
        Ok(open)
    }
}
