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
    closed: bool,
}

impl Roster {
    /// Lets a watcher in, closing the user's oldest session when it has too many.
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
        let lease = Lease::new(admission);
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

    /// Every watcher that is still there.
    pub(super) fn present(&self) -> impl Iterator<Item = Arc<Lease>> + '_ {
        self.leases.iter().filter_map(Weak::upgrade)
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
    }
}
