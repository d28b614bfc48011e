//! The machine's clock and the operating system's randomness.

use std::time::{SystemTime, UNIX_EPOCH};

use punchcard_actors::ports::Clock;
use punchcard_events::Timestamp;
use punchcard_events::retry::Jitter;
use uuid::Uuid;

/// The real clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(
            clippy::disallowed_methods,
            reason = "this is the one place that reads the clock"
        )]
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        // A clock before 1970 is wrong whatever is answered.
        let millis = since.map_or(0, |since| since.as_millis());
        Timestamp::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
    }

    fn jitter(&self) -> Jitter {
        // Without randomness retries are merely not spread.
        getrandom::u64().map_or(Jitter::MAX, Jitter::from_bits)
    }

    fn id(&self) -> Uuid {
        Uuid::now_v7()
    }
}
