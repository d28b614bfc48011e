//! How many tickets of each tenant and task are open, against the limits that hold now.
//!
//! Counting and checking are one step under one lock, so the limits are hard for new tickets. One
//! that was lowered refuses new ones until enough have ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use punchcard_events::tenant::{Limits, TenantLimits};
use punchcard_events::{TaskName, TenantId};

use super::Bound;

/// The counts. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Concurrent(Arc<Mutex<HashMap<TenantId, Open>>>);

#[derive(Debug, Default)]
struct Open {
    all: usize,
    tasks: HashMap<TaskName, usize>,
}

/// A ticket that counts; dropping it ends that.
#[derive(Debug)]
pub(super) struct OpenTicket {
    counts: Concurrent,
    tenant: TenantId,
    task: TaskName,
}

impl Concurrent {
    /// Counts a new ticket, or says which limit it would pass.
    pub(super) fn take(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        limits: &TenantLimits,
    ) -> Result<OpenTicket, Bound> {
        let mut counts = self.lock();
        let open = counts.get(tenant);
        let all = open.map_or(0, |open| open.all);
        let own = open
            .and_then(|open| open.tasks.get(task))
            .copied()
            .unwrap_or(0);
        if is_full(all, &limits.all) {
            return Err(Bound::TenantConcurrent);
        }
        if limits
            .tasks
            .get(task)
            .is_some_and(|limits| is_full(own, limits))
        {
            return Err(Bound::TaskConcurrent);
        }
        Ok(self.count_one(&mut counts, tenant, task))
    }

    /// Counts a ticket that was taken before.
    pub(super) fn take_anyway(&self, tenant: &TenantId, task: &TaskName) -> OpenTicket {
        self.count_one(&mut self.lock(), tenant, task)
    }

    /// Open tickets of the tenant, and of the task; 0 where none is named.
    pub(super) fn count(&self, tenant: &TenantId, task: Option<&TaskName>) -> (usize, usize) {
        let counts = self.lock();
        let Some(open) = counts.get(tenant) else {
            return (0, 0);
        };
        let own = task.and_then(|task| open.tasks.get(task));
        (open.all, own.copied().unwrap_or(0))
    }

    fn count_one(
        &self,
        counts: &mut HashMap<TenantId, Open>,
        tenant: &TenantId,
        task: &TaskName,
    ) -> OpenTicket {
        if !counts.contains_key(tenant) {
            counts.insert(tenant.clone(), Open::default());
        }
        if let Some(open) = counts.get_mut(tenant) {
            open.all = open.all.saturating_add(1);
            match open.tasks.get_mut(task) {
                Some(own) => *own = own.saturating_add(1),
                None => drop(open.tasks.insert(task.clone(), 1)),
            }
        }
        OpenTicket {
            counts: self.clone(),
            tenant: tenant.clone(),
            task: task.clone(),
        }
    }

    // No code that can panic runs under the lock, so its poison says nothing.
    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_full(open: usize, limits: &Limits) -> bool {
    let limit = limits.concurrent_tickets;
    limit.is_some_and(|limit| open >= usize::try_from(limit).unwrap_or(usize::MAX))
}

impl Drop for OpenTicket {
    fn drop(&mut self) {
        let mut counts = self.counts.lock();
        let Some(open) = counts.get_mut(&self.tenant) else {
            return;
        };
        open.all = open.all.saturating_sub(1);
        if let Some(own) = open.tasks.get_mut(&self.task) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                open.tasks.remove(&self.task);
            }
        }
        if open.all == 0 {
            counts.remove(&self.tenant);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_counts_open_tickets_and_one_that_was_lowered_refuses_until_enough_have_ended() {
        let counts = Concurrent::default();
        let tenant = TenantId::new("a").expect("a tenant");
        let (review, essay) = (TaskName::new("review"), TaskName::new("essay"));
        let (review, essay) = (review.expect("a task"), essay.expect("a task"));
        let mut limits = TenantLimits::default();
        limits.all.concurrent_tickets = Some(3);
        let own = limits.tasks.entry(review.clone()).or_default();
        own.concurrent_tickets = Some(1);
        let first = counts.take(&tenant, &review, &limits).expect("room");
        let refused = counts.take(&tenant, &review, &limits).err();
        assert_eq!(refused, Some(Bound::TaskConcurrent));
        let others =
            [essay.clone(), essay.clone()].map(|task| counts.take(&tenant, &task, &limits));
        assert!(others.iter().all(Result::is_ok));
        let refused = counts.take(&tenant, &essay, &limits).err();
        assert_eq!(refused, Some(Bound::TenantConcurrent));
        assert_eq!(counts.count(&tenant, Some(&review)), (3, 1));
        limits.all.concurrent_tickets = Some(1);
        drop(first);
        assert!(counts.take(&tenant, &review, &limits).is_err());
        drop(others);
        assert!(counts.take(&tenant, &review, &limits).is_ok());
        assert!(
            counts.lock().is_empty(),
            "nothing is kept of a tenant without tickets"
        );
        let anyway = [(); 3].map(|()| counts.take_anyway(&tenant, &review));
        assert_eq!(counts.count(&tenant, Some(&review)), (3, 3));
        drop(anyway);
    }
}
