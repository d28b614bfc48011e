//! How long calls took: the newest of the window, a bounded number of them.

use std::collections::VecDeque;

use super::series::Step;

/// The calls of one tenant at one model that are remembered at most.
const MOST: usize = 256;

/// A call that was answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample {
    pub(super) step: Step,
    pub(super) first_token_ms: u32,
    pub(super) total_ms: u32,
}

/// The newest calls, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct Samples(VecDeque<Sample>);

impl Samples {
    pub(super) fn add(&mut self, sample: Sample) {
        if self.0.len() >= MOST {
            self.0.pop_front();
        }
        self.0.push_back(sample);
    }

    /// Those of the window that ends with `now`.
    pub(super) fn within(&self, now: Step) -> impl Iterator<Item = Sample> + '_ {
        let samples = self.0.iter().copied();
        samples.filter(move |sample| sample.step.is_within(now))
    }
}

/// Two quantiles of a time, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quantiles {
    /// Half of the calls took this long at most.
    pub p50: u32,
    /// 95 of 100 did.
    pub p95: u32,
}

impl Quantiles {
    /// By nearest rank; `None` of nothing. Leaves `times` sorted.
    pub(super) fn of(times: &mut [u32]) -> Option<Self> {
        times.sort_unstable();
        let at = |percent: usize| {
            let rank = (times.len() * percent).div_ceil(100);
            times.get(rank.saturating_sub(1)).copied()
        };
        Some(Self {
            p50: at(50)?,
            p95: at(95)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use punchcard_events::Timestamp;

    use super::*;

    #[test]
    fn quantiles_are_times_that_were_measured() {
        let mut times: Vec<u32> = (1..=100).rev().collect();
        let expected = Quantiles { p50: 50, p95: 95 };
        assert_eq!(Quantiles::of(&mut times), Some(expected));
        assert_eq!(Quantiles::of(&mut [7]), Some(Quantiles { p50: 7, p95: 7 }));
        assert_eq!(Quantiles::of(&mut []), None);
    }

    #[test]
    fn only_the_newest_are_kept_and_only_those_of_the_window_told() {
        let at = |ms| Step::at(Timestamp::from_millis(ms));
        let mut samples = Samples::default();
        for number in 0..1_000 {
            samples.add(Sample {
                step: at(u64::from(number) * 1_000),
                first_token_ms: number,
                total_ms: number,
            });
        }
        assert_eq!(samples.0.len(), MOST);
        assert_eq!(samples.within(at(999_000)).count(), MOST);
        assert_eq!(samples.within(at(999_000 + 200_000)).count(), 100);
        assert_eq!(samples.within(at(9_000_000)).count(), 0);
    }
}
