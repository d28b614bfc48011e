//! How long a line takes: by Little's law (J. D. C. Little, *A Proof for the Queuing Formula
//! L = λW*, 1961) a place that runs `limit` calls at a time, each of which takes `mean`, ends
//! `limit / mean` calls per second.
//!
//! Ends are not counted instead, since a place that was out ends nothing, and yet its line is served
//! fast when it is back.

use std::time::Duration;

/// The weight of a new call in the average.
const WEIGHT: f64 = 0.1;
/// Longer waits are not told apart.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// How long calls take.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// In seconds; `None` before the first call that succeeded.
    mean: Option<f64>,
}

impl Pace {
    /// A call succeeded.
    pub(super) fn took(&mut self, time: Duration) {
        let seconds = time.as_secs_f64();
        let mean = self.mean.get_or_insert(seconds);
        *mean += (seconds - *mean) * WEIGHT;
    }

    /// How long `ahead` callers take to be served, `limit` at a time and at most `per_second`;
    /// `None` while no call has succeeded.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(super) fn time_for(
        &self,
        ahead: usize,
        limit: usize,
        per_second: Option<f64>,
    ) -> Option<Duration> {
        if ahead == 0 {
            return Some(Duration::ZERO);
        }
        let ahead = ahead as f64;
        let by_limit = ahead * self.mean? / limit.max(1) as f64;
        let by_rate = per_second.map_or(0.0, |rate| ahead / rate);
        let seconds = by_limit.max(by_rate).min(LONGEST.as_secs_f64());
        Some(Duration::from_secs_f64(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn nobody_ahead_is_no_wait_and_without_a_call_nothing_is_known() {
        let pace = Pace::default();
        assert_eq!(pace.time_for(0, 4, None), Some(Duration::ZERO));
        assert_eq!(pace.time_for(1, 4, None), None);
    }

    #[test]
    fn a_line_takes_as_long_as_its_calls_at_so_many_at_a_time_and_no_less_than_the_rate_says() {
        let mut pace = Pace::default();
        pace.took(2 * SECOND);
        assert_eq!(pace.time_for(100, 4, None), Some(50 * SECOND));
        assert_eq!(pace.time_for(100, 4, Some(10.0)), Some(50 * SECOND));
        assert_eq!(pace.time_for(100, 4, Some(1.0)), Some(100 * SECOND));
    }

    #[test]
    fn the_average_follows_calls_that_get_slower() {
        let mut pace = Pace::default();
        pace.took(SECOND);
        for _ in 0..50 {
            pace.took(10 * SECOND);
        }
        let wait = pace.time_for(10, 1, None).unwrap();
        assert!(wait > 95 * SECOND && wait <= 100 * SECOND, "{wait:?}");
    }

    #[test]
    fn an_endless_wait_is_bounded() {
        let mut pace = Pace::default();
        pace.took(Duration::MAX);
        assert_eq!(pace.time_for(usize::MAX, 0, Some(1e-3)), Some(LONGEST));
    }
}
