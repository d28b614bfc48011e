//! The retry budget of one place: how many of its calls may be repeats of failed ones. It keeps
//! retries from becoming the load that a place cannot bear.
//!
//! After the per-client retry budget of the Google SRE book (chapter 21, *Handling Overload*: "a
//! request will only be retried as long as this ratio is below 10 %") and Finagle's `RetryBudget`
//! (a share of the recent calls and a floor in retries per second). Finagle forgets calls with
//! windows; here credit decays exponentially with the same time, which needs no buckets.
//!
//! Over any stretch of time: retries <= ratio * first calls + floor * (time + window).

use std::time::Duration;

use tokio::time::Instant;

use super::options::BudgetOptions;

/// The least floor, in repeats per second.
const LEAST_FLOOR: f64 = 1e-3;

#[derive(Debug)]
pub(super) struct RetryBudget {
    options: BudgetOptions,
    /// Earned by first calls; it decays, so that a busy hour pays for no storm in the next.
    earned: f64,
    /// Filled by time alone.
    floor: f64,
    at: Option<Instant>,
}

impl RetryBudget {
    pub(super) fn new(mut options: BudgetOptions) -> Self {
        // Without a floor a repeat could wait for ever.
        options.floor = options.floor.max(LEAST_FLOOR);
        Self {
            earned: 0.0,
            floor: most_floor(&options),
            at: None,
            options,
        }
    }

    /// A first call goes.
    pub(super) fn first_call(&mut self, now: Instant) {
        self.advance(now);
        self.earned += self.options.ratio;
    }

    /// Whether a repeat may go.
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        self.advance(now);
        self.earned + self.floor >= 1.0
    }

    /// A repeat goes; [`Self::allows`] said yes.
    pub(super) fn repeat(&mut self, now: Instant) {
        self.advance(now);
        let from_earned = self.earned.min(1.0);
        self.earned -= from_earned;
        self.floor = (self.floor - (1.0 - from_earned)).max(0.0);
    }

    /// When a repeat may go even if no first call comes.
    pub(super) fn next(&self, now: Instant) -> Instant {
        let missing = (1.0 - self.floor).max(0.0);
        // A moment more than calculated, so that rounding does not make it a moment too early.
        now + Duration::from_secs_f64(missing / self.options.floor) + Duration::from_micros(10)
    }

    fn advance(&mut self, now: Instant) {
        let Some(at) = self.at.replace(now) else {
            return;
        };
        let passed = now.saturating_duration_since(at);
        if passed.is_zero() {
            // Two threads may read the clock in another order than they get here.
            self.at = Some(at.max(now));
            return;
        }
        let seconds = passed.as_secs_f64();
        self.earned *= (-seconds / self.options.window.as_secs_f64()).exp();
        self.floor = (self.floor + seconds * self.options.floor).min(most_floor(&self.options));
    }
}

/// At least one whole repeat can be saved up, or none would ever go.
fn most_floor(options: &BudgetOptions) -> f64 {
    (options.floor * options.window.as_secs_f64()).max(1.0)
}

#[cfg(test)]
mod tests;
