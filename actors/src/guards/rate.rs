//! How fast calls to one place may follow each other: a rate, and the ramp by which a place that was
//! out is taken into use again, so that what has gathered in line does not fall on it at once.
//!
//! The rate is the generic cell rate algorithm (ITU-T I.371, annex A): a theoretical arrival time
//! and a tolerance, no bucket to refill. The ramp doubles like TCP's slow start (RFC 5681, section
//! 3.1), by time and not by replies.

use std::time::Duration;

use tokio::time::Instant;

use super::options::RampOptions;

/// Unused calls of so much time may be made up for at once.
const BURST: Duration = Duration::from_secs(1);
/// The same within a ramp: no more than what timers are late by.
const RAMP_BURST: Duration = Duration::from_millis(10);
/// A rate below this, in calls per second, is taken for this: a wait must have an end.
const SLOWEST: f64 = 1e-3;
/// Without a rate to reach, a ramp ends at this many times its start: it doubles six times.
const RAMP_GROWTH: f64 = 64.0;

#[derive(Debug)]
pub(super) struct Rate {
    /// Calls per second.
    full: Option<f64>,
    ramp: RampOptions,
    ramp_begun: Option<Instant>,
    /// When the next call would come if all came evenly.
    next: Option<Instant>,
}

impl Rate {
    pub(super) fn new(full: Option<f64>, ramp: RampOptions) -> Self {
        let slowest = |rate: f64| rate.max(SLOWEST);
        Self {
            full: full.map(slowest),
            ramp: RampOptions {
                from: slowest(ramp.from),
                ..ramp
            },
            ramp_begun: None,
            next: None,
        }
    }

    /// The place is back: begin slowly.
    pub(super) fn begin_ramp(&mut self, now: Instant) {
        if !self.ramp.over.is_zero() {
            self.ramp_begun = Some(now);
            self.next = Some(self.earliest(now));
        }
    }

    /// Calls per second now; `None` is no limit.
    pub(super) fn per_second(&self, now: Instant) -> Option<f64> {
        self.ramping(now).or(self.full)
    }

    /// Calls per second when no ramp is on.
    pub(super) const fn full(&self) -> Option<f64> {
        self.full
    }

    /// How long a ramp goes on yet.
    pub(super) fn ramp_left(&self, now: Instant) -> Duration {
        let begun = self.ramp_begun.filter(|_| self.ramping(now).is_some());
        begun.map_or(Duration::ZERO, |begun| {
            (begun + self.ramp.over).saturating_duration_since(now)
        })
    }

    /// When the next call may go; a time that is over means now.
    pub(super) fn ready_at(&self, now: Instant) -> Option<Instant> {
        self.per_second(now)?;
        // Before the first instant that a machine can name there is nothing to wait for.
        self.next?.checked_sub(BURST)
    }

    /// A call goes.
    pub(super) fn pass(&mut self, now: Instant) {
        self.next = self.per_second(now).map(|per_second| {
            let earliest = self.earliest(now);
            let from = self.next.map_or(earliest, |next| next.max(earliest));
            from + Duration::from_secs_f64(1.0 / per_second)
        });
    }

    /// Where the count begins after a time without calls. Within a ramp it is so far ahead that no
    /// burst is left, neither now nor when the ramp ends.
    fn earliest(&self, now: Instant) -> Instant {
        match self.ramping(now) {
            Some(_) => now + (BURST - RAMP_BURST),
            None => now,
        }
    }

    /// The ramp's rate, while it is below the full one.
    fn ramping(&self, now: Instant) -> Option<f64> {
        let passed = now.saturating_duration_since(self.ramp_begun?);
        if passed >= self.ramp.over {
            return None;
        }
        let part = passed.as_secs_f64() / self.ramp.over.as_secs_f64();
        let rate = self.ramp.from * RAMP_GROWTH.powf(part);
        match self.full {
            Some(full) if rate >= full => None,
            _ => Some(rate),
        }
    }
}

#[cfg(test)]
mod tests;
