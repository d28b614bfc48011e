//! Whether the store takes events now, for whoever admits work or is woken by an alert.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::failure::{Cause, Failure};

/// Whether the store takes events now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Healthy,
    /// Its disk or file failed; it tries again by itself.
    Failing {
        /// Since when.
        since: Instant,
        /// The class of what failed.
        cause: Cause,
        /// What failed, for people.
        reason: String,
    },
    /// It was closed.
    Closed,
}

/// What the writer did since the store was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Written {
    /// Transactions committed.
    pub commits: u64,
    /// Appends that these answered, conflicts included.
    pub appends: u64,
    /// Times the database was opened again after a failure.
    pub reopened: u64,
}

/// What the writer lets others see.
#[derive(Debug)]
pub(super) struct Board {
    health: Mutex<Health>,
    /// The state that the gauge shows.
    shown: Mutex<&'static str>,
    /// Times below are milliseconds since then.
    begun: Instant,
    /// When the writer went to the disk and has not come back, plus one; 0 when it waits for work.
    at_disk_since: AtomicU64,
    stall_after: Duration,
    commits: AtomicU64,
    appends: AtomicU64,
    reopened: AtomicU64,
}

const OPEN: &str = "open";
const CLOSED: &str = "closed";

impl Board {
    /// The board of a store that has just been opened. A visit to the disk longer than
    /// `stall_after` counts as a failure while it lasts.
    pub(super) fn new(stall_after: Duration) -> Self {
        let board = Self {
            health: Mutex::new(Health::Healthy),
            shown: Mutex::new(""),
            begun: Instant::now(),
            at_disk_since: AtomicU64::new(0),
            stall_after,
            commits: AtomicU64::new(0),
            appends: AtomicU64::new(0),
            reopened: AtomicU64::new(0),
        };
        board.show(OPEN);
        board
    }

    pub(super) fn health(&self) -> Health {
        let health = locked(&self.health).clone();
        match (health, self.stalled_for()) {
            (Health::Healthy, Some(stalled)) => {
                let now = Instant::now();
                Health::Failing {
                    since: now.checked_sub(stalled).unwrap_or(now),
                    cause: Cause::Stalled,
                    reason: format!("the disk has not answered for {} s", stalled.as_secs()),
                }
            }
            (health, _) => health,
        }
    }

    /// The writer came to a halt, or still is at one. The time of the first failure stays.
    pub(super) fn failing(&self, failure: &Failure) {
        let mut health = locked(&self.health);
        let since = match *health {
            Health::Failing { since, .. } => since,
            Health::Healthy | Health::Closed => Instant::now(),
        };
        *health = Health::Failing {
            since,
            cause: failure.cause,
            reason: failure.reason.clone(),
        };
        self.show(failure.cause.as_str());
    }

    /// The store takes events again.
    pub(super) fn healed(&self) {
        self.reopened.fetch_add(1, Ordering::Relaxed);
        *locked(&self.health) = Health::Healthy;
        self.show(OPEN);
    }

    pub(super) fn closed(&self) {
        *locked(&self.health) = Health::Closed;
        self.show(CLOSED);
    }

    /// The writer goes to the disk.
    pub(super) fn at_disk(&self) {
        self.at_disk_since.store(self.now() + 1, Ordering::Release);
    }

    /// The writer is back.
    pub(super) fn back_from_disk(&self) {
        self.at_disk_since.store(0, Ordering::Release);
        if *locked(&self.shown) == Cause::Stalled.as_str() {
            self.show(OPEN);
        }
    }

    /// Whether the writer waits for work.
    #[cfg(test)]
    pub(super) fn is_waiting(&self) -> bool {
        self.at_disk_since.load(Ordering::Acquire) == 0
    }

    /// For how long the disk has not answered, when that is too long.
    pub(super) fn stalled_for(&self) -> Option<Duration> {
        let since = self.at_disk_since.load(Ordering::Acquire).checked_sub(1)?;
        let stalled = Duration::from_millis(self.now().saturating_sub(since));
        if stalled < self.stall_after {
            return None;
        }
        if *locked(&self.shown) == OPEN {
            // The writer itself is in no position to tell.
            self.show(Cause::Stalled.as_str());
            count(Cause::Stalled);
            tracing::error!(?stalled, "the event store's disk does not answer");
        }
        Some(stalled)
    }

    pub(super) fn committed(&self, appends: usize) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.appends.fetch_add(appends as u64, Ordering::Relaxed);
    }

    pub(super) fn written(&self) -> Written {
        Written {
            commits: self.commits.load(Ordering::Relaxed),
            appends: self.appends.load(Ordering::Relaxed),
            reopened: self.reopened.load(Ordering::Relaxed),
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Has `store_writer_state` show one state as 1 and every other as 0.
    fn show(&self, state: &'static str) {
        let mut shown = locked(&self.shown);
        if *shown == state {
            return;
        }
        *shown = state;
        let causes = Cause::ALL.map(Cause::as_str);
        for name in causes.into_iter().chain([OPEN, CLOSED]) {
            let now = if name == state { 1.0 } else { 0.0 };
            metrics::gauge!("store_writer_state", "state" => name).set(now);
        }
    }
}

/// Counts a failure.
pub(super) fn count(cause: Cause) {
    metrics::counter!("store_failures_total", "cause" => cause.as_str()).increment(1);
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
