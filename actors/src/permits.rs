//! Permits: how many calls to one place may run at once. Those over the limit wait in line.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The right to make one call; dropping it lets the next in line go.
#[derive(Debug)]
pub struct Permit {
    // Held for its Drop only.
    _slot: Option<OwnedSemaphorePermit>,
}

/// One line of waiters per place (a model, a tenant's API), first come first served.
#[derive(Debug)]
pub struct Gates {
    limits: HashMap<String, usize>,
    default_limit: usize,
    gates: Mutex<HashMap<String, Arc<Gate>>>,
}

#[derive(Debug)]
struct Gate {
    limit: usize,
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
}

/// How one gate stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GateStatus {
    /// The place.
    pub name: String,
    /// Calls that may run at once.
    pub limit: usize,
    /// Calls that run now.
    pub in_use: usize,
    /// Callers in line.
    pub waiting: usize,
}

/// Counts one waiter for as long as it waits, however it stops waiting.
struct InLine<'a>(&'a AtomicUsize);

impl Gates {
    /// Gates with a limit per place; places not named get `default_limit`.
    pub fn new(limits: HashMap<String, usize>, default_limit: usize) -> Self {
        Self {
            limits,
            default_limit: default_limit.max(1),
            gates: Mutex::default(),
        }
    }

    /// Waits in line for a permit.
    pub async fn permit(&self, name: &str) -> Permit {
        let gate = self.gate(name);
        let _in_line = InLine::join(&gate.waiting);
        // The semaphore is never closed; if it were, nobody should be held up by it.
        let slot = Arc::clone(&gate.slots).acquire_owned().await.ok();
        Permit { _slot: slot }
    }

    /// A permit, if one is free and nobody is in line.
    pub fn try_permit(&self, name: &str) -> Option<Permit> {
        let slot = Arc::clone(&self.gate(name).slots)
            .try_acquire_owned()
            .ok()?;
        Some(Permit { _slot: Some(slot) })
    }

    /// How every gate used so far stands, by name.
    pub fn status(&self) -> Vec<GateStatus> {
        let gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let mut status: Vec<_> = gates
            .iter()
            .map(|(name, gate)| GateStatus {
                name: name.clone(),
                limit: gate.limit,
                in_use: gate.limit.saturating_sub(gate.slots.available_permits()),
                waiting: gate.waiting.load(Ordering::Relaxed),
            })
            .collect();
        status.sort_by(|a, b| a.name.cmp(&b.name));
        status
    }

    fn gate(&self, name: &str) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gate) = gates.get(name) {
            return Arc::clone(gate);
        }
        let limit = self.limits.get(name).copied().unwrap_or(self.default_limit);
        let limit = limit.clamp(1, Semaphore::MAX_PERMITS);
        let gate = Arc::new(Gate {
            limit,
            slots: Arc::new(Semaphore::new(limit)),
            waiting: AtomicUsize::new(0),
        });
        gates.insert(name.to_owned(), Arc::clone(&gate));
        gate
    }
}

impl<'a> InLine<'a> {
    fn join(waiting: &'a AtomicUsize) -> Self {
        waiting.fetch_add(1, Ordering::Relaxed);
        Self(waiting)
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::poll;
    use std::pin::pin;

    #[tokio::test]
    async fn callers_over_the_limit_wait_in_line_and_go_first_come_first_served() {
        let gates = Gates::new(HashMap::from([("m".to_owned(), 1)]), 8);
        let first = gates.permit("m").await;
        let mut second = pin!(gates.permit("m"));
        let mut third = pin!(gates.permit("m"));
        assert!(poll!(second.as_mut()).is_pending());
        assert!(poll!(third.as_mut()).is_pending());
        let status = gates.status();
        assert_eq!((status[0].in_use, status[0].waiting), (1, 2));

        drop(first);
        assert!(gates.try_permit("m").is_none(), "nobody jumps the line");
        assert!(poll!(third.as_mut()).is_pending());
        let held = poll!(second.as_mut());
        assert!(held.is_ready());
        assert_eq!(gates.status()[0].waiting, 1);
    }

    #[tokio::test]
    async fn a_waiter_that_gives_up_leaves_the_line() {
        let gates = Gates::new(HashMap::new(), 1);
        let held = gates.permit("m").await;
        {
            let mut waiter = pin!(gates.permit("m"));
            assert!(poll!(waiter.as_mut()).is_pending());
        }
        assert_eq!(gates.status()[0].waiting, 0);
        drop(held);
        assert!(gates.try_permit("m").is_some());
    }
}
