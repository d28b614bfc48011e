//! The circuit breaker of one place: it stops calls to a place that fails, and lets a few through
//! from time to time to see whether it is back.
//!
//! After M. T. Nygard, *Release It!* (2007, chapter 5.2), with the sliding window, minimum number of
//! calls and permitted calls in half-open state of resilience4j's `CircuitBreaker`. It fails no
//! ticket: those it does not let through wait in line.
//!
//! Deliberately not here: waiting, counting of calls in flight outside of half-open, and what is a
//! failure at all.

use std::collections::VecDeque;

use punchcard_events::retry::{Jitter, RetryPolicy};
use tokio::time::Instant;

use super::options::BreakerOptions;

/// How a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BreakerState {
    /// Calls go through and are watched.
    Closed,
    /// A few calls go through, to see.
    HalfOpen,
    /// No call goes through.
    Open,
}

/// Whether a call may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ready {
    /// Now.
    Now,
    /// Not before this time.
    At(Instant),
    /// When a call that runs now has ended.
    AfterACall,
}

/// What a call says about its place's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Health {
    Good,
    Bad,
    /// Nothing.
    Unknown,
}

/// The state a call went through in; what it comes to counts in no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Epoch(u64);

#[derive(Debug)]
pub(super) struct Breaker {
    options: BreakerOptions,
    state: State,
    epoch: u64,
    /// How often it opened in a row, without a long enough time closed.
    trips: u32,
    /// Of a closed breaker: newest last, whether each failed. Empty in any other state.
    outcomes: VecDeque<(Instant, bool)>,
    /// How many of them did.
    failures: usize,
}

#[derive(Debug)]
enum State {
    Closed {
        /// A trip before this continues the row of trips.
        calm_from: Option<Instant>,
    },
    Open {
        until: Instant,
    },
    HalfOpen {
        running: usize,
        succeeded: usize,
    },
}

impl BreakerState {
    /// The word for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::HalfOpen => "half_open",
            Self::Open => "open",
        }
    }

    /// The number for a gauge: 0 closed, 1 half-open, 2 open.
    pub const fn as_number(self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::HalfOpen => 1,
            Self::Open => 2,
        }
    }
}

impl Breaker {
    pub(super) const fn new(options: BreakerOptions) -> Self {
        Self {
            options,
            state: State::Closed { calm_from: None },
            epoch: 0,
            trips: 0,
            outcomes: VecDeque::new(),
            failures: 0,
        }
    }

    pub(super) const fn state(&self) -> BreakerState {
        match self.state {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }

    /// Whether a call may go.
    pub(super) fn ready(&self, now: Instant) -> Ready {
        match self.state {
            State::Closed { .. } => Ready::Now,
            State::Open { until } if now < until => Ready::At(until),
            State::Open { .. } => Ready::Now,
            State::HalfOpen { running, succeeded } => {
                if running + succeeded < self.options.probes.get() {
                    Ready::Now
                } else {
                    Ready::AfterACall
                }
            }
        }
    }

    /// A call goes; [`Self::ready`] was [`Ready::Now`].
    pub(super) fn pass(&mut self) -> Epoch {
        match &mut self.state {
            State::Closed { .. } => {}
            State::Open { .. } => self.become_state(State::HalfOpen {
                running: 1,
                succeeded: 0,
            }),
            State::HalfOpen { running, .. } => *running += 1,
        }
        Epoch(self.epoch)
    }

    /// A call ended. `jitter` spreads the time it stays open, if it opens.
    pub(super) fn record(
        &mut self,
        epoch: Epoch,
        health: Health,
        now: Instant,
        jitter: impl FnOnce() -> Jitter,
    ) {
        if epoch.0 != self.epoch {
            return;
        }
        match (&mut self.state, health) {
            (State::Open { .. }, _) | (State::Closed { .. }, Health::Unknown) => {}
            (State::Closed { .. }, Health::Good) => self.count(now, false),
            (State::Closed { .. }, Health::Bad) => {
                self.count(now, true);
                if self.failing() {
                    self.open(now, jitter());
                }
            }
            (State::HalfOpen { running, .. }, Health::Unknown) => {
                *running = running.saturating_sub(1);
            }
            (State::HalfOpen { .. }, Health::Bad) => self.open(now, jitter()),
            (State::HalfOpen { running, succeeded }, Health::Good) => {
                *running = running.saturating_sub(1);
                *succeeded += 1;
                if *succeeded >= self.options.probes.get() {
                    let calm_from = Some(now + self.options.max_open_for);
                    self.become_state(State::Closed { calm_from });
                }
            }
        }
    }

    fn count(&mut self, now: Instant, failed: bool) {
        while let Some((at, old_failed)) = self.outcomes.front().copied() {
            let full = self.outcomes.len() >= self.options.window_calls.get();
            if !full && now.saturating_duration_since(at) <= self.options.window {
                break;
            }
            self.outcomes.pop_front();
            self.failures -= usize::from(old_failed);
        }
        self.outcomes.push_back((now, failed));
        self.failures += usize::from(failed);
    }

    #[expect(clippy::cast_precision_loss, reason = "a window holds few calls")]
    fn failing(&self) -> bool {
        let seen = self.outcomes.len();
        // A window that can hold fewer than min_calls must not keep the breaker closed for ever.
        let enough = self.options.min_calls.min(self.options.window_calls);
        seen >= enough.get() && self.failures as f64 >= self.options.failure_ratio * seen as f64
    }

    fn open(&mut self, now: Instant, jitter: Jitter) {
        if let State::Closed { calm_from } = self.state
            && calm_from.is_none_or(|calm_from| calm_from <= now)
        {
            self.trips = 0;
        }
        self.trips = self.trips.saturating_add(1);
        let millis =
            |time: std::time::Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let doubling = RetryPolicy {
            max_tries: u32::MAX,
            initial_delay_ms: millis(self.options.open_for),
            max_delay_ms: millis(self.options.max_open_for),
        };
        let time = doubling.delay(self.trips, jitter);
        let until = now + time.unwrap_or(self.options.max_open_for);
        self.become_state(State::Open { until });
    }

    fn become_state(&mut self, state: State) {
        self.state = state;
        self.epoch += 1;
        self.outcomes.clear();
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests;
