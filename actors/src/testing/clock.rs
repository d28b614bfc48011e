//! A clock that follows tokio's, so that a paused test owns the time of day too.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use punchcard_events::Timestamp;
use punchcard_events::retry::Jitter;
use tokio::time::Instant;
use uuid::Uuid;

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
    /// Tells the ids of this clock from those of every other.
    ids_of: u64,
    ids: AtomicU64,
}

/// How many clocks this process has made.
static CLOCKS: AtomicU64 = AtomicU64::new(0);

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
            ids_of: CLOCKS.fetch_add(1, Ordering::Relaxed),
            ids: AtomicU64::new(0),
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

    fn id(&self) -> Uuid {
        let number = self.ids.fetch_add(1, Ordering::Relaxed);
        seeded_id(self.now(), number, self.ids_of)
    }
}

/// The UUID version 7 that is number `number` of the source `seed`: later than those before it as
/// long as `now` does not go back, and the same in every run.
pub fn seeded_id(now: Timestamp, number: u64, seed: u64) -> Uuid {
    let mut rest = [0; 10];
    // The first bits give way to the version and the variant, so the counter stands clear of both.
    rest[3..7].copy_from_slice(&number.to_be_bytes()[4..]);
    rest[7..].copy_from_slice(&seed.to_be_bytes()[5..]);
    uuid::Builder::from_unix_timestamp_millis(now.as_millis(), &rest).into_uuid()
}
