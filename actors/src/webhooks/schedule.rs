//! When a message that failed is sent again.

use std::time::Duration;

use punchcard_events::Timestamp;
use punchcard_events::delivery::Next;
use punchcard_events::retry::Jitter;

/// The part of a delay by which it is drawn out at random, so that messages that failed together do
/// not come back together. Never shortened: the schedule is what receivers may rely on.
const SPREAD: f64 = 0.2;

/// The longest `Retry-After` that is obeyed: a receiver cannot put a message off for ever.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(24 * 60 * 60);

/// How much longer than its schedule a message may wait, as for an endpoint that is disabled.
const GRACE: Duration = Duration::from_secs(2 * 24 * 60 * 60);

/// The delays after each failure. The first attempt is made at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule(Vec<Duration>);

impl Default for Schedule {
    /// The schedule of the Standard Webhooks specification ("Deliverability and reliability"): ten
    /// attempts over 75 hours.
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(minutes * 60);
        let hours = |hours: u64| minutes(hours * 60);
        Self(vec![
            Duration::from_secs(5),
            minutes(5),
            minutes(30),
            hours(2),
            hours(5),
            hours(10),
            hours(14),
            hours(20),
            hours(24),
        ])
    }
}

impl Schedule {
    /// A schedule with these delays.
    pub const fn new(delays: Vec<Duration>) -> Self {
        Self(delays)
    }

    /// What comes after a failed attempt, the `round`-th of its message since it was last asked for.
    pub(super) fn after_failure(
        &self,
        round: u32,
        now: Timestamp,
        jitter: Jitter,
        retry_after_ms: Option<u64>,
    ) -> Next {
        let place = usize::try_from(round.saturating_sub(1)).unwrap_or(usize::MAX);
        let Some(delay) = self.0.get(place) else {
            return Next::GivenUp;
        };
        let asked = Duration::from_millis(retry_after_ms.unwrap_or(0)).min(LONGEST_RETRY_AFTER);
        let delay = jitter.stretch(*delay, SPREAD).max(asked);
        Next::Retry {
            at: now.plus(delay),
        }
    }

    /// The longest that a message may wait in all.
    pub(super) fn longest(&self) -> Duration {
        let sum: Duration = self.0.iter().sum();
        sum.mul_f64(1.0 + SPREAD).saturating_add(GRACE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_430_670_000);

    fn delays(jitter: Jitter) -> Vec<u64> {
        let schedule = Schedule::default();
        (1..)
            .map_while(
                |round| match schedule.after_failure(round, NOW, jitter, None) {
                    Next::Retry { at } => Some(at.since(NOW).as_secs()),
                    Next::Done | Next::GivenUp => None,
                },
            )
            .collect()
    }

    #[test]
    fn it_is_the_schedule_of_the_specification() {
        let seconds = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
        assert_eq!(delays(Jitter::MIN), seconds);
        let total: u64 = seconds.iter().sum();
        assert_eq!(total, 75 * 3_600 + 35 * 60 + 5, "75:35:05 since the start");
    }

    #[test]
    fn jitter_only_draws_it_out_and_by_a_fifth_at_most() {
        for (drawn, planned) in delays(Jitter::MAX).iter().zip(delays(Jitter::MIN)) {
            assert_eq!(*drawn, planned * 6 / 5);
        }
    }

    #[test]
    fn retry_after_puts_off_but_not_for_ever_and_never_hurries() {
        let schedule = Schedule::default();
        let at = |ms| match schedule.after_failure(1, NOW, Jitter::MIN, Some(ms)) {
            Next::Retry { at } => at.since(NOW).as_secs(),
            Next::Done | Next::GivenUp => unreachable!(),
        };
        assert_eq!(at(60_000), 60);
        assert_eq!(at(1), 5);
        assert_eq!(at(u64::MAX), 86_400);
    }
}
