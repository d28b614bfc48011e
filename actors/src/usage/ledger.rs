//! The ledger: what each tenant and task has used today and this month, and what it has reserved.
//!
//! Pure: times are given, and nothing is read or waited for. Two checks keep the books:
//!
//! - a new ticket is taken when what is settled, *all* that is reserved and its own estimate fit;
//! - an attempt begins when what is settled, what the *calls under way* may use and its own estimate
//!   fit. A ticket that was taken holds its reservation, so this fails only where estimates were
//!   too low, retries came on top, or the budget was lowered.
//!
//! So what is settled passes a budget by no more than calls under way use beyond their estimates.
//! A reservation counts in every period that is open: nobody knows on which day it will be settled.

mod hold;
mod standing;

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use punchcard_events::tenant::{Limits, TenantLimits};
use punchcard_events::{TaskName, TenantId, TicketId, Timestamp};

use super::{Amount, Calendar, Day, Estimate};
use hold::Hold;
pub use standing::{Exceeded, LimitName, Period, Scope, Standing, Unit};
use standing::{budgets, standing_of};

/// The books of all tenants.
#[derive(Debug)]
pub struct Ledger {
    calendar: Calendar,
    tenants: HashMap<TenantId, TenantBooks>,
    holds: HashMap<TicketId, Hold>,
}

#[derive(Debug, Default)]
struct TenantBooks {
    all: Books,
    tasks: HashMap<TaskName, Books>,
    /// What a call of the task was last estimated at.
    typical: HashMap<TaskName, Estimate>,
}

/// What one tenant, or one of its tasks, has used and reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Books {
    day: Amount,
    month: Amount,
    /// Reserved by tickets that wait for their next call.
    waiting: Amount,
    /// Reserved by calls under way, or whose end has not been settled yet.
    running: Amount,
}

/// Whose books.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whose<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) task: &'a TaskName,
}

impl Ledger {
    /// Empty books.
    pub fn new(now: Timestamp) -> Self {
        Self {
            calendar: Calendar::at(now),
            tenants: HashMap::new(),
            holds: HashMap::new(),
        }
    }

    /// The days that count.
    pub const fn calendar(&self) -> Calendar {
        self.calendar
    }

    /// Turns the page when a day or month is over. Days never come back, whatever a clock says.
    fn turn(&mut self, now: Timestamp) {
        if now < self.calendar.day_ends {
            return;
        }
        let earlier = std::mem::replace(&mut self.calendar, Calendar::at(now));
        let new_month = earlier.month != self.calendar.month;
        for books in self.tenants.values_mut().flat_map(TenantBooks::each) {
            books.day = Amount::default();
            if new_month {
                books.month = Amount::default();
            }
        }
    }

    /// Books what was used on `day` before this ledger began.
    pub fn restore(&mut self, day: Day, tenant: &TenantId, task: &TaskName, used: Amount) {
        self.book(day, Whose { tenant, task }, used);
    }

    fn book(&mut self, day: Day, whose: Whose<'_>, used: Amount) {
        let Calendar {
            day: today, month, ..
        } = self.calendar;
        self.change(whose, |books| {
            if day == today {
                books.day += used;
            }
            if day >= month {
                books.month += used;
            }
        });
    }

    /// What a ticket of the task will use at least, as far as its last calls tell.
    pub fn typical(&self, tenant: &TenantId, task: &TaskName) -> Option<Estimate> {
        self.tenants.get(tenant)?.typical.get(task).copied()
    }

    /// Remembers what a call of the task was estimated at.
    pub fn learn(&mut self, tenant: &TenantId, task: &TaskName, estimate: Estimate) {
        let tenant = self.tenants.entry(tenant.clone()).or_default();
        match tenant.typical.get_mut(task) {
            Some(typical) => *typical = estimate,
            None => drop(tenant.typical.insert(task.clone(), estimate)),
        }
    }

    /// Reserves `estimate` for a ticket. Whether it did; `false` where the ticket has a reservation
    /// already, which is somebody else's to give back.
    ///
    /// # Errors
    /// When it would pass a budget; nothing is reserved then.
    pub fn reserve(
        &mut self,
        ticket: TicketId,
        tenant: &TenantId,
        task: &TaskName,
        estimate: Amount,
        limits: &TenantLimits,
        now: Timestamp,
    ) -> Result<bool, Exceeded> {
        self.turn(now);
        let whose = Whose { tenant, task };
        if self.holds.contains_key(&ticket) {
            return Ok(false);
        }
        self.check(whose, limits, estimate, |books| {
            [books.waiting, books.running].into_iter().sum()
        })?;
        self.hold(ticket, whose, estimate);
        Ok(true)
    }

