//! The times at which a place lets somebody go without anything else happening: a breaker's time is
//! over, a pause ends, the rate allows one more. One task keeps them for all places of a kind, so
//! that thousands of waiters need no timer of their own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::guard::Guard;

#[derive(Debug, Default)]
pub(super) struct Alarms {
    set: Mutex<Set>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Set {
    /// By time, and by the guard's name: one that sets the same alarm twice has it once, and two that
    /// are due together come in the same order in every run.
    due: BTreeMap<(Instant, Arc<str>), Arc<Guard>>,
    closed: bool,
}

impl Alarms {
    /// Has `guard` looked after at `at`. A guard sets a new alarm only when it is earlier than those
    /// it has, so there are few.
    pub(super) fn set(&self, at: Instant, guard: Arc<Guard>) {
        let earliest = {
            let mut set = self.lock();
            if set.closed {
                return;
            }
            let key = (at, Arc::clone(guard.name()));
            set.due.insert(key.clone(), guard);
            set.due
                .first_key_value()
                .is_some_and(|(first, _)| *first == key)
        };
        if earliest {
            self.changed.notify_one();
        }
    }

    /// Looks after the guards at their times until the alarms are closed.
    pub(super) async fn keep(self: Arc<Self>) {
        while let Some(next) = self.ring() {
            tokio::select! {
                () = self.changed.notified() => {}
                () = sleep_until(next) => {}
            }
        }
    }

    /// No alarm rings any more, and [`Self::keep`] ends.
    pub(super) fn close(&self) {
        let due = {
            let mut set = self.lock();
            set.closed = true;
            std::mem::take(&mut set.due)
        };
        drop(due);
        self.changed.notify_one();
    }

    /// Looks after everything due; gives the time of the next alarm, or nothing once closed.
    fn ring(&self) -> Option<Option<Instant>> {
        let now = Instant::now();
        loop {
            let guard = {
                let mut set = self.lock();
                if set.closed {
                    return None;
                }
                match set.due.first_entry() {
                    Some(first) if first.key().0 <= now => first.remove(),
                    Some(first) => return Some(Some(first.key().0)),
                    None => return Some(None),
                }
            };
            guard.look_after(now);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Set> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn sleep_until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
