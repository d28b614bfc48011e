//! Who is connected. Plain data; the supervisor owns it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};

use punchcard_events::{TenantId, UserId};

use super::lease::{Goodbye, Lease};
use super::{Admission, SessionError, SessionLimits};

/// All watchers let in, oldest first. A watcher that has left is a dead weak pointer until the next
/// sweep.
#[derive(Default)]
pub(super) struct Roster {
    leases: VecDeque<Weak<Lease>>,
    by_user: HashMap<(TenantId, UserId), VecDeque<Weak<Lease>>>,
    sessions: Seats,
    streams: Seats,
    closed: bool,
}

/// Who sits where: for each tenant a token that every watcher of it holds a copy of.
type Seats = HashMap<TenantId, Arc<()>>;

/// One watcher's share of its tenant's limit, given back by dropping it.
pub(super) type Seat = Arc<()>;

impl Roster {
    /// Lets a watcher in, closing the user's oldest session when it has too many. A tenant that has as
    /// many as it may gets no more, so that its crowd leaves room for others.
    pub(super) fn admit(
        &mut self,
        admission: Admission,
        limits: &SessionLimits,
    ) -> Result<Arc<Lease>, SessionError> {
        if self.closed {
            return Err(SessionError::Stopping);
        }
        if self.leases.len() >= limits.sessions.get() {
            self.sweep();
        }
        if self.leases.len() >= limits.sessions.get() {
            return Err(SessionError::TooManySessions);
        }
        let seat = self.seat(&admission, limits)?;
        let lease = Lease::new(admission, seat);
        self.leases.push_back(Arc::downgrade(&lease));
        if let Some(user) = lease.user.clone() {
            let own = self
                .by_user
                .entry((lease.tenant.clone(), user))
                .or_default();
            own.retain(|other| other.upgrade().is_some_and(|l| l.dismissed_for().is_none()));
            while own.len() >= limits.sessions_per_user.get() {
                if let Some(oldest) = own.pop_front().and_then(|oldest| oldest.upgrade()) {
                    oldest.dismiss(Goodbye::SessionLimit);
                }
            }
            own.push_back(Arc::downgrade(&lease));
        }
        Ok(lease)
    }

    fn seat(&mut self, who: &Admission, limits: &SessionLimits) -> Result<Seat, SessionError> {
        let (seats, most) = match who.user {
            Some(_) => (&mut self.sessions, limits.sessions_per_tenant),
            None => (&mut self.streams, limits.streams_per_tenant),
        };
        let token = seats.entry(who.tenant.clone()).or_default();
        // One copy is the table's own.
        if Arc::strong_count(token) > most.get() {
            return Err(SessionError::TooManySessions);
        }
        Ok(Arc::clone(token))
    }

    /// Whether nobody is admitted any more.
    pub(super) const fn is_closed(&self) -> bool {
        self.closed
    }

    /// Every watcher that is still there.
    pub(super) fn present(&self) -> impl Iterator<Item = Arc<Lease>> + '_ {
        self.leases.iter().filter_map(Weak::upgrade)
    }

    /// How many sessions each tenant has; one that has just left may still be counted.
    pub(super) fn sessions_by_tenant(&self) -> Vec<(TenantId, usize)> {
        // One copy of each token is the table's own.
        let counts = self.sessions.iter();
        let counts = counts.map(|(tenant, seat)| (tenant.clone(), Arc::strong_count(seat) - 1));
        counts.filter(|(_, count)| *count > 0).collect()
    }

    /// Admits nobody from now on.
    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    /// Forgets those who have left.
    pub(super) fn sweep(&mut self) {
        let here = |lease: &Weak<Lease>| lease.strong_count() > 0;
        self.leases.retain(here);
        self.by_user.retain(|_, own| {
            own.retain(here);
            !own.is_empty()
        });
        for seats in [&mut self.sessions, &mut self.streams] {
            seats.retain(|_, token| Arc::strong_count(token) > 1);
        }
    }
}
