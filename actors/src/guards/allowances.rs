//! What each tenant may use per minute, and each of its tasks, wherever it is used: at all places of a
//! kind together.
//!
//! A call reserves a request and its estimate of tokens when it goes, and what it did not use is free
//! again when it ends. Limits are read when they are asked for, so a change is in effect at once; who
//! waits is looked at again within [`LOOK_AGAIN`].
//!
//! A large call must not be passed for ever by small ones of other places, each of which fits just
//! now. So who waits for tokens has a claim: nobody else of its tenant or task takes tokens until it
//! went, or did not come again for a while.
//!
//! Deliberately not here: those who wait (`line`), and limits that refuse.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use punchcard_events::tenant::Limits;
use punchcard_events::{TaskName, TenantId};
use tokio::time::Instant;

use super::allowance::Window;
use super::line::Amount;
use crate::ports::LimitsBook;

/// Who may not go asks again after so long at the latest: limits may change, and what another place
/// did not use is told to nobody.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// So long a claim stands without being asked for again.
const CLAIM: Duration = Duration::from_secs(3);
/// Longer waits are not told apart.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// How often windows that nobody uses are looked for.
const TIDY_EVERY: u64 = 60;

/// Who may not go, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Blocked {
    pub(super) scope: Scope,
    /// When to ask again; after now.
    pub(super) until: Instant,
}

/// Whom a limit holds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// All of the tenant.
    Tenant,
    /// The task alone.
    Task,
}

/// What a call has taken. To be given back by [`Allowances::settle`].
#[derive(Debug)]
pub(super) struct Reserved {
    tenant: TenantId,
    task: Option<TaskName>,
    second: u64,
    tokens: u64,
}

/// A place's name among those who ask, so that a claim is known again.
pub(super) type Claimant = Arc<str>;

/// The allowances of all tenants.
pub(super) struct Allowances {
    book: Arc<dyn LimitsBook>,
    origin: Instant,
    tenants: Mutex<Tenants>,
}

#[derive(Debug, Default)]
struct Tenants {
    used: HashMap<TenantId, Used>,
    tidied: u64,
}

#[derive(Debug, Default)]
struct Used {
    all: Pair,
    tasks: HashMap<TaskName, Pair>,
}

#[derive(Debug, Default)]
struct Pair {
    requests: Window,
    tokens: Window,
    /// Who waits for tokens, and until when it may come for them.
    claim: Option<(Claimant, Instant)>,
}

impl Reserved {
    /// The estimate.
    pub(super) const fn tokens(&self) -> u64 {
        self.tokens
    }
}

impl Allowances {
    pub(super) fn new(book: Arc<dyn LimitsBook>) -> Self {
        Self {
            book,
            origin: Instant::now(),
            tenants: Mutex::default(),
        }
    }

    /// The tenant's weight, at least 1.
    pub(super) fn weight(&self, tenant: &TenantId) -> u16 {
        self.book.limits(tenant).weight.unwrap_or(1).max(1)
    }

    /// Takes a request and `tokens`, if the tenant and the task may; `None` where nothing limits
    /// them.
    pub(super) fn reserve(
        &self,
        claimant: &Claimant,
        tenant: &TenantId,
        task: Option<&TaskName>,
        tokens: u64,
        now: Instant,
    ) -> Result<Option<Reserved>, Blocked> {
        let limits = self.book.limits(tenant);
        let of_task = task.and_then(|task| Some((task, limits.tasks.get(task)?)));
        let of_task = of_task.filter(|(_, limits)| paces(limits));
        if !paces(&limits.all) && of_task.is_none() {
            return Ok(None);
        }
        let ask = Ask {
            claimant,
            tokens,
            now,
            second: self.second(now),
        };
        let mut tenants = self.lock();
        tenants.tidy(ask.second);
        let used = tenants.used.entry(tenant.clone()).or_default();
        let until = |second| self.look_again(second, now);
        if let Err(second) = used.all.check(&limits.all, &ask) {
            let (scope, until) = (Scope::Tenant, until(second));
            return Err(Blocked { scope, until });
        }
        if let Some((task, limits)) = of_task {
            let pair = used.tasks.entry(task.clone()).or_default();
            if let Err(second) = pair.check(limits, &ask) {
                let (scope, until) = (Scope::Task, until(second));
                return Err(Blocked { scope, until });
            }
            pair.take(&ask);
        }
        let second = used.all.take(&ask);
        Ok(Some(Reserved {
            tenant: tenant.clone(),
            task: of_task.map(|(task, _)| task.clone()),
            second,
            tokens,
        }))
    }

    /// A call has ended, and used so many tokens; `None`: it was not made at all.
    pub(super) fn settle(&self, reserved: &Reserved, used: Option<u64>, now: Instant) {
        let now = self.second(now);
        let mut tenants = self.lock();
        let Some(of_tenant) = tenants.used.get_mut(&reserved.tenant) else {
            return;
        };
        let task = reserved.task.as_ref();
        let of_task = task.and_then(|task| of_tenant.tasks.get_mut(task));
        for pair in of_task.into_iter().chain([&mut of_tenant.all]) {
            let tokens = used.unwrap_or(0);
            pair.tokens
                .correct(reserved.second, reserved.tokens, tokens, now);
            if used.is_none() {
                pair.requests.correct(reserved.second, 1, 0, now);
            }
        }
    }

