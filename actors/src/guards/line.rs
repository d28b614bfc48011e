//! Who waits at one place: a line per tenant, each served its part of the tokens.
//!
//! This is start-time fair queueing (P. Goyal, H. M. Vin, H. Cheng, *Start-time Fair Queuing*,
//! SIGCOMM 1996), in the form for a server that works on several requests at once, SFQ(D) (W. Jin,
//! J. S. Chase, J. Kaur, *Interposed Proportional Sharing for a Storage Service Utility*, SIGMETRICS
//! 2004). A tenant has a start tag: the tokens it was served, over its weight. Whose tag is lowest
//! goes next; going moves it on by the call's tokens. Start tags and not finish tags (WFQ, SCFQ)
//! decide, since a call's size is only estimated: it moves its tenant's tag after it went, and is set
//! right when the call has ended and its tokens are counted. And no deficit round robin, for there a
//! newcomer waits a round of everybody, where here it is next.
//!
//! - A tenant that comes back from idleness starts where the others are (the paper's virtual time):
//!   it has saved nothing, and what it owes of before it still owes.
//! - What an estimate was too high by is given back, but not to before its tenant came: what it would
//!   have been passed over for by then is no credit either.
//! - When nothing runs and nobody waits, the period is over, and all start even.
//!
//! With equal tags, who had its last turn the longest time ago goes first, so that equal calls of
//! equal tenants take turns (J. Nagle, RFC 970, 1985). A bulkhead goes with it: shares of tokens
//! alone would let a tenant with slow calls come to hold all permits, so one that holds its share is
//! passed over while others wait. Its share is a fixed part, or its weight's part where that is more.
//!
//! Whom somebody else has to allow to go, and does not, stands aside until a given time, with its
//! whole tenant or with its task, and keeps nobody else from going.
//!
//! Everything takes time logarithmic in the number of waiters and of tenants; tenants that hold their
//! share, of whom there are only as many as shares, are stepped over. Deliberately not here: waking
//! anybody, time but for what is passed in, and what a tenant is allowed (`allowances`). The order
//! within a tenant is [`queue`]'s.

mod forecast;
mod queue;
mod tag;

use std::collections::{BTreeSet, HashMap};

use punchcard_events::ticket::Priority;
use punchcard_events::{TaskName, TenantId};
use tokio::time::Instant;

use super::allowances::{Blocked, Scope};
pub(super) use queue::Amount;
use queue::{AisleId, Queue, Seat};
use tag::Tag;

/// Lanes that nobody uses are kept up to this many, so that a tenant keeps what it owes.
const IDLE_LANES: usize = 64;

/// Lanes with waiters that may go: by start tag, and the one whose turn was longest ago first.
type Ring = BTreeSet<(Tag, u64, Lane)>;

/// The lines of all tenants, with what is known of each waiter.
#[derive(Debug)]
pub(super) struct Line<T> {
    names: HashMap<TenantId, Lane>,
    lanes: Vec<Waiters<T>>,
    free: Vec<Lane>,
    /// For first calls and for repeats.
    rings: [Ring; 2],
    /// Who stands aside, with its tenant or with its task, and until when.
    aside: BTreeSet<(Instant, Lane, Option<AisleId>)>,
    waiting: Amount,
    /// Of those who hold or wait.
    weights: u64,
    /// Permits that are held.
    held: usize,
    /// The start tag of who went last.
    virtual_time: Tag,
    /// Numbers the busy times.
    period: u64,
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
    seat: Option<Seat>,
}

/// Who asks to go, or to wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) tenant: &'a TenantId,
    /// Its task may have to stand aside alone.
    pub(super) task: Option<&'a TaskName>,
    pub(super) repeat: bool,
    pub(super) priority: Priority,
    /// What the call is taken for, at least 1.
    pub(super) tokens: u64,
    /// The tenant's weight as of now, at least 1.
    pub(super) weight: u16,
}

/// What a call was charged; to be given back by [`Line::give_back`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Charge {
    lane: Lane,
    aisle: Option<AisleId>,
    tokens: u64,
    weight: u16,
}

