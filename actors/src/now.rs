//! What goes on now: figures of the last minutes, from the events and the guards.

use std::sync::Arc;

use crate::ports::EventStore;
use crate::tickets::Tickets;

/// A handle on them. Cheap to clone; usable from any thread.
#[derive(Clone)]
pub struct Now {
    _store: Arc<dyn EventStore>,
    _tickets: Tickets,
}

impl Now {
    /// On this store, for these tickets.
    pub fn new(store: Arc<dyn EventStore>, tickets: Tickets) -> Self {
        Self {
            _store: store,
            _tickets: tickets,
        }
    }
}
