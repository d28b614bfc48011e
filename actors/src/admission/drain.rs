//! How fast a full house drains, from the last few endings.
//!
//! By count and not by a time window: calls of a minute and calls of a millisecond are measured
//! equally well, and when nothing ends any more the rate falls by itself, because the time since the
//! oldest ending goes on. Plain data; the time is passed in.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Endings that are remembered.
const REMEMBERED: usize = 128;

/// With fewer endings nothing is said: the first few come in whatever rhythm the beginnings had.
const ENOUGH: usize = 8;

/// Endings in one instant are no infinite rate.
const LEAST_SPAN: Duration = Duration::from_millis(50);

/// The last endings.
#[derive(Debug, Default)]
pub(super) struct Drain {
    ends: VecDeque<Instant>,
}

impl Drain {
    /// One has ended.
    pub(super) fn ended(&mut self, now: Instant) {
        if self.ends.len() == REMEMBERED {
            self.ends.pop_front();
        }
        self.ends.push_back(now);
    }

    /// How long `count` more endings take at this rate; `None` while too little is known.
    pub(super) fn time_for(&self, count: usize, now: Instant) -> Option<Duration> {
        if self.ends.len() < ENOUGH {
            return None;
        }
        let first = *self.ends.front()?;
        let span = now.saturating_duration_since(first).max(LEAST_SPAN);
        let intervals = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        Some(span.saturating_mul(count) / intervals)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steady(count: u32, every: Duration) -> (Drain, Instant) {
        let (mut drain, mut now) = (Drain::default(), Instant::now());
        for _ in 0..count {
            now += every;
            drain.ended(now);
        }
        (drain, now)
    }

    #[test]
    fn a_steady_rate_gives_the_time_for_the_rest() {
        for every in [Duration::from_millis(2), Duration::from_secs(60)] {
            let (drain, now) = steady(1_000, every);
            let wait = drain.time_for(100, now).expect("known").as_secs_f64();
            let right = 100.0 * every.as_secs_f64();
            assert!((wait / right - 1.0).abs() < 0.02, "{wait} s, not {right} s");
        }
    }

    #[test]
    fn when_nothing_ends_any_more_the_wait_grows() {
        let (drain, now) = steady(200, Duration::from_millis(10));
        let before = drain.time_for(10, now).expect("known");
        let after = drain.time_for(10, now + Duration::from_secs(60));
        assert!(after.expect("known") > before * 20);
    }

    #[test]
    fn nothing_is_said_before_enough_is_known() {
        let (mut drain, now) = steady(7, Duration::from_secs(1));
        assert_eq!(drain.time_for(10, now), None);
        drain.ended(now);
        assert!(drain.time_for(10, now).is_some());
    }

    #[test]
    fn endings_in_one_instant_are_no_infinite_rate() {
        let (mut drain, now) = (Drain::default(), Instant::now());
        (0..500).for_each(|_| drain.ended(now));
        assert_eq!(drain.time_for(128, now), Some(LEAST_SPAN));
    }
}