/// One whose turn it is, with what `may` gave for it.
#[derive(Debug)]
pub(super) struct Chosen<T, R> {
    pub(super) charge: Charge,
    pub(super) repeat: bool,
    pub(super) waiter: T,
    pub(super) allowed: R,
}

/// How many permits there are, and how many of them are a tenant's share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bulkhead {
    pub(super) permits: usize,
    pub(super) share: usize,
}

#[derive(Debug)]
struct Waiters<T> {
    tenant: Option<TenantId>,
    weight: u16,
    /// Where its next call starts.
    start: Tag,
    /// What is given back does not bring it before this: where all were when it came.
    floor: Tag,
    /// The busy time that its tags are of.
    period: u64,
    /// When its last turn was.
    turn: u64,
    /// Permits it holds.
    held: usize,
    queue: Queue<T>,
    /// It stands aside until then.
    aside: Option<Instant>,
    /// It would have been next, and held its share.
    stepped_over: bool,
    /// What it is in the rings as.
    ringed: [Option<(Tag, u64)>; 2],
    /// What it adds to the weights.
    counted: u64,
}

impl<T> Line<T> {
    /// Callers in line.
    pub(super) fn waiting(&self) -> usize {
        usize::try_from(self.waiting.calls).unwrap_or(usize::MAX)
    }

    /// The tokens they are taken for.
    pub(super) const fn tokens_waiting(&self) -> u64 {
        self.waiting.tokens
    }

    /// Whether a first call is in line that does not stand aside.
    pub(super) fn has_first_calls(&self) -> bool {
        !self.rings[0].is_empty()
    }

    /// Whether a repeat is in line that does not stand aside.
    pub(super) fn has_repeats(&self) -> bool {
        !self.rings[1].is_empty()
    }

    /// How many tenants wait. It takes time linear in the tenants.
    pub(super) fn tenants_waiting(&self) -> usize {
        let waits = |waiters: &&Waiters<T>| !waiters.queue.is_empty();
        self.lanes.iter().filter(waits).count()
    }

    /// What each tenant has here: permits that it holds, and callers in line. It takes time linear in
    /// the tenants.
    pub(super) fn parts(&self) -> impl Iterator<Item = (&TenantId, usize, usize)> {
        self.lanes.iter().filter_map(|waiters| {
            let waiting = usize::try_from(waiters.queue.total().calls).unwrap_or(usize::MAX);
            Some((waiters.tenant.as_ref()?, waiters.held, waiting))
        })
    }

    /// Callers that stand aside. It takes time linear in the tenants.
    pub(super) fn aside(&self) -> u64 {
        let aside = self.lanes.iter().map(|waiters| match waiters.aside {
            Some(_) => waiters.queue.total().calls,
            None => waiters.queue.aside(),
        });
        aside.sum()
    }

    /// When the first of those who stand aside is to be looked at again.
    pub(super) fn next_aside(&self) -> Option<Instant> {
        self.aside.first().map(|(until, ..)| *until)
    }

    /// Stands in line.
    pub(super) fn join(&mut self, asker: &Asker<'_>, waiter: T) -> Spot {
        let lane = self.lane(asker);
        let number = self.tick();
        let tokens = asker.tokens.max(1);
        let seat = self.lanes.get_mut(lane.0).map(|waiters| {
            let class = (asker.priority, asker.repeat);
            self.waiting.calls += 1;
            self.waiting.tokens = self.waiting.tokens.saturating_add(tokens);
            waiters
                .queue
                .join(asker.task, class, number, tokens, waiter)
        });
        self.sync(lane);
        Spot { lane, seat }
    }

    /// Leaves the line; `None` when it was chosen before.
    pub(super) fn leave(&mut self, spot: Spot) -> Option<T> {
        let seat = spot.seat?;
        let waiters = self.lanes.get_mut(spot.lane.0)?;
        let (_, tokens) = waiters.queue.asks(seat)?;
        let waiter = waiters.queue.leave(seat)?;
        self.left(spot.lane, seat.aisle, tokens);
        self.tidy(spot.lane);
        Some(waiter)
    }

