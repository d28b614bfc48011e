//! When to try again: pure schedules. The randomness is passed in, the waiting is done elsewhere.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Exponential backoff with equal jitter, bounded in tries.
///
/// The delay after failure `n` is drawn evenly from the upper half of
/// `min(max_delay, initial_delay * 2^(n - 1))` ("equal jitter", as in the AWS Architecture Blog's
/// *Exponential Backoff And Jitter*, 2015): spread enough to break up herds, never near zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryPolicy {
    /// How many tries there may be in all, the first included. The first is always made, so 0
    /// means 1.
    pub max_tries: u32,
    /// The ceiling of the delay after the first failure, in milliseconds.
    pub initial_delay_ms: u64,
    /// The ceiling that no delay passes, in milliseconds.
    pub max_delay_ms: u64,
}

/// A draw from 0 to 1, both included, passed into decisions so that they stay pure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jitter(f64);

impl Jitter {
    /// The jitter that gives the longest delays.
    pub const MAX: Self = Self(1.0);
    /// The jitter that gives the shortest delays.
    pub const MIN: Self = Self(0.0);

    /// Makes a jitter of 64 random bits.
    pub fn from_bits(bits: u64) -> Self {
        // 2^64 as f64: the quotient is in [0, 1].
        #[expect(clippy::cast_precision_loss, reason = "a draw needs no 64 bits")]
        Self(bits as f64 / 18_446_744_073_709_551_616.0)
    }
}

impl Jitter {
    /// `delay`, drawn out by up to `part` of itself: 0.2 gives 100 to 120 percent of it.
    pub fn stretch(self, delay: Duration, part: f64) -> Duration {
        delay.mul_f64(1.0 + self.0 * part.clamp(0.0, 1.0))
    }
}

impl RetryPolicy {
    /// The delay before the next try after `failures` failures, or `None` when no try is left.
    pub fn delay(&self, failures: u32, jitter: Jitter) -> Option<Duration> {
        if failures >= self.max_tries {
            return None;
        }
        let doublings = failures.saturating_sub(1).min(63);
        let factor = 1_u64.checked_shl(doublings).unwrap_or(u64::MAX);
        let ceiling = self
            .initial_delay_ms
            .saturating_mul(factor)
            .min(self.max_delay_ms);
        Some(Duration::from_millis(ceiling).mul_f64(0.5 + jitter.0 / 2.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        max_tries: 5,
        initial_delay_ms: 500,
        max_delay_ms: 3_000,
    };

    #[test]
    fn delays_double_up_to_the_ceiling_and_then_end() {
        let ceilings: Vec<_> = (1..=5).map(|n| POLICY.delay(n, Jitter::MAX)).collect();
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!(ceilings, [ms(500), ms(1_000), ms(2_000), ms(3_000), None]);
    }

    #[test]
    fn jitter_stays_in_the_upper_half() {
        assert_eq!(
            POLICY.delay(2, Jitter::MIN),
            Some(Duration::from_millis(500))
        );
        let drawn = POLICY.delay(2, Jitter::from_bits(u64::MAX / 2));
        assert!(drawn > Some(Duration::from_millis(749)), "{drawn:?}");
        assert!(drawn < Some(Duration::from_millis(751)), "{drawn:?}");
    }

    #[test]
    fn no_number_of_failures_overflows() {
        let endless = RetryPolicy {
            max_tries: u32::MAX,
            ..POLICY
        };
        assert_eq!(
            endless.delay(u32::MAX - 1, Jitter::MAX),
            Some(Duration::from_secs(3))
        );
    }
}
