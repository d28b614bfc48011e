//! Who waits at one place: a line per tenant, served in turn.
//!
//! The next place in turn is always the tenant's that was served the longest time ago, so the first
//! ticket of a quiet tenant goes next, however many another has waiting. This is round robin among
//! those who wait (J. Nagle, RFC 970, 1985). A bulkhead goes with it: turns alone would let a tenant
//! with slow calls come to hold all permits, so one that holds its share is passed over while
//! others wait.
//!
//! Within a tenant's line first calls and repeats stand apart, since repeats may have to stand back;
//! where both may go, who came first goes first.
//!
//! Everything takes time logarithmic in the number of waiters, and in the number of tenants; tenants
//! that hold their share, of whom there are only as many as shares, are stepped over. Deliberately not
//! here: waking anybody, and time.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use punchcard_events::TenantId;

/// Lanes that nobody uses are kept up to this many, so that a tenant keeps its turn.
const IDLE_LANES: usize = 64;

/// Lanes with waiters, the one whose turn was longest ago first.
type Ring = BTreeSet<(u64, Lane)>;

/// The lines of all tenants, with what is known of each waiter.
#[derive(Debug)]
pub(super) struct Line<T> {
    names: HashMap<TenantId, Lane>,
    lanes: Vec<Waiters<T>>,
    free: Vec<Lane>,
    /// By what the waiters want.
    first_calls: Ring,
    repeats: Ring,
    waiting: usize,
    /// Numbers the waiters and the turns.
    clock: u64,
}

/// The index of a tenant's lane. It stands for as long as the tenant holds a permit or waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Lane(usize);

/// A waiter's place in line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    lane: Lane,
    number: u64,
    repeat: bool,
}

/// One whose turn it is.
#[derive(Debug)]
pub(super) struct Chosen<T> {
    pub(super) lane: Lane,
    pub(super) repeat: bool,
    pub(super) waiter: T,
}

#[derive(Debug)]
struct Waiters<T> {
    tenant: Option<TenantId>,
    /// When its last turn was.
    turn: u64,
    /// Permits it holds.
    held: usize,
    first_calls: BTreeMap<u64, T>,
    repeats: BTreeMap<u64, T>,
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self {
            names: HashMap::new(),
            lanes: vec![],
            free: vec![],
            first_calls: BTreeSet::new(),
            repeats: BTreeSet::new(),
            waiting: 0,
            clock: 0,
        }
    }
}

impl<T> Line<T> {
    /// Callers in line.
    pub(super) const fn waiting(&self) -> usize {
        self.waiting
    }

    /// Whether a first call is in line.
    pub(super) fn has_first_calls(&self) -> bool {
        !self.first_calls.is_empty()
    }

    /// Whether a repeat is in line.
    pub(super) fn has_repeats(&self) -> bool {
        !self.repeats.is_empty()
    }

    /// How many tenants wait.
    pub(super) fn tenants_waiting(&self) -> usize {
        self.first_calls.union(&self.repeats).count()
    }

    /// How many wait in that tenant's line.
    pub(super) fn waiting_of(&self, tenant: &TenantId) -> usize {
        self.names
            .get(tenant)
            .and_then(|lane| self.lanes.get(lane.0))
            .map_or(0, |waiters| {
                waiters.first_calls.len() + waiters.repeats.len()
            })
    }

    /// Stands in line.
    pub(super) fn join(&mut self, tenant: &TenantId, repeat: bool, waiter: T) -> Spot {
        let lane = self.lane(tenant);
        let number = self.tick();
        if let Some(waiters) = self.lanes.get_mut(lane.0) {
            waiters.of(repeat).insert(number, waiter);
            let turn = waiters.turn;
            self.ring(repeat).insert((turn, lane));
            self.waiting += 1;
        }
        Spot {
            lane,
            number,
            repeat,
        }
    }

    /// Leaves the line; `None` when it was chosen before.
    pub(super) fn leave(&mut self, spot: Spot) -> Option<T> {
        let waiters = self.lanes.get_mut(spot.lane.0)?;
        let line = waiters.of(spot.repeat);
        let waiter = line.remove(&spot.number)?;
        let emptied = line.is_empty();
        let turn = waiters.turn;
        self.waiting -= 1;
        if emptied {
            self.ring(spot.repeat).remove(&(turn, spot.lane));
        }
        self.tidy(spot.lane);
        Some(waiter)
    }

