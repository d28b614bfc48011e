//! Numbers from a seed.
//!
//! SplitMix64 (Steele, Lea and Flood, *Fast Splittable Pseudorandom Number Generators*, OOPSLA 2014),
//! written out, because a seed must give the same plan for ever and a crate's generator may change.

use std::time::Duration;

/// A source of numbers that are the same for the same seed.
#[derive(Debug, Clone)]
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) const fn of(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 bits.
    pub(crate) const fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`, and 0 below 1. Not quite even, which no plan minds.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.bits() % limit.max(1)
    }

    /// Whether what happens in `percent` of all cases happens now.
    pub(crate) fn in_percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of `choices`.
    pub(crate) fn of_these<T: Clone>(&mut self, choices: &[T]) -> T {
        let index = self.below(choices.len() as u64);
        choices[usize::try_from(index).unwrap_or(0)].clone()
    }

    /// A duration of up to `most` milliseconds, most often none: where nothing waits, things happen
    /// in one go, and where something does, others come in between.
    pub(crate) fn delay(&mut self, most: u64) -> Duration {
        if most == 0 || self.in_percent(40) {
            return Duration::ZERO;
        }
        Duration::from_millis(self.below(most + 1))
    }
}