    /// Whoever stood aside until `now` comes back.
    pub(super) fn come_back(&mut self, now: Instant) {
        while let Some((until, lane, aisle)) = self.aside.first().copied()
            && until <= now
        {
            self.aside.pop_first();
            if let Some(waiters) = self.lanes.get_mut(lane.0) {
                match aisle {
                    None => waiters.aside = None,
                    Some(aisle) => drop(waiters.queue.come_back(aisle)),
                }
                self.sync(lane);
            }
        }
    }

    /// The next in turn, who `may` go. Only first calls while `repeats` are not allowed; a tenant
    /// that holds its share of the permits only when nobody else can go. It then holds one more.
    /// Whoever may not go stands aside.
    pub(super) fn choose<R>(
        &mut self,
        repeats: bool,
        bulkhead: Bulkhead,
        now: Instant,
        mut may: impl FnMut(&TenantId, Option<&TaskName>, u64) -> Result<R, Blocked>,
    ) -> Option<Chosen<T, R>> {
        self.come_back(now);
        loop {
            let lane = self.next_lane(repeats, bulkhead)?;
            let waiters = self.lanes.get(lane.0)?;
            let seat = waiters.queue.next(repeats)?;
            let (task, tokens) = waiters.queue.asks(seat)?;
            match may(waiters.tenant.as_ref()?, task, tokens) {
                Err(blocked) => self.step_aside(lane, seat.aisle, blocked),
                Ok(allowed) => {
                    let waiter = self.lanes.get_mut(lane.0)?.queue.go(seat, repeats)?;
                    self.left(lane, seat.aisle, tokens);
                    return Some(Chosen {
                        charge: self.charge(lane, Some(seat.aisle), tokens),
                        repeat: seat.repeat,
                        waiter,
                        allowed,
                    });
                }
            }
        }
    }

    /// Whether the asker would go ahead of those of its own tenant and task who stand aside.
    pub(super) fn stands_aside(&self, asker: &Asker<'_>) -> bool {
        let lane = self.names.get(asker.tenant);
        let waiters = lane.and_then(|lane| self.lanes.get(lane.0));
        waiters.is_some_and(|waiters| {
            waiters.aside.is_some() || waiters.queue.stands_aside(asker.task)
        })
    }

    /// A permit for one who does not stand in line.
    pub(super) fn pass_by(&mut self, asker: &Asker<'_>) -> Charge {
        let lane = self.lane(asker);
        let (now, period) = (self.newcomers_tag(), self.period);
        if let Some(waiters) = self.lanes.get_mut(lane.0) {
            waiters.come(now, period);
        }
        self.charge(lane, None, asker.tokens.max(1))
    }

    /// A permit came back. `used` is what the call took in truth, where that is known.
    pub(super) fn give_back(&mut self, charge: Charge, used: Option<u64>) {
        let lane = charge.lane;
        self.held = self.held.saturating_sub(1);
        if let Some(waiters) = self.lanes.get_mut(lane.0) {
            waiters.held = waiters.held.saturating_sub(1);
            waiters.correct(charge, used);
            if let Some(until) = waiters.aside.take() {
                self.aside.remove(&(until, lane, None));
            }
            let back = charge
                .aisle
                .and_then(|aisle| waiters.queue.come_back(aisle));
            if let Some(until) = back {
                self.aside.remove(&(until, lane, charge.aisle));
            }
        }
        self.sync(lane);
        self.tidy(lane);
        if self.held == 0 && self.waiting.calls == 0 {
            self.period += 1;
        }
    }

    /// Those who have waited longest in their part of the line.
    pub(super) fn firsts(&self) -> impl Iterator<Item = &T> {
        self.lanes.iter().flat_map(|waiters| waiters.queue.firsts())
    }

