//! How much may be used in a minute, and how much was: a sliding window.
//!
//! In no 60 seconds is more taken than the limit. What is used is kept by the second in which it was
//! taken, for 61 seconds, so that a second is only forgotten when all of it is a minute ago. A bucket
//! that is refilled evenly (as [`super::rate`] has) lets up to twice as much go in the minute after an
//! idle one; a limit that says "per minute" should not.
//!
//! Deliberately not here: whose it is, and waiting.

use std::collections::VecDeque;

/// For so many seconds what was taken counts.
const KEPT: u64 = 61;

/// What was taken in the last minute; at most one entry per second.
#[derive(Debug, Default)]
pub(super) struct Window {
    taken: VecDeque<(u64, u64)>,
    sum: u64,
}

impl Window {
    /// What was taken in the last minute.
    pub(super) fn sum(&mut self, second: u64) -> u64 {
        while let Some((at, amount)) = self.taken.front().copied()
            && at.saturating_add(KEPT) <= second
        {
            self.taken.pop_front();
            self.sum = self.sum.saturating_sub(amount);
        }
        self.sum
    }

    /// The second from which `amount` may be taken; one that is not after `second` means now. More
    /// than the whole limit may be taken when nothing else was in the minute. Of nothing nothing may
    /// be taken: the answer is a minute ahead, whenever it is asked.
    pub(super) fn when(&mut self, amount: u64, limit: u64, second: u64) -> u64 {
        let mut sum = self.sum(second);
        if limit == 0 {
            return second.saturating_add(KEPT);
        }
        let mut free_at = second;
        for (at, taken) in &self.taken {
            if sum == 0 || sum.saturating_add(amount) <= limit {
                break;
            }
            sum = sum.saturating_sub(*taken);
            free_at = at.saturating_add(KEPT);
        }
        free_at
    }

    /// Takes it; gives the second it is kept under, which never runs backwards.
    pub(super) fn take(&mut self, amount: u64, second: u64) -> u64 {
        let second = self
            .taken
            .back()
            .map_or(second, |(newest, _)| second.max(*newest));
        match self.taken.back_mut() {
            Some((newest, taken)) if *newest == second => *taken = taken.saturating_add(amount),
            Some(_) | None => self.taken.push_back((second, amount)),
        }
        self.sum = self.sum.saturating_add(amount);
        second
    }

    /// What was taken for `amount` in `second` was `used` in truth. What is more than was taken
    /// counts from now if the second is forgotten.
    pub(super) fn correct(&mut self, second: u64, amount: u64, used: u64, now: u64) {
        self.sum(now);
        let entry = self.taken.iter_mut().find(|(at, _)| *at >= second);
        match entry {
            Some((at, taken)) if *at == second => {
                *taken = taken.saturating_sub(amount).saturating_add(used);
                self.sum = self.sum.saturating_sub(amount).saturating_add(used);
            }
            Some(_) | None if used > amount => {
                self.take(used - amount, now);
            }
            Some(_) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_was_taken_counts_for_a_minute() {
        let mut window = Window::default();
        window.take(6, 10);
        window.take(4, 20);
        assert_eq!(window.when(1, 10, 20), 71, "when the first is forgotten");
        assert_eq!(window.when(7, 10, 20), 81, "when both are");
        assert_eq!((window.sum(70), window.sum(71), window.sum(81)), (10, 4, 0));
    }

    #[test]
    fn more_than_the_limit_goes_when_nothing_else_was_taken_and_nothing_goes_of_nothing() {
        let mut window = Window::default();
        assert_eq!(window.when(50, 10, 5), 5);
        window.take(1, 5);
        assert_eq!(window.when(50, 10, 6), 66);
        assert!(window.when(0, 0, 500) > 500);
    }

    #[test]
    fn what_is_not_used_is_free_again_and_what_is_used_beyond_is_taken() {
        let mut window = Window::default();
        window.take(10, 0);
        window.correct(0, 10, 3, 2);
        assert_eq!(window.when(7, 10, 2), 2);
        window.take(7, 2);
        window.correct(0, 3, 9, 61);
        assert_eq!(
            window.sum(61),
            13,
            "the first second is forgotten, the excess is not"
        );
        window.correct(0, 3, 1, 61);
        assert_eq!(window.sum(61), 13);
    }

    proptest! {
        /// Whoever takes only when it may never takes more than the limit in any 60 seconds.
        #[test]
        fn no_minute_takes_more_than_the_limit(
            steps in proptest::collection::vec((0_u64..30, 1_u64..40), 1..80),
            limit in 40_u64..100,
        ) {
            let mut window = Window::default();
            let mut now = 0;
            let mut taken: Vec<(u64, u64)> = vec![];
            for (wait, amount) in steps {
                now += wait;
                let at = window.when(amount, limit, now);
                prop_assert!(at >= now && at <= now + KEPT);
                now = at;
                prop_assert_eq!(window.when(amount, limit, now), now, "it said so");
                window.take(amount, now);
                taken.push((now, amount));
                let minute = taken.iter().filter(|(at, _)| at + 60 >= now);
                prop_assert!(minute.map(|(_, amount)| amount).sum::<u64>() <= limit);
            }
            prop_assert!(window.taken.len() <= 61);
        }
    }
}