    /// How long one more call waits for the minutes that those before it use up, `all` of its tenant
    /// and `own` of its task, were nobody to use less than it reserves.
    pub(super) fn wait(
        &self,
        tenant: &TenantId,
        task: Option<&TaskName>,
        (all, own): (Amount, Amount),
        now: Instant,
    ) -> Duration {
        let limits = self.book.limits(tenant);
        let of_task = task.and_then(|task| Some((task, limits.tasks.get(task)?)));
        if !paces(&limits.all) && !of_task.is_some_and(|(_, limits)| paces(limits)) {
            return Duration::ZERO;
        }
        let second = self.second(now);
        let mut tenants = self.lock();
        let mut used = tenants.used.get_mut(tenant);
        let whole = wait(
            &limits.all,
            used.as_deref_mut().map(|used| &mut used.all),
            all,
            second,
        );
        let part = of_task.map(|(task, limits)| {
            let pair = used.and_then(|used| used.tasks.get_mut(task));
            wait(limits, pair, own, second)
        });
        whole.max(part.unwrap_or_default())
    }

    fn second(&self, now: Instant) -> u64 {
        now.saturating_duration_since(self.origin).as_secs()
    }

    fn look_again(&self, second: u64, now: Instant) -> Instant {
        let latest = now + LOOK_AGAIN;
        let at = self.origin.checked_add(Duration::from_secs(second));
        // Asking again at once would be asking all the time.
        let soonest = now + Duration::from_millis(1);
        at.map_or(latest, |at| at.clamp(soonest, latest))
    }

    // No code that can panic runs under the lock, so its poison says nothing.
    fn lock(&self) -> MutexGuard<'_, Tenants> {
        self.tenants.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One call, as it asks.
struct Ask<'a> {
    claimant: &'a Claimant,
    tokens: u64,
    now: Instant,
    second: u64,
}

impl Pair {
    /// Whether the call may go; else the second to ask again.
    fn check(&mut self, limits: &Limits, ask: &Ask<'_>) -> Result<(), u64> {
        if let Some(limit) = limits.requests_per_minute {
            let at = self.requests.when(1, u64::from(limit), ask.second);
            if at > ask.second {
                return Err(at);
            }
        }
        let Some(limit) = limits.tokens_per_minute else {
            return Ok(());
        };
        let claimed = self.claim.as_ref().filter(|(_, until)| ask.now < *until);
        if claimed.is_some_and(|(claimant, _)| claimant != ask.claimant) {
            return Err(ask.second.saturating_add(1));
        }
        let at = self.tokens.when(ask.tokens, limit, ask.second);
        if at > ask.second {
            self.claim = Some((Arc::clone(ask.claimant), ask.now + CLAIM));
            return Err(at);
        }
        Ok(())
    }

    fn take(&mut self, ask: &Ask<'_>) -> u64 {
        self.requests.take(1, ask.second);
        self.claim = None;
        self.tokens.take(ask.tokens, ask.second)
    }

    fn is_idle(&mut self, second: u64) -> bool {
        self.requests.sum(second) == 0 && self.tokens.sum(second) == 0
    }
}

impl Tenants {
    /// Forgets, once a minute, what nobody has used in the last.
    fn tidy(&mut self, second: u64) {
        if second < self.tidied.saturating_add(TIDY_EVERY) {
            return;
        }
        self.tidied = second;
        self.used.retain(|_, used| {
            used.tasks.retain(|_, pair| !pair.is_idle(second));
            !(used.tasks.is_empty() && used.all.is_idle(second))
        });
    }
}

/// Whether anything is limited per minute.
const fn paces(limits: &Limits) -> bool {
    limits.requests_per_minute.is_some() || limits.tokens_per_minute.is_some()
}

fn wait(limits: &Limits, pair: Option<&mut Pair>, ahead: Amount, second: u64) -> Duration {
    let used = pair.map_or((0, 0), |pair| {
        (pair.requests.sum(second), pair.tokens.sum(second))
    });
    let requests = limits.requests_per_minute.map(u64::from);
    let of_requests = minutes(
        requests,
        used.0.saturating_add(ahead.calls).saturating_add(1),
    );
    let of_tokens = minutes(
        limits.tokens_per_minute,
        used.1.saturating_add(ahead.tokens),
    );
    of_requests.max(of_tokens)
}

/// How long it takes until so much is within the limit.
fn minutes(limit: Option<u64>, wanted: u64) -> Duration {
    let Some(limit) = limit else {
        return Duration::ZERO;
    };
    let excess = u128::from(wanted.saturating_sub(limit));
    let millis = (excess * 60_000).div_ceil(u128::from(limit.max(1)));
    Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX)).min(LONGEST)
}

impl std::fmt::Debug for Allowances {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Allowances").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
