//! Scheduled tickets: how many a tenant may have, and waking each when its time has come.
//!
//! A ticket whose `not_before` lies ahead is stored and has no actor, so it costs a line in the
//! ticket list and nothing else. The waker walks along that list's schedule, in the order of times.
//! It picks up what has fallen due, at a bounded rate, over any bound of admission: what was accepted
//! is never refused. But where most places are taken only [`FEW`] are picked up in a pass, so that very
//! many of the same second do not keep everybody else out; the rest begins as others end. A ticket that is nearly due ([`NEAR`]) stays with its actor and waits there, so
//! one that leaves is always in the list before the waker comes by.
//!
//! Not here: that nothing is owed before the time. `next_effect` says that, and a ticket that is woken
//! early goes away again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use punchcard_events::{TenantId, TicketId, Timestamp};

use crate::admission::Admission;
use crate::ports::{Due, ReadError};
use crate::registry::Registry;
use crate::tickets::Tickets;

/// A ticket whose time is nearer than this waits in memory.
pub(crate) const NEAR: Duration = Duration::from_secs(10);

/// How far ahead a ticket may be scheduled.
pub const MAX_AHEAD: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// The most tickets that a tenant may have scheduled at a time.
pub const MAX_SCHEDULED_PER_TENANT: u64 = 100_000;

/// When a tenant with as many may come again.
pub(crate) const FULL_RETRY: Duration = Duration::from_secs(60);

/// Tickets woken in one go, and the least time between two goes.
const PAGE: usize = 500;
const PACE: Duration = Duration::from_millis(100);

/// Tickets woken between two looks at how many places are taken.
const FEW: usize = 16;

/// Every so many passes the whole schedule up to now is walked again, and the tickets are counted
/// anew: a ticket whose waking was lost with a failing store is found then.
const FULL_PASS: u32 = 60;

/// How many tickets each tenant has scheduled. A count may be too high until it is taken anew: a
/// ticket that is cancelled before its time is counted until then.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scheduled(Arc<Mutex<HashMap<TenantId, u64>>>);

impl Scheduled {
    /// Counts one more; false where the tenant has as many as it may.
    pub(crate) fn take(&self, tenant: &TenantId) -> bool {
        let mut counts = self.lock();
        let count = counts.entry(tenant.clone()).or_insert(0);
        let room = *count < MAX_SCHEDULED_PER_TENANT;
        *count += u64::from(room);
        room
    }

    fn reset(&self, counted: Vec<(TenantId, u64)>) {
        *self.lock() = counted.into_iter().collect();
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes scheduled tickets as they fall due, for as long as the runtime runs.
pub(crate) async fn wake(
    tickets: Tickets,
    registry: Registry,
    scheduled: Scheduled,
    admission: Admission,
    interval: Duration,
) {
    let mut woken = None;
    for pass in 0_u32.. {
        tokio::time::sleep(interval).await;
        if registry.is_stopping() {
            return;
        }
        if pass.is_multiple_of(FULL_PASS) {
            // Those that were woken and wait at the head would keep a slow walk from the rest.
            woken = woken.filter(|_| admission.is_nearly_full());
            match tickets.index().count_scheduled(tickets.now()).await {
                Ok(counted) => scheduled.reset(counted),
                Err(error) => tracing::warn!(%error, "scheduled tickets cannot be counted"),
            }
        }
        if let Err(error) = wake_due(&tickets, &registry, &admission, &mut woken).await {
            tracing::warn!(%error, "scheduled tickets cannot be listed");
        }
    }
}

/// Wakes what has fallen due after `woken`, which moves on with it.
async fn wake_due(
    tickets: &Tickets,
    registry: &Registry,
    admission: &Admission,
    woken: &mut Option<Due>,
) -> Result<(), ReadError> {
    let now = tickets.now();
    loop {
        let next_at = tokio::time::Instant::now() + PACE;
        let due = tickets.index().due(*woken, now, PAGE).await?;
        for few in due.chunks(FEW) {
            let ids: Vec<TicketId> = few.iter().map(|due| due.ticket).collect();
            registry.activate(&ids).await;
            metrics::counter!("tickets_woken_total").increment(ids.len() as u64);
            *woken = few.last().copied().or(*woken);
            if admission.is_nearly_full() {
                return Ok(());
            }
        }
        if due.len() < PAGE || registry.is_stopping() {
            return Ok(());
        }
        tokio::time::sleep_until(next_at).await;
    }
}

/// What is wrong with the times of a request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}")]
pub struct BadTime {
    /// The field, as a JSON pointer (RFC 6901).
    pub field: &'static str,
    /// What does fit.
    pub rule: String,
}

/// Checks the times of a request that is made at `now`. A `not_before` that has passed means at once.
pub(crate) fn check(
    not_before: Option<Timestamp>,
    deadline: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), BadTime> {
    let bad = |field, rule: String| Err(BadTime { field, rule });
    let latest = now.plus(MAX_AHEAD);
    if not_before.is_some_and(|at| at > latest) {
        let days = MAX_AHEAD.as_secs() / (24 * 60 * 60);
        let rule = format!("A ticket may be scheduled at most {days} days ahead.");
        return bad("/not_before", rule);
    }
    let Some(deadline) = deadline else {
        return Ok(());
    };
    if deadline <= now {
        return bad("/deadline", "A deadline lies in the future.".to_owned());
    }
    if not_before.is_some_and(|at| deadline <= at) {
        let rule = "A deadline lies after `not_before`.".to_owned();
        return bad("/deadline", rule);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn at(seconds: u64) -> Option<Timestamp> {
        Some(NOW.plus(Duration::from_secs(seconds)))
    }

    fn field(not_before: Option<Timestamp>, deadline: Option<Timestamp>) -> Option<&'static str> {
        check(not_before, deadline, NOW).err().map(|bad| bad.field)
    }

    #[test]
    fn a_ticket_is_scheduled_within_bounds_and_ends_after_it_begins() {
        let past = Some(Timestamp::from_millis(1));
        let most = MAX_AHEAD.as_secs();
        for (not_before, deadline, wrong) in [
            (None, None, None),
            (past, None, None),
            (past, at(1), None),
            (at(most), None, None),
            (at(most + 1), None, Some("/not_before")),
            (None, at(1), None),
            (None, at(0), Some("/deadline")),
            (None, past, Some("/deadline")),
            (at(60), at(61), None),
            (at(60), at(60), Some("/deadline")),
            (at(60), at(59), Some("/deadline")),
        ] {
            assert_eq!(
                field(not_before, deadline),
                wrong,
                "{not_before:?} {deadline:?}"
            );
        }
    }

    #[test]
    fn a_tenant_has_so_many_scheduled_and_no_more_and_another_is_not_its_business() {
        let scheduled = Scheduled::default();
        let tenant = |name| TenantId::new(name).expect("a valid tenant");
        scheduled.reset(vec![(tenant("a"), MAX_SCHEDULED_PER_TENANT - 1)]);
        assert!(scheduled.take(&tenant("a")));
        assert!(!scheduled.take(&tenant("a")));
        assert!(scheduled.take(&tenant("b")));
        scheduled.reset(vec![]);
        assert!(scheduled.take(&tenant("a")), "counted anew, it has room");
    }
}