    /// Reserves `estimate` for a ticket that exists, whatever the budgets say.
    pub fn hold_anyway(
        &mut self,
        ticket: TicketId,
        tenant: &TenantId,
        task: &TaskName,
        estimate: Amount,
    ) {
        let whose = Whose { tenant, task };
        if !self.holds.contains_key(&ticket) {
            self.hold(ticket, whose, estimate);
        }
        if let Some(hold) = self.holds.get_mut(&ticket) {
            hold.stored = true;
        }
    }

    fn hold(&mut self, ticket: TicketId, whose: Whose<'_>, estimate: Amount) {
        self.holds.insert(ticket, Hold::new(whose, estimate));
        self.change(whose, |books| books.waiting += estimate);
    }

    /// Changes what a ticket has reserved for its next call: its prompt is known now, or another
    /// model will be asked.
    pub fn adjust(&mut self, ticket: TicketId, estimate: Amount) {
        self.change_hold(ticket, |hold| hold.wait_with(estimate));
    }

    /// Lets attempt `attempt` begin, and reserves `estimate` for it in place of what the ticket held.
    /// The same attempt again is the same reservation.
    ///
    /// # Errors
    /// When it would pass a budget; the ticket keeps what it held.
    #[expect(
        clippy::too_many_arguments,
        reason = "who, which, how much, by which rules and when"
    )]
    pub fn begin(
        &mut self,
        ticket: TicketId,
        attempt: u32,
        tenant: &TenantId,
        task: &TaskName,
        estimate: Amount,
        limits: &TenantLimits,
        now: Timestamp,
    ) -> Result<(), Exceeded> {
        self.turn(now);
        let whose = Whose { tenant, task };
        let earlier = self
            .holds
            .get(&ticket)
            .and_then(|hold| hold.running(attempt));
        if earlier.is_none() {
            self.check(whose, limits, estimate, |books| books.running)?;
        }
        if !self.holds.contains_key(&ticket) {
            self.hold(ticket, whose, Amount::default());
        }
        self.change_hold(ticket, |hold| hold.run(attempt, estimate));
        Ok(())
    }

    /// Books what an attempt used at `at`. Once per ticket and attempt: a repeat changes nothing.
    pub fn settle(
        &mut self,
        ticket: TicketId,
        attempt: u32,
        tenant: &TenantId,
        task: &TaskName,
        used: Amount,
        at: Timestamp,
    ) {
        self.turn(at);
        let mut is_new = true;
        self.change_hold(ticket, |hold| is_new = hold.settle(attempt));
        if is_new {
            self.book(Day::of(at), Whose { tenant, task }, used);
        }
    }

    /// Gives back what a ticket still holds: it will call no model any more.
    pub fn end(&mut self, ticket: TicketId) {
        if let Some(hold) = self.holds.remove(&ticket) {
            let whose = Whose {
                tenant: &hold.tenant,
                task: &hold.task,
            };
            self.change(whose, |books| {
                books.waiting -= hold.waiting();
                books.running -= hold.all_running();
            });
            self.forget_if_empty(whose);
        }
    }

    /// Drops the books of a task in which nothing is. A place is reserved before it is known whether
    /// the task exists, and invented names must not stay.
    fn forget_if_empty(&mut self, Whose { tenant, task }: Whose<'_>) {
        if let Some(tenant) = self.tenants.get_mut(tenant)
            && !tenant.typical.contains_key(task)
            && tenant.tasks.get(task) == Some(&Books::default())
        {
            tenant.tasks.remove(task);
        }
    }

    /// Gives back what was reserved for a ticket that did not come to be. One whose first event is
    /// known to be stored keeps what it holds.
    pub fn release(&mut self, ticket: TicketId) {
        if self.holds.get(&ticket).is_some_and(|hold| !hold.stored) {
            self.end(ticket);
        }
    }

    /// How every budget of a tenant stands; of its tasks, those with budgets of their own, or only
    /// `task`.
    pub fn standings(
        &mut self,
        tenant: &TenantId,
        task: Option<&TaskName>,
        limits: &TenantLimits,
        now: Timestamp,
    ) -> Vec<Standing> {
        self.turn(now);
        let nothing = TenantBooks::default();
        let books = self.tenants.get(tenant).unwrap_or(&nothing);
        let own = (limits.tasks.iter())
            .filter(|(name, _)| task.is_none_or(|only| only == *name))
            .map(|(name, own)| {
                let books = books.tasks.get(name).copied().unwrap_or_default();
                (Scope::Task(name.clone()), own, books)
            });
        std::iter::once((Scope::Tenant, &limits.all, books.all))
            .chain(own)
            .flat_map(|(scope, limits, books)| standing_of(&scope, limits, books, &self.calendar))
            .collect()
    }

    /// Gives a reservation to another ticket: the one that the same request was first meant to be.
    pub fn rename(&mut self, from: TicketId, to: TicketId) {
        if from == to {
            return;
        }
        if self.holds.contains_key(&to) {
            self.release(from);
        } else if let Some(hold) = self.holds.remove(&from) {
            self.holds.insert(to, hold);
        }
    }

    /// Tickets with a reservation.
    pub fn held(&self) -> usize {
        self.holds.len()
    }

    fn check(
        &self,
        whose: Whose<'_>,
        limits: &TenantLimits,
        estimate: Amount,
        taken: impl Fn(&Books) -> Amount,
    ) -> Result<(), Exceeded> {
        let nothing = Books::default();
        let tenant = self.tenants.get(whose.tenant);
        let all = tenant.map_or(&nothing, |tenant| &tenant.all);
        self.fits(|| Scope::Tenant, &limits.all, all, taken(all), estimate)?;
        let Some(limits) = limits.tasks.get(whose.task) else {
            return Ok(());
        };
        let own = tenant.and_then(|tenant| tenant.tasks.get(whose.task));
        let own = own.unwrap_or(&nothing);
        let scope = || Scope::Task(whose.task.clone());
        self.fits(scope, limits, own, taken(own), estimate)
    }

    fn fits(
        &self,
        scope: impl Fn() -> Scope,
        limits: &Limits,
        books: &Books,
        taken: Amount,
        estimate: Amount,
    ) -> Result<(), Exceeded> {
        for (period, unit, limit) in budgets(limits) {
            let used = unit.of(period.of(books.day, books.month));
            let wanted = used
                .saturating_add(unit.of(taken))
                .saturating_add(unit.of(estimate));
            if wanted > limit {
                return Err(Exceeded {
                    limit: LimitName {
                        scope: scope(),
                        period,
                        unit,
                    },
                    ends_at: period.ends(&self.calendar),
                    never: unit.of(estimate) > limit,
                });
            }
        }
        Ok(())
    }

    /// Changes the books of a task and of its tenant alike.
    fn change(&mut self, whose: Whose<'_>, change: impl Fn(&mut Books)) {
        if !self.tenants.contains_key(whose.tenant) {
            self.tenants
                .insert(whose.tenant.clone(), TenantBooks::default());
        }
        let Some(tenant) = self.tenants.get_mut(whose.tenant) else {
            return;
        };
        change(&mut tenant.all);
        match tenant.tasks.get_mut(whose.task) {
            Some(books) => change(books),
            None => change(tenant.tasks.entry(whose.task.clone()).or_default()),
        }
    }

    /// Changes a hold, and the books by as much.
    fn change_hold(&mut self, ticket: TicketId, change: impl FnOnce(&mut Hold)) {
        let Entry::Occupied(mut slot) = self.holds.entry(ticket) else {
            return;
        };
        let hold = slot.get_mut();
        let before = (hold.waiting(), hold.all_running());
        change(hold);
        let after = (hold.waiting(), hold.all_running());
        if before == after {
            return;
        }
        let (tenant, task) = (hold.tenant.clone(), hold.task.clone());
        let whose = Whose {
            tenant: &tenant,
            task: &task,
        };
        self.change(whose, |books| {
            books.waiting += after.0;
            books.waiting -= before.0;
            books.running += after.1;
            books.running -= before.1;
        });
    }
}

impl TenantBooks {
    fn each(&mut self) -> impl Iterator<Item = &mut Books> {
        std::iter::once(&mut self.all).chain(self.tasks.values_mut())
    }
}

#[cfg(test)]
mod tests;