    /// The next in turn. Only first calls while `repeats` are not allowed; a tenant that holds
    /// `share` permits only when nobody else can go. It then holds one permit more.
    pub(super) fn choose(&mut self, repeats: bool, share: usize) -> Option<Chosen<T>> {
        let lane = self.next_lane(repeats, share)?;
        let turn = self.tick();
        let waiters = self.lanes.get_mut(lane.0)?;
        let repeat = match (
            waiters.first_calls.keys().next(),
            waiters.repeats.keys().next(),
        ) {
            (Some(first), Some(repeat)) => repeats && repeat < first,
            (first, _) => first.is_none(),
        };
        let (_, waiter) = waiters.of(repeat).pop_first()?;
        waiters.held += 1;
        let last_turn = std::mem::replace(&mut waiters.turn, turn);
        let stands = [!waiters.first_calls.is_empty(), !waiters.repeats.is_empty()];
        for (repeat, stands) in [false, true].into_iter().zip(stands) {
            self.ring(repeat).remove(&(last_turn, lane));
            if stands {
                self.ring(repeat).insert((turn, lane));
            }
        }
        self.waiting -= 1;
        Some(Chosen {
            lane,
            repeat,
            waiter,
        })
    }

    /// A permit for one who does not stand in line.
    pub(super) fn pass_by(&mut self, tenant: &TenantId) -> Lane {
        let lane = self.lane(tenant);
        let turn = self.tick();
        if let Some(waiters) = self.lanes.get_mut(lane.0) {
            waiters.held += 1;
            let last_turn = std::mem::replace(&mut waiters.turn, turn);
            // Only repeats can be waiting here that stand back; they keep their tenant's turn.
            for ring in [&mut self.first_calls, &mut self.repeats] {
                if ring.remove(&(last_turn, lane)) {
                    ring.insert((turn, lane));
                }
            }
        }
        lane
    }

    /// A permit came back.
    pub(super) fn give_back(&mut self, lane: Lane) {
        if let Some(waiters) = self.lanes.get_mut(lane.0) {
            waiters.held = waiters.held.saturating_sub(1);
        }
        self.tidy(lane);
    }

    /// The first in each of the tenants' lines.
    pub(super) fn heads(&self) -> impl Iterator<Item = &T> {
        self.lanes.iter().flat_map(|waiters| {
            let firsts = [&waiters.first_calls, &waiters.repeats];
            firsts.into_iter().filter_map(|line| line.values().next())
        })
    }

    fn next_lane(&self, repeats: bool, share: usize) -> Option<Lane> {
        let rings = [Some(&self.first_calls), repeats.then_some(&self.repeats)];
        let rings = || rings.into_iter().flatten();
        let held = |lane: Lane| self.lanes.get(lane.0).map_or(0, |waiters| waiters.held);
        let below_share =
            |ring: &'_ Ring| ring.iter().find(|(_, lane)| held(*lane) < share).copied();
        let next = rings().filter_map(below_share).min();
        let next = next.or_else(|| rings().filter_map(|ring| ring.first().copied()).min());
        next.map(|(_, lane)| lane)
    }

    fn lane(&mut self, tenant: &TenantId) -> Lane {
        if let Some(lane) = self.names.get(tenant) {
            return *lane;
        }
        let lane = self.free.pop().unwrap_or_else(|| {
            self.lanes.push(Waiters::default());
            Lane(self.lanes.len() - 1)
        });
        if let Some(waiters) = self.lanes.get_mut(lane.0) {
            waiters.tenant = Some(tenant.clone());
            waiters.turn = 0;
        }
        self.names.insert(tenant.clone(), lane);
        lane
    }

    /// Lets a lane go that nobody uses, once there are many.
    fn tidy(&mut self, lane: Lane) {
        if self.names.len() <= IDLE_LANES {
            return;
        }
        let Some(waiters) = self.lanes.get_mut(lane.0) else {
            return;
        };
        let used =
            waiters.held > 0 || !(waiters.first_calls.is_empty() && waiters.repeats.is_empty());
        if !used && let Some(tenant) = waiters.tenant.take() {
            self.names.remove(&tenant);
            self.free.push(lane);
        }
    }

    const fn ring(&mut self, repeat: bool) -> &mut Ring {
        if repeat {
            &mut self.repeats
        } else {
            &mut self.first_calls
        }
    }

    const fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }
}

impl<T> Default for Waiters<T> {
    fn default() -> Self {
        Self {
            tenant: None,
            turn: 0,
            held: 0,
            first_calls: BTreeMap::new(),
            repeats: BTreeMap::new(),
        }
    }
}

impl<T> Waiters<T> {
    const fn of(&mut self, repeat: bool) -> &mut BTreeMap<u64, T> {
        if repeat {
            &mut self.repeats
        } else {
            &mut self.first_calls
        }
    }
}

#[cfg(test)]
mod tests;
