//! A clock that follows tokio's, so that a paused test owns the time of day too.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use punchcard_events::Timestamp;
use punchcard_events::retry::Jitter;
use tokio::time::Instant;

use crate::ports::Clock;

/// The time [`TestClock::new`] starts at: 2026-11-23T10:44:30Z.
pub const START: Timestamp = Timestamp::from_millis(1_795_430_670_000);

/// A fixed start plus the time tokio says has passed. Under a paused runtime it stands still until
/// the test waits or advances.
#[derive(Debug)]
pub struct TestClock {
    start: Timestamp,
    begun: Instant,
    jitter: Mutex<Jitter>,
    /// By how many milliseconds somebody has set it ahead (or back).
    set_ahead: AtomicI64,
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl TestClock {
    /// A clock that shows [`START`] now, and draws the longest delays.
    ///
    /// To be made within the runtime whose time it is to follow.
    pub fn new() -> Self {
        Self::starting_at(START)
    }

    /// A clock that shows `start` now, such as the time an earlier run had come to.
    pub fn starting_at(start: Timestamp) -> Self {
        Self {
            start,
            begun: Instant::now(),
            jitter: Mutex::new(Jitter::MAX),
            set_ahead: AtomicI64::new(0),
        }
    }

    /// Sets the clock ahead by so many milliseconds, or back: the time of day jumps, and no time
    /// passes.
    pub fn jump(&self, millis: i64) {
        self.set_ahead.fetch_add(millis, Ordering::Relaxed);
    }

    /// What every draw gives from now on.
    pub fn set_jitter(&self, jitter: Jitter) {
        *self.jitter.lock().unwrap_or_else(PoisonError::into_inner) = jitter;
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        let steady = self.start.plus(self.begun.elapsed()).as_millis();
        let ahead = self.set_ahead.load(Ordering::Relaxed);
        Timestamp::from_millis(steady.saturating_add_signed(ahead))
    }

    fn jitter(&self) -> Jitter {
        *self.jitter.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
