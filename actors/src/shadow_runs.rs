//! Shadow runs: real tickets of the past run against a candidate version, without effects outside.

use std::sync::Arc;

use crate::ports::EventStore;
use crate::tickets::Tickets;

/// A handle on them. Cheap to clone; usable from any thread.
#[derive(Clone)]
pub struct ShadowRuns {
    _store: Arc<dyn EventStore>,
    _tickets: Tickets,
}

impl ShadowRuns {
    /// On this store, for these tickets.
    pub fn new(store: Arc<dyn EventStore>, tickets: Tickets) -> Self {
        Self {
            _store: store,
            _tickets: tickets,
        }
    }
}
