//! The runtime's clock: the system's, without its jumps.
//!
//! A system clock may be set a day ahead or back while tickets are open. Deadlines and retries must
//! not follow: a ticket would be failed early, or be open a day longer. So within one run time is
//! what the monotonic clock says has passed since the start, and the difference to the system's
//! clock is made up slowly: at most [`SLEW`] of the time that passes (as `adjtime(3)` does, ten times
//! as fast), so that the drift that NTP corrects all the time is followed, and a jump is not. It
//! never goes backwards.
//!
//! A start takes the system's clock as it is: across a restart there is no other. What must not
//! depend on time at all, the order of events, has revisions and positions.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use punchcard_events::Timestamp;
use punchcard_events::retry::Jitter;
use tokio::time::Instant;
use uuid::Uuid;

use crate::ports::Clock;

/// The share of the time that passes by which the clock may run fast or slow: one in this many.
const SLEW: u64 = 200;

/// How often the system's clock is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Smaller differences are the clock's own resolution.
const TOLERANCE_US: i64 = 2_000;

/// A clock that follows another one without its jumps.
pub(crate) struct SteadyClock {
    system: Arc<dyn Clock>,
    course: Mutex<Course>,
}

impl SteadyClock {
    /// A clock that shows what `system` shows now.
    pub(crate) fn over(system: Arc<dyn Clock>) -> Self {
        let course = Course::new(system.now(), Instant::now());
        Self {
            system,
            course: Mutex::new(course),
        }
    }
}

impl Clock for SteadyClock {
    fn now(&self) -> Timestamp {
        let mut course = self.course.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if course.is_due(now) {
            course.look(self.system.now(), now);
        }
        course.at(now)
    }

    fn jitter(&self) -> Jitter {
        self.system.jitter()
    }

    fn id(&self) -> Uuid {
        self.system.id()
    }
}

/// Where the clock stands, and where it is heading.
#[derive(Debug, Clone, Copy)]
struct Course {
    /// When it was last compared.
    since: Instant,
    /// What it showed then, in microseconds since the Unix epoch.
    shown_us: u64,
    /// What it lacked then to the system's clock, in microseconds.
    lacking_us: i64,
}

impl Course {
    fn new(system: Timestamp, now: Instant) -> Self {
        Self {
            since: now,
            shown_us: system.as_millis().saturating_mul(1_000),
            lacking_us: 0,
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) >= LOOK_EVERY
    }

    /// Takes a new course toward the system's time.
    fn look(&mut self, system: Timestamp, now: Instant) {
        let shown_us = self.at_us(now);
        let system_us = i64::try_from(system.as_millis().saturating_mul(1_000));
        let shown = i64::try_from(shown_us).unwrap_or(i64::MAX);
        let lacking_us = system_us.unwrap_or(i64::MAX).saturating_sub(shown);
        *self = Self {
            since: now,
            shown_us,
            lacking_us: if lacking_us.abs() <= TOLERANCE_US {
                0
            } else {
                lacking_us
            },
        };
    }

    fn at(&self, now: Instant) -> Timestamp {
        Timestamp::from_millis(self.at_us(now) / 1_000)
    }

    fn at_us(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.since).as_micros();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        let correction = (passed / SLEW).min(self.lacking_us.unsigned_abs());
        let steady = self.shown_us.saturating_add(passed);
        if self.lacking_us >= 0 {
            steady.saturating_add(correction)
        } else {
            steady.saturating_sub(correction)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 86_400_000;
    const START_MS: u64 = 1_795_430_670_000;

    /// Follows a system clock that is `offset` milliseconds off after each second, and gives how far
    /// ahead of the monotonic clock it is after `seconds`, having never gone backwards.
    fn ahead_after(seconds: u64, offset: impl Fn(u64) -> i64) -> i64 {
        let begun = Instant::now();
        let mut course = Course::new(Timestamp::from_millis(START_MS), begun);
        let mut last = course.at(begun);
        for tenth in 0..seconds * 10 {
            let now = begun + Duration::from_millis(tenth * 100);
            if course.is_due(now) {
                let system = (START_MS + tenth * 100).saturating_add_signed(offset(tenth / 10));
                course.look(Timestamp::from_millis(system), now);
            }
            assert!(course.at(now) >= last, "it went backwards");
            last = course.at(now);
        }
        let passed = START_MS + (seconds * 10 - 1) * 100;
        i64::try_from(last.as_millis()).unwrap() - i64::try_from(passed).unwrap()
    }

    #[test]
    fn a_day_ahead_or_back_moves_it_by_one_part_in_two_hundred() {
        for jump in [1, -1] {
            let day = i64::try_from(DAY_MS).unwrap() * jump;
            let ahead = ahead_after(3_600, |_| day);
            assert!((17_900..=18_000).contains(&(ahead * jump)), "{ahead}");
        }
    }

    #[test]
    fn the_drift_of_a_real_clock_is_followed() {
        // A hundred parts in a million, which is a bad crystal: 0.36 s an hour.
        for drift in [1, -1] {
            let ahead = ahead_after(3_600, |second| i64::try_from(second / 10).unwrap() * drift);
            assert!((ahead - 360 * drift).abs() <= 4, "{ahead}");
        }
    }

    #[test]
    fn a_small_step_is_made_up_for_and_not_overshot() {
        assert_eq!(ahead_after(400, |_| 1_000), 1_000);
        assert_eq!(ahead_after(400, |_| -1_000), -1_000);
        assert_eq!(ahead_after(400, |_| 0), 0);
    }
}