    /// The lane to go next. One that was stepped over, as it held its share, saved nothing by that.
    fn next_lane(&mut self, repeats: bool, bulkhead: Bulkhead) -> Option<Lane> {
        loop {
            let rings = || self.rings.iter().take(1 + usize::from(repeats));
            let full = |lane: Lane| {
                let waiters = self.lanes.get(lane.0);
                waiters.is_some_and(|waiters| bulkhead.is_full(waiters, self.weights))
            };
            let below_share = |ring: &'_ Ring| ring.iter().find(|(.., l)| !full(*l)).copied();
            let Some(next) = rings().filter_map(below_share).min() else {
                let next = rings().filter_map(|ring| ring.first().copied()).min();
                return next.map(|(.., lane)| lane);
            };
            for (.., lane) in self.rings.iter().flat_map(|ring| ring.range(..next)) {
                if let Some(waiters) = self.lanes.get_mut(lane.0) {
                    waiters.stepped_over = true;
                }
            }
            let (.., lane) = next;
            let (now, period) = (self.newcomers_tag(), self.period);
            let waiters = self.lanes.get_mut(lane.0)?;
            let was_over = std::mem::take(&mut waiters.stepped_over);
            let stood_back = waiters.ringed[0].is_none();
            if was_over || stood_back {
                waiters.come(now, period);
                self.sync(lane);
            }
            if !was_over {
                return Some(lane);
            }
        }
    }

    /// Where one starts who comes now: where who went last started, or with those who wait, if what
    /// was given back to them has brought them before that.
    fn newcomers_tag(&self) -> Tag {
        let over = |lane: Lane| self.lanes.get(lane.0).is_some_and(|w| w.stepped_over);
        let first = self.rings[0].iter().find(|(.., lane)| !over(*lane));
        first.map_or(self.virtual_time, |(tag, ..)| self.virtual_time.min(*tag))
    }

    /// A call goes: it takes a turn, and its tokens move its tenant on.
    fn charge(&mut self, lane: Lane, aisle: Option<AisleId>, tokens: u64) -> Charge {
        let turn = self.tick();
        self.held += 1;
        let mut weight = 1;
        if let Some(waiters) = self.lanes.get_mut(lane.0) {
            weight = waiters.weight;
            waiters.held += 1;
            waiters.turn = turn;
            self.virtual_time = waiters.start;
            waiters.start = waiters.start.after(tokens, weight);
        }
        self.sync(lane);
        Charge {
            lane,
            aisle,
            tokens,
            weight,
        }
    }

    fn step_aside(&mut self, lane: Lane, aisle: AisleId, blocked: Blocked) {
        let until = blocked.until;
        let Some(waiters) = self.lanes.get_mut(lane.0) else {
            return;
        };
        let (aisle, before) = match blocked.scope {
            Scope::Tenant => (None, waiters.aside.replace(until)),
            Scope::Task => (Some(aisle), waiters.queue.step_aside(aisle, until)),
        };
        if let Some(before) = before {
            self.aside.remove(&(before, lane, aisle));
        }
        self.aside.insert((until, lane, aisle));
        self.sync(lane);
    }

    /// One has left the line, for whatever reason.
    fn left(&mut self, lane: Lane, aisle: AisleId, tokens: u64) {
        self.waiting.calls = self.waiting.calls.saturating_sub(1);
        self.waiting.tokens = self.waiting.tokens.saturating_sub(tokens);
        if let Some(waiters) = self.lanes.get_mut(lane.0) {
            if waiters.queue.tidy(aisle)
                && let Some(until) = waiters.queue.come_back(aisle)
            {
                self.aside.remove(&(until, lane, Some(aisle)));
            }
            if waiters.queue.is_empty()
                && let Some(until) = waiters.aside.take()
            {
                self.aside.remove(&(until, lane, None));
            }
        }
        self.sync(lane);
    }

