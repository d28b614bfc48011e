//! Admission: which new tickets are taken, and which are refused early, with a time to come back.
//!
//! Three bounds, the cheapest first:
//!
//! - *at the door*: how many requests are being accepted at a time, their first event on its way to
//!   the disk. A stalled store cannot pile up more than these.
//! - *by count*: how many tickets are open, of a tenant and in all. A [`Place`] is held from the
//!   admission until the ticket's actor has left for good. It goes from an actor that crashed, or gave
//!   way to a failing store, to its successor, so the count is hard. An answer that waits in the
//!   store for somebody to take it has no actor, and does not count.
//!   A tenant's own limits of open tickets, in all and by task, are read at each admission.
//! - *by age*: a ticket that would wait in the line of its model longer than it may is refused now,
//!   not failed later. How long it would wait the model's guard says, by tenant.
//!
//! A refusal reads nothing and writes nothing. What was accepted once is never refused for load: a
//! stored ticket comes in over any bound. Who waits for permits once a ticket is open is not decided
//! here.

mod concurrent;
mod drain;
mod shares;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use punchcard_events::retry::{Jitter, RetryPolicy};
use punchcard_events::tenant::TenantLimits;
use punchcard_events::{TaskName, TenantId};
use tokio::time::Instant;

use concurrent::{Concurrent, OpenTicket};
use drain::Drain;
pub use shares::{Full, Places, Share, Shares};

use crate::ports::{Asked, LimitsBook};

/// The least and the most a refused issuer is told to wait.
const RETRY_AFTER: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(60);

/// Retries may come when this part of all places will have come free, so that they find room.
const ROOM_FOR_RETRIES: usize = 10;

/// What is taken.
#[derive(Debug, Clone)]
pub struct AdmissionOptions {
    /// Open tickets.
    pub open: Places,
    /// Tickets that are being accepted at a time.
    pub accepting: Places,
}

impl AdmissionOptions {
    /// `open` tickets in all, whoever they are of, and as many accepted at a time.
    pub fn of(open: usize) -> Self {
        Self {
            open: Places::new(open, usize::MAX),
            accepting: Places::new(open, usize::MAX),
        }
    }
}

/// Which bound a new ticket met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// The tenant's open tickets.
    TenantOpen,
    /// The tenant's tickets that are being accepted.
    TenantAccepting,
    /// The tenant's tickets that are scheduled for later.
    TenantScheduled,
    /// All open tickets.
    Open,
    /// All tickets that are being accepted.
    Accepting,
    /// The wait at the task's model.
    QueueWait,
    /// The tenant's own limit of open tickets.
    TenantConcurrent,
    /// The limit of a task's open tickets.
    TaskConcurrent,
}

impl Bound {
    /// The word for it in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TenantOpen => "tenant_open",
            Self::TenantAccepting => "tenant_accepting",
            Self::TenantScheduled => "tenant_scheduled",
            Self::Open => "open",
            Self::Accepting => "accepting",
            Self::QueueWait => "queue_wait",
            Self::TenantConcurrent => "concurrent_tickets",
            Self::TaskConcurrent => "task_concurrent_tickets",
        }
    }
}

/// A refusal: which bound, and when it may be worth coming back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) bound: Bound,
    pub(crate) retry_after: Duration,
}

/// Where a new ticket would wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    /// How long.
    pub(crate) expected_wait: Duration,
    /// How long it may.
    pub(crate) max_wait: Duration,
}

/// The gatekeeper. Clones share the counts.
#[derive(Debug, Clone)]
pub(crate) struct Admission {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    open: Shares,
    accepting: Shares,
    concurrent: Concurrent,
    /// Places that came free lately.
    drain: Mutex<Drain>,
}

/// An open ticket's place; dropping it gives it back.
#[derive(Debug)]
pub(crate) struct Place {
    admission: Admission,
    _open: Share,
    _concurrent: OpenTicket,
    /// Held until the first event is durable.
    door: Option<Share>,
    /// Whether a ticket ends with it.
    is_a_tickets: bool,
}

impl Admission {
    pub(crate) fn new(options: AdmissionOptions, limits: Arc<dyn LimitsBook>) -> Self {
        Self {
            shared: Arc::new(Shared {
                open: Shares::of_tickets(options.open, limits),
                accepting: Shares::new(options.accepting),
                concurrent: Concurrent::default(),
                drain: Mutex::default(),
            }),
        }
    }

    /// Whether a ticket of `tenant` would be let in by the counts now: the cheap look before a
    /// request is even read.
    pub(crate) fn look(&self, tenant: &TenantId, jitter: Jitter) -> Result<(), Refusal> {
        let (accepting, open) = (&self.shared.accepting, &self.shared.open);
        let full = accepting.room(tenant).map_err(accepting_bound);
        full.and_then(|()| {
            open.room(tenant)
                .map_err(|full| self.open_bound(full, tenant))
        })
        .map_err(|bound| self.refuse(bound, tenant, jitter))
    }

    /// Steps to the door. Whoever stands there may make the store work for it.
    pub(crate) fn door(&self, tenant: &TenantId, jitter: Jitter) -> Result<Share, Refusal> {
        let door = self.shared.accepting.take(tenant, 1);
        door.map_err(|full| self.refuse(accepting_bound(full), tenant, jitter))
    }

