//! A number of places that tenants share: so many in all, and so many of one tenant.
//!
//! Counting and checking are one step under one lock, so the bounds are hard. Waiting for a place is
//! deliberately not here: who finds none is told so.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use punchcard_events::TenantId;

use crate::ports::LimitsBook;

/// How many places there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// In all.
    pub total: usize,
    /// Of one tenant.
    pub per_tenant: usize,
}

impl Places {
    /// So many in all, and so many of one tenant.
    pub const fn new(total: usize, per_tenant: usize) -> Self {
        Self { total, per_tenant }
    }
}

/// Why there is no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// The tenant has all it may have.
    Tenant,
    /// All tenants together have all there are.
    Total,
}

/// Who holds how many places. Clones share the count.
#[derive(Clone)]
pub struct Shares {
    places: Arc<Places>,
    /// The numbers of tenants' own, where there are such. They take the place of `per_tenant`.
    limits: Option<Arc<dyn LimitsBook>>,
    held: Arc<Mutex<Held>>,
}

impl fmt::Debug for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (places, held) = (&self.places, &self.held);
        let mut shares = f.debug_struct("Shares");
        shares.field("places", places).field("held", held);
        shares.finish_non_exhaustive()
    }
}

/// How many places a tenant and all together hold, of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) own: usize,
    pub(crate) own_places: usize,
    pub(crate) total: usize,
    pub(crate) total_places: usize,
}

#[derive(Debug, Default)]
struct Held {
    total: usize,
    by_tenant: HashMap<TenantId, usize>,
}

/// Places that are held; dropping it gives them back.
#[derive(Debug)]
pub struct Share {
    shares: Shares,
    tenant: TenantId,
    count: usize,
}

impl Shares {
    /// All places, free.
    pub fn new(places: Places) -> Self {
        Self {
            places: Arc::new(places),
            limits: None,
            held: Arc::default(),
        }
    }

    /// The same, but a tenant has as many as its limit of concurrent tickets says, where it has one: as
    /// it says at each taking.
    pub(crate) fn of_tickets(places: Places, limits: Arc<dyn LimitsBook>) -> Self {
        let limits = Some(limits);
        Self {
            limits,
            ..Self::new(places)
        }
    }

    /// Whether the tenant has a number of its own.
    pub(crate) fn has_own_limit(&self, tenant: &TenantId) -> bool {
        self.own_limit(tenant).is_some()
    }

    fn own_limit(&self, tenant: &TenantId) -> Option<u32> {
        self.limits.as_ref()?.limits(tenant).all.concurrent_tickets
    }

    fn places_of(&self, tenant: &TenantId) -> usize {
        self.own_limit(tenant)
            .map_or(self.places.per_tenant, |own| {
                usize::try_from(own).unwrap_or(usize::MAX)
            })
    }

    /// Takes `count` places at once, or none.
    ///
    /// # Errors
    /// When the tenant or all together would hold more than there are.
    pub fn take(&self, tenant: &TenantId, count: usize) -> Result<Share, Full> {
        let mut held = self.lock();
        self.check(&held, tenant, count)?;
        Ok(self.give(&mut held, tenant, count))
    }

    /// Takes a place whether or not there is one: for what was admitted before, and only comes back.
    pub fn take_anyway(&self, tenant: &TenantId) -> Share {
        self.give(&mut self.lock(), tenant, 1)
    }