    /// Brings the rings and the weights up to date with a lane that has changed.
    fn sync(&mut self, lane: Lane) {
        let (now, period) = (self.newcomers_tag(), self.period);
        let Some(waiters) = self.lanes.get_mut(lane.0) else {
            return;
        };
        let stands = waiters.aside.is_none();
        let shows = [false, true].map(|repeat| stands && waiters.queue.shows(repeat));
        let in_none = waiters.ringed == [None, None];
        if (shows[0] && waiters.ringed[0].is_none()) || (shows[1] && in_none) {
            waiters.come(now, period);
        }
        let key = (waiters.start, waiters.turn);
        let rings = self.rings.iter_mut().zip(&mut waiters.ringed);
        for ((ring, ringed), shows) in rings.zip(shows) {
            let wanted = shows.then_some(key);
            if *ringed != wanted {
                if let Some((start, turn)) = std::mem::replace(ringed, wanted) {
                    ring.remove(&(start, turn, lane));
                }
                if let Some((start, turn)) = wanted {
                    ring.insert((start, turn, lane));
                }
            }
        }
        let counts = waiters.held > 0 || !waiters.queue.is_empty();
        let weight = if counts { u64::from(waiters.weight) } else { 0 };
        self.weights = self.weights - std::mem::replace(&mut waiters.counted, weight) + weight;
    }

    /// The asker's lane, with its weight of now.
    fn lane(&mut self, asker: &Asker<'_>) -> Lane {
        let lane = self.names.get(asker.tenant).copied();
        let lane = lane.unwrap_or_else(|| self.open_lane(asker.tenant));
        if let Some(waiters) = self.lanes.get_mut(lane.0) {
            waiters.weight = asker.weight.max(1);
        }
        lane
    }

    fn open_lane(&mut self, tenant: &TenantId) -> Lane {
        let lane = self.free.pop().unwrap_or_else(|| {
            self.lanes.push(Waiters::default());
            Lane(self.lanes.len() - 1)
        });
        if let Some(waiters) = self.lanes.get_mut(lane.0) {
            *waiters = Waiters {
                tenant: Some(tenant.clone()),
                ..Waiters::default()
            };
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
        let used = waiters.held > 0 || !waiters.queue.is_empty();
        if !used && let Some(tenant) = waiters.tenant.take() {
            self.names.remove(&tenant);
            self.free.push(lane);
        }
    }

    const fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }
}

impl<T> Waiters<T> {
    /// Comes to where the others are, unless it is further.
    fn come(&mut self, now: Tag, period: u64) {
        let even = std::mem::replace(&mut self.period, period) != period;
        self.start = if even { now } else { self.start.max(now) };
        self.floor = now;
    }

    /// Sets right what a call was charged.
    fn correct(&mut self, charge: Charge, used: Option<u64>) {
        let used = used.unwrap_or(charge.tokens);
        let (more, less) = (
            used.saturating_sub(charge.tokens),
            charge.tokens.saturating_sub(used),
        );
        if less > 0 {
            let before = self.start.before(less, charge.weight);
            // Never on from where it is: a floor may be ahead of who had nothing to be given back.
            self.start = before.max(self.floor.min(self.start));
        }
        self.start = self.start.after(more, charge.weight);
    }
}

impl Bulkhead {
    /// Whether a tenant holds its share, when all who are there weigh so much together.
    fn is_full<T>(self, waiters: &Waiters<T>, weights: u64) -> bool {
        waiters.held >= self.share && {
            let held = waiters.held as u128 * u128::from(weights);
            held >= self.permits as u128 * u128::from(waiters.weight)
        }
    }
}

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self {
            names: HashMap::new(),
            lanes: vec![],
            free: vec![],
            rings: [Ring::new(), Ring::new()],
            aside: BTreeSet::new(),
            waiting: Amount::default(),
            weights: 0,
            held: 0,
            virtual_time: Tag::default(),
            period: 0,
            clock: 0,
        }
    }
}

impl<T> Default for Waiters<T> {
    fn default() -> Self {
        Self {
            tenant: None,
            weight: 1,
            start: Tag::default(),
            floor: Tag::default(),
            period: 0,
            turn: 0,
            held: 0,
            queue: Queue::default(),
            aside: None,
            ringed: [None, None],
            stepped_over: false,
            counted: 0,
        }
    }
}

#[cfg(test)]
mod tests;