    /// Lets a new ticket in, or gives its share of the door back with the reason.
    pub(crate) fn admit(
        &self,
        asked: Asked<'_>,
        limits: &TenantLimits,
        line: Option<Line>,
        door: Share,
        jitter: Jitter,
    ) -> Result<Place, (Refusal, Share)> {
        let late = line.and_then(Line::excess);
        if let Some(excess) = late {
            let refusal = Refusal {
                bound: Bound::QueueWait,
                retry_after: spread(excess, jitter),
            };
            return Err((refusal, door));
        }
        let Asked { tenant, task, .. } = asked;
        let refuse = |bound| self.refuse(bound, tenant, jitter);
        let concurrent = match self.shared.concurrent.take(tenant, task, limits) {
            Ok(concurrent) => concurrent,
            Err(bound) => return Err((refuse(bound), door)),
        };
        match self.shared.open.take(tenant, 1) {
            Ok(open) => Ok(self.place(open, concurrent, Some(door))),
            Err(full) => Err((refuse(self.open_bound(full, tenant)), door)),
        }
    }

    /// A place for a ticket that was accepted before. Never refused.
    pub(crate) fn readmit(&self, tenant: &TenantId, task: &TaskName) -> Place {
        let concurrent = self.shared.concurrent.take_anyway(tenant, task);
        self.place(self.shared.open.take_anyway(tenant), concurrent, None)
    }

    /// How many tickets of a tenant are open, and how many of one of its tasks, if one is named.
    pub(crate) fn open_tickets(
        &self,
        tenant: &TenantId,
        task: Option<&TaskName>,
    ) -> (usize, usize) {
        self.shared.concurrent.count(tenant, task)
    }

    /// Whether places are getting scarce, so that nobody should sit on one idly.
    pub(crate) fn is_crowded(&self, tenant: &TenantId) -> bool {
        let standing = self.shared.open.standing(tenant);
        standing.own > standing.own_places / 2 || standing.total > standing.total_places / 2
    }

    /// Whether so many places are taken that scheduled tickets begin slowly, and leave the last quarter
    /// to those who ask now.
    pub(crate) fn is_nearly_full(&self) -> bool {
        let total = self.shared.open.total_places();
        self.shared.open.held() > total - total / 4
    }

    fn place(&self, open: Share, concurrent: OpenTicket, door: Option<Share>) -> Place {
        metrics::gauge!("tickets_open").increment(1.0);
        Place {
            admission: self.clone(),
            _open: open,
            _concurrent: concurrent,
            door,
            is_a_tickets: true,
        }
    }

    /// A tenant's own limit stands in for the bound that all have, and goes by its own name.
    fn open_bound(&self, full: Full, tenant: &TenantId) -> Bound {
        match full {
            Full::Tenant if self.shared.open.has_own_limit(tenant) => Bound::TenantConcurrent,
            Full::Tenant => Bound::TenantOpen,
            Full::Total => Bound::Open,
        }
    }

    fn refuse(&self, bound: Bound, tenant: &TenantId, jitter: Jitter) -> Refusal {
        let standing = self.shared.open.standing(tenant);
        let room = match bound {
            Bound::Open => standing.total_places / ROOM_FOR_RETRIES,
            // Of all that end, the tenant's are as many as its part of all that are open.
            Bound::TenantOpen | Bound::TenantConcurrent | Bound::TaskConcurrent => {
                let own = (standing.own_places / ROOM_FOR_RETRIES).max(1);
                own.saturating_mul(standing.total) / standing.own.max(1)
            }
            // The door is passed within an fsync or two.
            Bound::TenantAccepting
            | Bound::TenantScheduled
            | Bound::Accepting
            | Bound::QueueWait => 0,
        };
        let wait = self.drain().time_for(room, Instant::now());
        Refusal {
            bound,
            retry_after: spread(wait.unwrap_or_default(), jitter),
        }
    }

    fn drain(&self) -> std::sync::MutexGuard<'_, Drain> {
        let drain = self.shared.drain.lock();
        drain.unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// The ticket is durable: its issuer no longer stands at the door.
    pub(crate) fn accepted(&mut self) {
        self.door = None;
    }

    /// It is held only until a ticket's actor has a place of its own: no ticket ends with it.
    pub(crate) fn for_a_moment(mut self) -> Self {
        self.is_a_tickets = false;
        self
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        metrics::gauge!("tickets_open").decrement(1.0);
        if self.is_a_tickets {
            self.admission.drain().ended(Instant::now());
        }
    }
}

impl Line {
    /// By how much the wait is too long.
    fn excess(self) -> Option<Duration> {
        let excess = self.expected_wait.checked_sub(self.max_wait)?;
        (!excess.is_zero()).then_some(excess)
    }
}

fn accepting_bound(full: Full) -> Bound {
    match full {
        Full::Tenant => Bound::TenantAccepting,
        Full::Total => Bound::Accepting,
    }
}

/// Between once and twice `wait`, within reason, so that those refused together do not come back
/// together.
pub(crate) fn spread(wait: Duration, jitter: Jitter) -> Duration {
    let wait = wait.clamp(*RETRY_AFTER.start(), *RETRY_AFTER.end());
    let longest = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX) * 2;
    let policy = RetryPolicy {
        max_tries: u32::MAX,
        initial_delay_ms: longest,
        max_delay_ms: longest,
    };
    policy.delay(1, jitter).unwrap_or(wait)
}

#[cfg(test)]
mod tests;
