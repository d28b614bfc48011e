//! Counts of the last minutes, step by step: a ring that forgets what is older than its window.

use punchcard_events::Timestamp;

/// How many steps the window has.
pub const STEPS: usize = 60;
/// How long one step is, in milliseconds.
pub const STEP_MS: u64 = 5_000;

/// A step, counted from the beginning of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Step(u64);

impl Step {
    /// The step that a time is in.
    pub(super) const fn at(time: Timestamp) -> Self {
        Self(time.as_millis() / STEP_MS)
    }

    /// Whether this step is in the window that ends with `now`.
    pub(super) const fn is_within(self, now: Self) -> bool {
        self.0 <= now.0 && now.0 - self.0 < STEPS as u64
    }

    #[expect(clippy::cast_possible_truncation, reason = "less than STEPS")]
    const fn slot(self) -> usize {
        (self.0 % STEPS as u64) as usize
    }
}

/// How often something happened in each step of the window.
#[derive(Debug, Clone)]
pub(super) struct Series {
    counts: [u32; STEPS],
    newest: Step,
}

impl Default for Series {
    fn default() -> Self {
        Self {
            counts: [0; STEPS],
            newest: Step::default(),
        }
    }
}

impl Series {
    /// It happened `times` more in `step`. What the window has left behind does not count.
    pub(super) fn add(&mut self, step: Step, times: u32) {
        if step > self.newest {
            self.advance(step);
        }
        if step.is_within(self.newest)
            && let Some(count) = self.counts.get_mut(step.slot())
        {
            *count = count.saturating_add(times);
        }
    }

    /// The counts of the window that ends with `now`, the newest last.
    pub(super) fn read(&self, now: Step) -> impl Iterator<Item = u32> + '_ {
        (0..STEPS as u64).rev().map(move |back| {
            let step = now.0.checked_sub(back).map(Step);
            let known = step.filter(|step| step.is_within(self.newest));
            let count = known.and_then(|step| self.counts.get(step.slot()));
            count.copied().unwrap_or(0)
        })
    }

    /// Whether nothing happened in the window that ends with `now`.
    pub(super) fn is_idle(&self, now: Step) -> bool {
        self.read(now).all(|count| count == 0)
    }

    fn advance(&mut self, to: Step) {
        let passed = to.0 - self.newest.0;
        if passed >= STEPS as u64 {
            self.counts = [0; STEPS];
        } else {
            for step in self.newest.0 + 1..=to.0 {
                if let Some(count) = self.counts.get_mut(Step(step).slot()) {
                    *count = 0;
                }
            }
        }
        self.newest = to;
    }
}

/// Adds a series to a sum of such, step by step.
pub(super) fn add_to(sum: &mut [u64], series: impl Iterator<Item = u32>) {
    for (sum, count) in sum.iter_mut().zip(series) {
        *sum = sum.saturating_add(count.into());
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(series: &Series, now: u64) -> Vec<u32> {
        series.read(Step(now)).collect()
    }

    #[test]
    fn the_newest_step_is_last_and_what_is_not_known_is_zero() {
        let mut series = Series::default();
        series.add(Step(1_000), 2);
        series.add(Step(1_003), 5);
        let seen = read(&series, 1_004);
        assert_eq!(seen.len(), STEPS);
        assert_eq!(seen.last(), Some(&0));
        assert_eq!(seen[STEPS - 5..], [2, 0, 0, 5, 0]);
        assert!(!series.is_idle(Step(1_004)));
        assert!(series.is_idle(Step(1_003 + STEPS as u64)));
    }

    #[test]
    fn a_late_count_is_taken_while_its_step_is_in_the_window() {
        let mut series = Series::default();
        series.add(Step(1_000), 1);
        series.add(Step(941), 7);
        series.add(Step(940), 9);
        assert_eq!(read(&series, 1_000)[0], 7);
        assert_eq!(read(&series, 1_000).iter().sum::<u32>(), 8);
    }

    proptest! {
        /// The ring says what a list of everything that ever happened says.
        #[test]
        fn a_ring_forgets_nothing_too_early_and_nothing_too_late(
            happened in prop::collection::vec((900_u64..1_200, 1_u32..4), 0..200),
            later in 0_u64..200,
        ) {
            let mut series = Series::default();
            let mut newest = 0;
            let mut counted = Vec::new();
            for (step, times) in happened {
                newest = newest.max(step);
                series.add(Step(step), times);
                if Step(step).is_within(Step(newest)) {
                    counted.push((step, times));
                }
            }
            let now = newest + later;
            let seen = read(&series, now);
            for (place, count) in seen.into_iter().enumerate() {
                let step = (now + 1 + place as u64).checked_sub(STEPS as u64);
                let of = counted.iter().filter(|(at, _)| Some(*at) == step);
                prop_assert_eq!(count, of.map(|(_, times)| times).sum::<u32>());
            }
        }
    }
}
