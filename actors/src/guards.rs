//! What stands between tickets and one outside place: a model, or a tenant's API.
//!
//! A ticket asks for a [`Permit`] before each call and says afterwards what the call came to. In
//! between the place's guard sees to it that a place that fails is left alone (`breaker`), that
//! repeats do not become a storm (`budget`), that neither too many calls run at once (`limit`) nor
//! too many follow each other too fast (`rate`), that a wish to be left alone is obeyed (`pause`),
//! that no tenant waits for another's crowd (`line`), and that no tenant uses more in a minute than
//! it is allowed, wherever it uses it (`allowances`). Each of these is plain data with the time
//! passed in; `gate` puts them together, `guard` owns the waiting, `alarms` the time.
//!
//! A guard never fails a ticket: a ticket that may not call waits, until its deadline ends it. When
//! a failed call is due again is recorded in the ticket's events; the time between then and
//! the call is the guard's, and is forgotten by a restart.

mod alarms;
mod allowance;
mod allowances;
mod breaker;
mod budget;
mod gate;
mod guard;
mod limit;
mod line;
mod observe;
mod options;
mod pace;
mod pause;
mod rate;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use punchcard_events::ticket::Priority;
use punchcard_events::{TaskName, TenantId};

pub use breaker::BreakerState;
pub use guard::Permit;
pub use observe::Kind;
pub(crate) use observe::observe;
pub use options::{
    AdaptiveOptions, BreakerOptions, BudgetOptions, Concurrency, GuardOptions, RampOptions,
};

use crate::ports::{Clock, LimitsBook};
use alarms::Alarms;
use allowances::Allowances;
use guard::Guard;

/// What a caller wants a permit for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Want<'a> {
    /// The place to call.
    pub(crate) place: &'a str,
    /// Whose ticket it is for.
    pub(crate) tenant: &'a TenantId,
    /// Of which of its tasks, where tasks are told apart.
    pub(crate) task: Option<&'a TaskName>,
    /// Whether a call for the same effect failed before.
    pub(crate) retry: bool,
    /// How the ticket stands among its tenant's own.
    pub(crate) priority: Priority,
    /// What the call is taken for.
    pub(crate) tokens: u64,
}

impl<'a> Want<'a> {
    /// A call like any other: it counts one.
    pub(crate) const fn plain(place: &'a str, tenant: &'a TenantId, retry: bool) -> Self {
        Self {
            place,
            tenant,
            task: None,
            retry,
            priority: Priority::Normal,
            tokens: 1,
        }
    }
}

/// What a call came to, as far as its place is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The place did what it is for.
    Succeeded,
    /// It did not, and it was not the caller's fault.
    Failed,
    /// It said that it is asked too much.
    Overloaded {
        /// How long it wants to be left alone.
        retry_after: Option<Duration>,
    },
    /// Nothing about the place: the caller's fault, or cancelled.
    Neutral,
}

/// How one place stands.
#[derive(Debug, Clone, PartialEq)]
pub struct GateStatus {
    /// The place.
    pub name: String,
    /// Calls that may run at once now.
    pub limit: usize,
    /// Calls that run now.
    pub in_use: usize,
    /// Callers in line.
    pub waiting: usize,
    /// The tokens that they are taken for.
    pub tokens_waiting: u64,
    /// How many tenants they are of.
    pub tenants_waiting: usize,
    /// Those of them that stand aside, as their tenant or task has used up its minute.
    pub paced: usize,
    /// How long the first of them has waited.
    pub oldest_wait: Duration,
    /// How long one more would wait, at the pace of the newest calls.
    pub expected_wait: Duration,
    /// How the circuit breaker stands.
    pub breaker: BreakerState,
    /// For how long nobody calls because the place asked for it.
    pub paused_for: Option<Duration>,
    /// Permits given so far.
    pub calls: u64,
    /// Those of them that were for repeats.
    pub retries: u64,
    /// Calls per second that are let through now; `None` is as many as the limit allows.
    pub calls_per_second: Option<f64>,
}

/// What one tenant has at a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The tenant.
    pub tenant: TenantId,
    /// Its calls that run now.
    pub in_use: usize,
    /// Its callers in line.
    pub waiting: usize,
}

/// The guards of all places of one kind.
#[derive(Debug)]
pub struct Guards {
    kind: Kind,
    /// By place; the others get `default_limit`.
    limits: HashMap<String, Concurrency>,
    default_limit: Concurrency,
    options: GuardOptions,
    allowances: Arc<Allowances>,
    alarms: Arc<Alarms>,
    clock: Chance,
    /// As many as there are models or tenants in the configuration.
    guards: RwLock<HashMap<Arc<str>, Arc<Guard>>>,
}

