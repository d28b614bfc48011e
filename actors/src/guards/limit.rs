//! How many calls may run at once at one place.
//!
//! The limit follows what the place can bear by additive increase and multiplicative decrease
//! (Chiu and Jain, *Analysis of the Increase and Decrease Algorithms for Congestion Avoidance in
//! Computer Networks*, 1989; as in RFC 5681 and Netflix's `concurrency-limits`, `AIMDLimit`): a place
//! that says it is overloaded lowers it at once, successes raise it one by one. A fixed limit is
//! the same with a ceiling that somebody chose, and looks at nothing but overload. An adaptive one
//! also gives way when calls get slow, measured as in Netflix's `Gradient2Limit`: the short average
//! of the latency against the long one.

use std::time::Duration;

use tokio::time::Instant;

use super::options::{AdaptiveOptions, Concurrency};

/// What is left of the limit after "too many requests".
const OVERLOADED: f64 = 0.5;
/// What is left of an adaptive limit after calls got slow, or one failed.
const STRAINED: f64 = 0.9;
/// Calls count as slow when the short average passes the long one so many times.
const SLOW: f64 = 2.0;
/// Weights of a new sample in the two averages, and the samples before they mean anything.
const SHORT: f64 = 0.1;
const LONG: f64 = 0.01;
const WARM_UP: u32 = 20;
/// Where an adaptive limit starts, within its bounds.
const START: f64 = 8.0;

#[derive(Debug)]
pub(super) struct Limit {
    now: f64,
    min: f64,
    max: f64,
    /// Of an adaptive limit.
    latency: Option<Latency>,
    /// Calls begun before this ran under the limit of before: they say nothing about this one.
    lowered_at: Option<Instant>,
}

/// Averages of how long successful calls take, in seconds.
#[derive(Debug, Default)]
struct Latency {
    short: f64,
    long: f64,
    samples: u32,
}

impl Limit {
    #[expect(clippy::cast_precision_loss, reason = "limits are small")]
    pub(super) fn new(concurrency: Concurrency, adaptive: &AdaptiveOptions) -> Self {
        let (min, max, now) = match concurrency {
            Concurrency::Fixed(limit) => (1.0, limit.get() as f64, limit.get() as f64),
            Concurrency::Adaptive => {
                let (min, max) = (adaptive.min.get() as f64, adaptive.max.get() as f64);
                // Bounds in the wrong order are the configuration's to refuse; no panic here.
                (min, max.max(min), START.min(max).max(min))
            }
        };
        let adapts = concurrency == Concurrency::Adaptive;
        Self {
            now,
            min,
            max,
            latency: adapts.then(Latency::default),
            lowered_at: None,
        }
    }

    /// Calls that may run at once now.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and a usize"
    )]
    pub(super) const fn get(&self) -> usize {
        self.now as usize
    }

    pub(super) const fn is_lowest(&self) -> bool {
        self.now <= self.min
    }

    /// A call that began at `begun` succeeded; with it `running` calls were running.
    #[expect(clippy::cast_precision_loss, reason = "limits are small")]
    pub(super) fn succeeded(&mut self, begun: Instant, running: usize, now: Instant) {
        let Some(latency) = &mut self.latency else {
            self.raise();
            return;
        };
        latency.sample(now.saturating_duration_since(begun));
        if latency.is_slow() {
            self.lower(STRAINED, begun, now);
        } else if running as f64 * 2.0 >= self.now {
            // A limit that nobody comes near is not put to the test.
            self.raise();
        }
    }

    /// A call that began at `begun` failed.
    pub(super) fn failed(&mut self, begun: Instant, now: Instant) {
        if self.latency.is_some() {
            self.lower(STRAINED, begun, now);
        }
    }

    /// A call that began at `begun` was told that the place is overloaded. Tells whether that is
    /// news: the calls that ran together are one message.
    pub(super) fn overloaded(&mut self, begun: Instant, now: Instant) -> bool {
        self.lower(OVERLOADED, begun, now)
    }

    /// One more per round of successes; before the first decrease of an adaptive limit, one more
    /// per success (TCP's slow start).
    fn raise(&mut self) {
        let starting = self.lowered_at.is_none();
        let step = if starting { 1.0 } else { 1.0 / self.now };
        self.now = (self.now + step).min(self.max);
    }

    fn lower(&mut self, factor: f64, begun: Instant, now: Instant) -> bool {
        if self.lowered_at.is_some_and(|at| begun < at) {
            return false;
        }
        self.now = (self.now * factor).max(self.min);
        self.lowered_at = Some(now);
        true
    }
}

impl Latency {
    fn sample(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        self.samples = self.samples.saturating_add(1);
        if self.samples <= WARM_UP {
            self.long += (seconds - self.long) / f64::from(self.samples);
            self.short = self.long;
            return;
        }
        self.short += (seconds - self.short) * SHORT;
        self.long += (seconds - self.long) * LONG;
        if self.long > SLOW * self.short {
            // The place got faster: what is usual has to follow sooner than its average does.
            self.long *= 0.95;
        }
    }

    fn is_slow(&self) -> bool {
        self.samples > WARM_UP && self.short > SLOW * self.long
    }
}

#[cfg(test)]
mod tests;
