//! How fast calls of one place end, and so how long a line takes.

use std::time::Duration;

use tokio::time::Instant;

/// The time over which ends are averaged.
const MEMORY: Duration = Duration::from_secs(30);
/// Longer waits are not told apart.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A decaying count of ended calls.
#[derive(Debug, Default)]
pub(super) struct Pace {
    ends: f64,
    begun: Option<Instant>,
    at: Option<Instant>,
}

impl Pace {
    /// A call ended.
    pub(super) fn ended(&mut self, now: Instant) {
        self.ends = self.ends_by(now) + 1.0;
        self.begun.get_or_insert(now);
        self.at = Some(self.at.map_or(now, |at| at.max(now)));
    }

    /// Ended calls per second, lately.
    pub(super) fn per_second(&self, now: Instant) -> f64 {
        let Some(begun) = self.begun else {
            return 0.0;
        };
        // In its first seconds the count stands for less than its whole memory.
        let known = now.saturating_duration_since(begun).as_secs_f64().max(1.0);
        let memory = MEMORY.as_secs_f64();
        self.ends_by(now) / (memory * (1.0 - (-known / memory).exp()))
    }

    /// How long `waiting` callers take to be served at this pace; `None` where there is none.
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    pub(super) fn time_for(&self, waiting: usize, now: Instant) -> Option<Duration> {
        let rate = self.per_second(now);
        if waiting == 0 {
            return Some(Duration::ZERO);
        }
        let seconds = waiting as f64 / rate;
        seconds
            .is_finite()
            .then(|| Duration::from_secs_f64(seconds.min(LONGEST.as_secs_f64())))
    }

    fn ends_by(&self, now: Instant) -> f64 {
        let Some(at) = self.at else {
            return 0.0;
        };
        let passed = now.saturating_duration_since(at).as_secs_f64();
        self.ends * (-passed / MEMORY.as_secs_f64()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_never_ended_a_call_has_no_pace() {
        let pace = Pace::default();
        let now = Instant::now();
        assert_eq!(pace.time_for(0, now), Some(Duration::ZERO));
        assert_eq!(pace.time_for(1, now), None);
    }

    #[test]
    fn the_pace_is_known_after_a_few_seconds_and_follows_changes() {
        let mut now = Instant::now();
        let mut pace = Pace::default();
        let mut run = |pace: &mut Pace, seconds: u32, every_ms: u64| {
            let end = now + Duration::from_secs(1) * seconds;
            while now < end {
                now += Duration::from_millis(every_ms);
                pace.ended(now);
            }
            pace.per_second(now)
        };
        let early = run(&mut pace, 5, 100);
        assert!((9.0..11.5).contains(&early), "{early}");
        let late = run(&mut pace, 120, 100);
        assert!((9.5..10.5).contains(&late), "{late}");
        let slower = run(&mut pace, 120, 1_000);
        assert!((0.9..1.4).contains(&slower), "{slower}");
    }

    #[test]
    fn an_endless_wait_is_bounded() {
        let begun = Instant::now();
        let mut pace = Pace::default();
        pace.ended(begun);
        let much_later = begun + Duration::from_secs(600);
        assert_eq!(pace.time_for(usize::MAX, much_later), Some(LONGEST));
    }
}