    /// Whether [`Self::take`] of one place would succeed now. A hint: only taking one makes it sure.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub fn room(&self, tenant: &TenantId) -> Result<(), Full> {
        self.check(&self.lock(), tenant, 1)
    }

    pub(crate) fn standing(&self, tenant: &TenantId) -> Standing {
        let held = self.lock();
        Standing {
            own: held.by_tenant.get(tenant).copied().unwrap_or(0),
            own_places: self.places_of(tenant),
            total: held.total,
            total_places: self.places.total,
        }
    }

    /// Places for all together.
    pub(crate) fn total_places(&self) -> usize {
        self.places.total
    }

    /// Places held by all together.
    pub fn held(&self) -> usize {
        self.lock().total
    }

    fn check(&self, held: &Held, tenant: &TenantId, count: usize) -> Result<(), Full> {
        let own = held.by_tenant.get(tenant).copied().unwrap_or(0);
        if own.saturating_add(count) > self.places_of(tenant) {
            return Err(Full::Tenant);
        }
        if held.total.saturating_add(count) > self.places.total {
            return Err(Full::Total);
        }
        Ok(())
    }

    fn give(&self, held: &mut Held, tenant: &TenantId, count: usize) -> Share {
        held.total = held.total.saturating_add(count);
        if let Some(own) = held.by_tenant.get_mut(tenant) {
            *own = own.saturating_add(count);
        } else {
            held.by_tenant.insert(tenant.clone(), count);
        }
        Share {
            shares: self.clone(),
            tenant: tenant.clone(),
            count,
        }
    }

    // No code that can panic runs under the lock, so its poison says nothing.
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Share {
    /// Takes `count` places more.
    ///
    /// # Errors
    /// As [`Shares::take`]; what was held before stays held.
    pub fn grow(&mut self, count: usize) -> Result<(), Full> {
        let mut more = self.shares.take(&self.tenant, count)?;
        self.count = self.count.saturating_add(std::mem::take(&mut more.count));
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.lock();
        held.total = held.total.saturating_sub(self.count);
        if let Some(own) = held.by_tenant.get_mut(&self.tenant) {
            *own = own.saturating_sub(self.count);
            if *own == 0 {
                held.by_tenant.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use punchcard_events::tenant::TenantLimits;

    fn tenant(name: &str) -> TenantId {
        TenantId::new(name).expect("a valid tenant")
    }

    /// Lets this tenant have one ticket at a time.
    struct OnlyOneOf(TenantId);

    impl LimitsBook for OnlyOneOf {
        fn limits(&self, tenant: &TenantId) -> Arc<TenantLimits> {
            let mut limits = TenantLimits::default();
            limits.all.concurrent_tickets = (*tenant == self.0).then_some(1);
            Arc::new(limits)
        }
    }

    #[test]
    fn a_tenant_has_its_own_bound_and_all_have_one_together() {
        let (a, b, c) = (tenant("a"), tenant("b"), tenant("c"));
        let limits = Arc::new(OnlyOneOf(c.clone()));
        let shares = Shares::of_tickets(Places::new(4, 2), limits);
        let first = shares.take(&a, 1).expect("room");
        let _second = shares.take(&a, 1).expect("room");
        assert_eq!(shares.take(&a, 1).err(), Some(Full::Tenant));
        let _c = shares.take(&c, 1).expect("room");
        assert_eq!(shares.room(&c), Err(Full::Tenant), "its own number counts");
        let _b = shares.take(&b, 1).expect("room");
        assert_eq!(shares.take(&b, 1).err(), Some(Full::Total));
        drop(first);
        assert!(shares.take(&b, 1).is_ok());
    }

    #[test]
    fn what_comes_back_is_counted_and_never_refused() {
        let a = tenant("a");
        let shares = Shares::new(Places::new(1, 1));
        let _held = (shares.take_anyway(&a), shares.take_anyway(&a));
        assert_eq!(shares.held(), 2);
        assert!(shares.take(&a, 1).is_err());
    }

    proptest! {
        #[test]
        fn the_count_is_never_above_its_bounds_and_ends_at_zero(
            moves in proptest::collection::vec((0_usize..3, 0_usize..4, any::<bool>()), 0..100),
        ) {
            let tenants = ["a", "b", "c"].map(tenant);
            let shares = Shares::new(Places::new(5, 3));
            let mut out: Vec<Share> = vec![];
            for (who, count, take) in moves {
                if take {
                    out.extend(shares.take(&tenants[who], count).ok());
                } else if out.get_mut(who).is_some_and(|share| share.grow(count).is_err()) {
                    out.remove(who);
                }
                let held: usize = out.iter().map(|share| share.count).sum();
                prop_assert_eq!(shares.held(), held);
                prop_assert!(held <= 5);
                for tenant in &tenants {
                    let own = out.iter().filter(|share| share.tenant == *tenant);
                    prop_assert!(own.map(|share| share.count).sum::<usize>() <= 3);
                }
            }
            drop(out);
            prop_assert_eq!(shares.held(), 0);
            prop_assert!(shares.lock().by_tenant.is_empty(), "nothing is kept of who was here");
        }
    }
}
