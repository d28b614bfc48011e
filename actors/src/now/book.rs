//! What is followed: the tickets' events, into the figures.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use punchcard_events::ids::TICKET_CATEGORY;
use punchcard_events::{Position, Recorded, StreamName};

use super::fold::Fold;
use crate::following::Book;
use crate::ports::{EventStore, ReadError};
use crate::tickets::Tickets;

/// So many of the newest stored events are read at a start, so that figures are there at once after a
/// restart. What of them is older than the window is passed over.
const READ_BACK: u64 = 20_000;

/// The figures, for who follows and for who reads.
#[derive(Clone)]
pub(super) struct Figures {
    fold: Arc<Mutex<Fold>>,
    tickets: Tickets,
}

impl Figures {
    pub(super) fn new(tickets: Tickets) -> Self {
        let fold = Arc::default();
        Self { fold, tickets }
    }

    /// The figures, for a moment: nothing is waited for meanwhile.
    pub(super) fn lock(&self) -> MutexGuard<'_, Fold> {
        self.fold.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the following begins in a store whose newest event is `newest`.
pub(super) fn begin(newest: Position) -> Option<Position> {
    let before = newest.0.saturating_sub(READ_BACK);
    (before > 0).then_some(Position(before))
}

#[async_trait]
impl Book for Figures {
    fn category(&self) -> &'static str {
        TICKET_CATEGORY
    }

    async fn take(&self, _: &dyn EventStore, recorded: &Recorded) -> Result<(), ReadError> {
        let now = self.tickets.now();
        if self.lock().take(recorded, now).is_err() {
            // The ticket itself is in as much trouble, and tells of it.
            metrics::counter!("now_events_damaged_total").increment(1);
        }
        Ok(())
    }

    /// One damaged event is not counted, and that is all.
    async fn reload(&self, _: &dyn EventStore, _: &StreamName) -> Result<(), ReadError> {
        Ok(())
    }
}
