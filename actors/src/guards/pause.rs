//! A place that says it is overloaded is left alone for a while, by everybody.
//!
//! `Retry-After` (RFC 9110, section 10.2.3) is obeyed for the whole place, up to a ceiling: beyond
//! it a place is asked again, as its wish may have been a slip. A place that says nothing of time,
//! and does so even at the lowest concurrency, is given pauses that double.

use std::time::Duration;

use tokio::time::Instant;

/// The first pause of a place that did not say how long.
const FIRST: Duration = Duration::from_millis(500);

#[derive(Debug)]
pub(super) struct Pause {
    ceiling: Duration,
    until: Option<Instant>,
    /// Pauses in a row that nobody asked for.
    streak: u32,
}

impl Pause {
    pub(super) const fn new(ceiling: Duration) -> Self {
        Self {
            ceiling,
            until: None,
            streak: 0,
        }
    }

    /// The place asked to be left alone for `wait`.
    pub(super) fn asked(&mut self, wait: Duration, now: Instant) {
        self.extend(wait, now);
    }

    /// The place cannot bear even the lowest concurrency, and does not say for how long.
    pub(super) fn back_off(&mut self, now: Instant) {
        if self.until(now).is_some() {
            return;
        }
        let factor = 1_u32.checked_shl(self.streak).unwrap_or(u32::MAX);
        self.streak = self.streak.saturating_add(1);
        self.extend(FIRST.saturating_mul(factor), now);
    }

    /// A call succeeded.
    pub(super) const fn succeeded(&mut self) {
        self.streak = 0;
    }

    /// The end of the pause that is on now.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| now < *until)
    }

    fn extend(&mut self, wait: Duration, now: Instant) {
        let until = now + wait.min(self.ceiling);
        self.until = Some(self.until.map_or(until, |before| before.max(until)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CEILING: Duration = Duration::from_secs(60);

    #[test]
    fn a_wish_is_obeyed_up_to_the_ceiling_and_a_shorter_one_does_not_end_it() {
        let now = Instant::now();
        let mut pause = Pause::new(CEILING);
        assert_eq!(pause.until(now), None);
        pause.asked(Duration::from_secs(20), now);
        pause.asked(Duration::from_secs(5), now);
        let end = now + Duration::from_secs(20);
        assert_eq!(pause.until(now), Some(end));
        assert_eq!(pause.until(end), None);
        pause.asked(Duration::MAX, end);
        assert_eq!(pause.until(end), Some(end + CEILING));
    }

    #[test]
    fn pauses_that_nobody_asked_for_double_until_a_call_succeeds() {
        let mut now = Instant::now();
        let mut pause = Pause::new(Duration::from_secs(3));
        let mut lengths = vec![];
        for _ in 0..5 {
            pause.back_off(now);
            // Another call of the same round says the same: it is one pause.
            pause.back_off(now);
            let until = pause.until(now).unwrap();
            lengths.push((until - now).as_millis());
            now = until;
        }
        assert_eq!(lengths, [500, 1_000, 2_000, 3_000, 3_000]);
        pause.succeeded();
        pause.back_off(now);
        assert_eq!(pause.until(now), Some(now + FIRST));
    }

    #[test]
    fn no_number_of_pauses_overflows() {
        let mut now = Instant::now();
        let mut pause = Pause::new(CEILING);
        for _ in 0..100 {
            pause.back_off(now);
            now = pause.until(now).unwrap();
        }
        pause.back_off(now);
        assert_eq!(pause.until(now), Some(now + CEILING));
    }
}
