//! How many tickets are under way: a closed loop issues the next one when one is done.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Semaphore;

/// The tickets under way.
pub(super) struct Flight {
    room: Semaphore,
    issued: AtomicU64,
    done: AtomicU64,
    refused: AtomicU64,
    failed: AtomicU64,
}

impl Flight {
    /// Room for this many at a time.
    pub(super) fn new(size: usize) -> Self {
        Self {
            room: Semaphore::new(size),
            issued: AtomicU64::new(0),
            done: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// Waits for room and takes it, until [`Self::land`] gives it back.
    pub(super) async fn take_off(&self) {
        // The semaphore is never closed.
        if let Ok(room) = self.room.acquire().await {
            room.forget();
        }
    }

    /// A ticket was accepted.
    pub(super) fn accepted(&self) {
        self.issued.fetch_add(1, Ordering::Relaxed);
    }

    /// A ticket was refused; its issuer tries again.
    pub(super) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// A ticket is done.
    pub(super) fn land(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
        self.room.add_permits(1);
    }

    /// A ticket ended, but was not done.
    pub(super) fn fail(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.room.add_permits(1);
    }

    /// Tickets accepted so far.
    pub(super) fn count_accepted(&self) -> u64 {
        self.issued.load(Ordering::Relaxed)
    }

    /// Tickets done so far.
    pub(super) fn count_done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Tickets so far that ended, but were not done.
    pub(super) fn count_failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// Refusals so far.
    pub(super) fn count_refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}