/// Where chance comes from.
struct Chance(Arc<dyn Clock>);

impl std::fmt::Debug for Chance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Chance")
    }
}

impl Guards {
    /// Guards with a concurrency per place; places not named get `default_limit`. `book` says how
    /// much each tenant may use of all places together, and its weight at each.
    ///
    /// Somebody has to run [`Self::keep_time`], or nobody is let go by time alone.
    pub fn new(
        kind: Kind,
        limits: HashMap<String, Concurrency>,
        default_limit: Concurrency,
        options: GuardOptions,
        book: Arc<dyn LimitsBook>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            kind,
            limits,
            default_limit,
            options,
            allowances: Arc::new(Allowances::new(book)),
            alarms: Arc::default(),
            clock: Chance(clock),
            guards: RwLock::default(),
        }
    }

    /// Lets waiters go when their time has come, for as long as the guards live.
    pub fn keep_time(&self) -> impl Future<Output = ()> + Send + 'static {
        Arc::clone(&self.alarms).keep()
    }

    /// Waits in line until every policy lets the call go. Dropped, it leaves the line.
    pub(crate) async fn permit(&self, want: Want<'_>) -> Permit {
        let guard = self.guard(want.place);
        guard.permit(&want).await
    }

    /// A permit at once or not at all; nobody jumps the line.
    pub(crate) fn try_permit(&self, want: Want<'_>) -> Option<Permit> {
        let guard = self.guard(want.place);
        guard.try_permit(&want)
    }

    /// Whether the breaker of `place` would hold up a call now.
    pub fn is_open(&self, place: &str) -> bool {
        let guard = self.known(place);
        guard.is_some_and(|guard| guard.look(|gate, now| gate.is_open(now)))
    }

    /// How long one more caller would wait at `place`, were there one line for all.
    pub fn expected_wait(&self, place: &str) -> Duration {
        let guard = self.known(place);
        guard.map_or(Duration::ZERO, |guard| {
            guard.look(|gate, now| gate.expected_wait(None, now))
        })
    }

    /// How long one more caller would wait as it wants: a quiet tenant does not wait for another's
    /// crowd, nor an urgent call for its tenant's less urgent ones.
    pub(crate) fn expected_wait_of(&self, want: Want<'_>) -> Duration {
        let guard = self.known(want.place);
        guard.map_or(Duration::ZERO, |guard| {
            guard.look(|gate, now| gate.expected_wait(Some(&want), now))
        })
    }

    /// How every place used so far stands, by name.
    pub fn status(&self) -> Vec<GateStatus> {
        let mut status: Vec<_> = self.all().iter().map(|guard| guard.status()).collect();
        status.sort_by(|a, b| a.name.cmp(&b.name));
        status
    }

    /// The same, and what each tenant has there.
    pub fn status_with_parts(&self) -> Vec<(GateStatus, Vec<Part>)> {
        let look = |guard: &Arc<Guard>| guard.look(|gate, now| (gate.status(now), gate.parts()));
        let mut status: Vec<_> = self.all().iter().map(look).collect();
        status.sort_by(|(a, _), (b, _)| a.name.cmp(&b.name));
        status
    }

    fn all(&self) -> Vec<Arc<Guard>> {
        let guards = self.guards.read().unwrap_or_else(PoisonError::into_inner);
        guards.values().cloned().collect()
    }

    fn known(&self, place: &str) -> Option<Arc<Guard>> {
        let guards = self.guards.read().unwrap_or_else(PoisonError::into_inner);
        guards.get(place).cloned()
    }

    fn guard(&self, place: &str) -> Arc<Guard> {
        if let Some(guard) = self.known(place) {
            return guard;
        }
        let mut guards = self.guards.write().unwrap_or_else(PoisonError::into_inner);
        let name: Arc<str> = place.into();
        let guard = guards.entry(Arc::clone(&name)).or_insert_with(|| {
            let limit = self.limits.get(place).copied();
            Arc::new(Guard::new(
                name,
                self.kind,
                limit.unwrap_or(self.default_limit),
                &self.options,
                Arc::clone(&self.allowances),
                Arc::clone(&self.alarms),
                Arc::clone(&self.clock.0),
            ))
        });
        Arc::clone(guard)
    }
}

impl Drop for Guards {
    fn drop(&mut self) {
        self.alarms.close();
    }
}

#[cfg(test)]
mod tests;
