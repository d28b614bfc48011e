//! Whether the store takes events now, for whoever admits work.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Whether the store takes events now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// It does.
    Healthy,
    /// Its disk or file failed; it tries again by itself.
    Failing {
        /// Since when.
        since: Instant,
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
    commits: AtomicU64,
    appends: AtomicU64,
    reopened: AtomicU64,
}

impl Board {
    pub(super) fn new() -> Self {
        Self {
            health: Mutex::new(Health::Healthy),
            commits: AtomicU64::new(0),
            appends: AtomicU64::new(0),
            reopened: AtomicU64::new(0),
        }
    }

    pub(super) fn health(&self) -> Health {
        let health = self.health.lock();
        health.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_health(&self, now: Health) {
        let health = self.health.lock();
        *health.unwrap_or_else(PoisonError::into_inner) = now;
    }

    pub(super) fn committed(&self, appends: usize) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.appends.fetch_add(appends as u64, Ordering::Relaxed);
    }

    pub(super) fn reopened(&self) {
        self.reopened.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn written(&self) -> Written {
        Written {
            commits: self.commits.load(Ordering::Relaxed),
            appends: self.appends.load(Ordering::Relaxed),
            reopened: self.reopened.load(Ordering::Relaxed),
        }
    }
}
