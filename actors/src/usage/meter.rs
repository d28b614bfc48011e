//! The handle on the ledger that tickets ask.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use punchcard_events::tenant::TenantLimits;
use punchcard_events::{TaskName, TenantId, TicketId, Timestamp};
use tokio::sync::watch;

use super::{Amount, Estimate, Exceeded, Ledger, Prices, Standing};

/// Who may use how much, and what they used. Clones share the books.
#[derive(Debug, Clone)]
pub struct Meter {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    ledger: Mutex<Ledger>,
    prices: Prices,
    /// Whether everything that an earlier run stored is in the books.
    ready: watch::Sender<bool>,
}

/// Why nothing was reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotReserved {
    /// A budget would be passed.
    Exceeded(Exceeded),
    /// What was used before is still being added up.
    NotReady,
}

/// Whose call it is, and by which rules.
#[derive(Clone, Copy)]
pub(crate) struct Account<'a> {
    pub(crate) tenant: &'a TenantId,
    pub(crate) task: &'a TaskName,
    pub(crate) limits: &'a TenantLimits,
}

/// What a new ticket has reserved; dropping it gives that back, unless the ticket is stored. One for a
/// ticket that had a reservation already owns nothing.
#[derive(Debug)]
#[must_use = "dropping it gives the reservation back"]
pub struct Reservation {
    meter: Meter,
    ticket: Option<TicketId>,
}

impl Default for Meter {
    /// One that nothing is settled with: for a runtime without counting.
    fn default() -> Self {
        let meter = Self::new(Prices::default(), Timestamp::default());
        meter.set_ready();
        meter
    }
}

impl Meter {
    /// Empty books that are not ready yet.
    pub(super) fn new(prices: Prices, now: Timestamp) -> Self {
        Self {
            shared: Arc::new(Shared {
                ledger: Mutex::new(Ledger::new(now)),
                prices,
                ready: watch::Sender::new(false),
            }),
        }
    }

    pub(super) fn set_ready(&self) {
        self.shared.ready.send_replace(true);
    }

    /// Whether everything that was stored before is in the books.
    pub fn is_ready(&self) -> bool {
        *self.shared.ready.borrow()
    }

    /// Waits until [`Self::is_ready`].
    pub async fn ready(&self) {
        let mut ready = self.shared.ready.subscribe();
        // The sender is in `self`.
        let _ = ready.wait_for(|ready| *ready).await;
    }

    /// Whether calls of this account can be decided about now.
    pub(crate) fn can_decide(&self, account: Account<'_>) -> bool {
        self.is_ready() || !has_budgets(account)
    }

    /// What so many tokens of `model` come to.
    pub(super) fn amount(&self, model: &str, tokens: Estimate) -> Amount {
        self.shared.prices.amount(model, tokens)
    }

    pub(crate) fn prices(&self) -> &Prices {
        &self.shared.prices
    }

    pub(super) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // No code that can panic runs under the lock.
        let ledger = self.shared.ledger.lock();
        ledger.unwrap_or_else(PoisonError::into_inner)
    }

    /// Reserves for a new ticket what its request, and the last tickets of its task, tell that it
    /// will use. `max_tokens` is the longest answer, where the request says one: then it counts, and
    /// not what the task's last tickets asked for.
    ///
    /// # Errors
    /// See [`NotReserved`].
    pub(crate) fn reserve(
        &self,
        ticket: TicketId,
        account: Account<'_>,
        model: &str,
        request: impl FnOnce() -> Estimate,
        max_tokens: Option<u32>,
        now: Timestamp,
    ) -> Result<Reservation, NotReserved> {
        if !self.can_decide(account) {
            return Err(NotReserved::NotReady);
        }
        let Account {
            tenant,
            task,
            limits,
        } = account;
        let request = request();
        let mut ledger = self.ledger();
        let typical = ledger.typical(tenant, task);
        let estimate = typical.map_or(request, |typical| Estimate {
            prompt_tokens: typical.prompt_tokens.max(request.prompt_tokens),
            completion_tokens: max_tokens.map_or(typical.completion_tokens, u64::from),
        });
        let amount = self.amount(model, estimate);
        let is_new = ledger
            .reserve(ticket, tenant, task, amount, limits, now)
            .map_err(NotReserved::Exceeded)?;
        Ok(Reservation {
            meter: self.clone(),
            ticket: is_new.then_some(ticket),
        })
    }

    /// The prompt of a ticket is known, and the model it waits for.
    pub(crate) fn adjust(
        &self,
        ticket: TicketId,
        tenant: &TenantId,
        task: &TaskName,
        model: &str,
        estimate: Estimate,
    ) {
        let amount = self.amount(model, estimate);
        let mut ledger = self.ledger();
        ledger.learn(tenant, task, estimate);
        ledger.adjust(ticket, amount);
    }

    /// Lets an attempt begin.
    ///
    /// # Errors
    /// When it would pass a budget.
    pub(crate) fn begin(
        &self,
        ticket: TicketId,
        attempt: u32,
        account: Account<'_>,
        model: &str,
        estimate: Estimate,
        now: Timestamp,
    ) -> Result<(), Exceeded> {
        let amount = self.amount(model, estimate);
        let Account {
            tenant,
            task,
            limits,
        } = account;
        self.ledger()
            .begin(ticket, attempt, tenant, task, amount, limits, now)
    }

    /// How the budgets of a tenant stand: see [`Ledger::standings`].
    pub fn standings(
        &self,
        tenant: &TenantId,
        task: Option<&TaskName>,
        limits: &TenantLimits,
        now: Timestamp,
    ) -> Vec<Standing> {
        self.ledger().standings(tenant, task, limits, now)
    }
}

impl Reservation {
    /// It is for this ticket after all.
    pub(crate) fn rename(&mut self, ticket: TicketId) {
        if let Some(reserved) = &mut self.ticket {
            let reserved = std::mem::replace(reserved, ticket);
            self.meter.ledger().rename(reserved, ticket);
        }
    }

    /// The ticket exists, and its reservation with it.
    pub(crate) fn keep(mut self) {
        self.ticket = None;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.meter.ledger().release(ticket);
        }
    }
}

fn has_budgets(account: Account<'_>) -> bool {
    let own = account.limits.tasks.get(account.task);
    let mut limits = std::iter::once(&account.limits.all).chain(own);
    limits.any(|limits| !limits.daily.is_unlimited() || !limits.monthly.is_unlimited())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_second_reservation_of_a_ticket_does_not_give_the_first_one_back() {
        let meter = Meter::default();
        let tenant = TenantId::new("onehour").expect("a tenant");
        let task = TaskName::new("review").expect("a task");
        let limits = TenantLimits::default();
        let account = Account {
            tenant: &tenant,
            task: &task,
            limits: &limits,
        };
        let ticket = TicketId(Uuid::from_u128(1));
        let reserve = || {
            let estimate = Estimate::default;
            meter.reserve(ticket, account, "", estimate, None, Timestamp::default())
        };
        let first = reserve().expect("no budgets");
        let mut second = reserve().expect("it is reserved");
        second.rename(TicketId(Uuid::from_u128(2)));
        drop(second);
        assert_eq!(meter.ledger().held(), 1, "the first one stands");
        drop(first);
        assert_eq!(meter.ledger().held(), 0);
        reserve().expect("no budgets").keep();
        assert_eq!(meter.ledger().held(), 1);
    }
}
