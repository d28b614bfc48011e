//! What goes on now: figures of the last minutes, and how everything stands at the moment.
//!
//! Three sources, and none of them is asked for anything that happens: the tickets' events are followed
//! and counted in a window of [`STEPS`] steps of [`STEP_MS`] milliseconds (`fold`), the guards say what
//! runs and waits, and the ticket list says how much is open (`open`). A restart loses nothing, as the
//! newest events are read back.
//!
//! Everything can be asked for one tenant. That figures hold nothing of another is decided here: of
//! a model that tenants share, one is told whether it is in use and how many calls it takes, and otherwise
//! its own. Not here: metrics for machines, and sessions, budgets and batches, which have handles of
//! their own.

mod book;
mod figures;
mod fold;
mod open;
mod samples;
mod series;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use punchcard_events::ticket::StateName;
use punchcard_events::{Position, TenantId, Timestamp};

pub use figures::{Callbacks, Flow, Model};
pub use samples::Quantiles;
pub use series::{STEP_MS, STEPS};

use crate::callbacks::CallbackDesk;
use crate::following::{Following, follow};
use crate::guards::{GateStatus, Part};
use crate::llm::Llm;
use crate::ports::{EventStore, ReadError, StoreGauge};
use crate::runtime::Runtime;
use crate::tickets::Tickets;
use book::Figures;
use open::OpenTickets;

/// A handle on them. Cheap to clone; usable from any thread. They are kept up to date for as long as
/// there is one.
#[derive(Clone)]
pub struct Now {
    figures: Figures,
    open: OpenTickets,
    tickets: Tickets,
    llm: Llm,
    callbacks: CallbackDesk,
    gauge: Arc<dyn StoreGauge>,
    _following: Arc<Following>,
}

/// What goes on, of one tenant or of all.
#[derive(Debug)]
pub struct Picture {
    /// When it was taken.
    pub at: Timestamp,
    /// Open tickets, by state.
    pub open: BTreeMap<StateName, u64>,
    /// How tickets came and went.
    pub flow: Flow,
    /// The models that something was asked of, or is now, by name.
    pub models: Vec<ModelNow>,
    /// The APIs that something was asked of, or is now, by tenant.
    pub callbacks: Vec<CallbacksNow>,
}

/// How a model stands.
#[derive(Debug)]
pub struct ModelNow {
    /// The model.
    pub name: String,
    /// Its place now; absent where this process has not called it yet.
    pub place: Option<PlaceNow>,
    /// What its calls came to.
    pub calls: Model,
}

/// How a tenant's API stands.
#[derive(Debug)]
pub struct CallbacksNow {
    /// Whose it is.
    pub tenant: TenantId,
    /// Its place now; absent where this process has not called it yet.
    pub place: Option<PlaceNow>,
    /// What its calls came to.
    pub calls: Callbacks,
}

/// How a place stands: of all its calls, or of one tenant's.
#[derive(Debug, Clone, PartialEq)]
pub struct PlaceNow {
    /// The circuit breaker.
    pub breaker: crate::guards::BreakerState,
    /// Calls that run.
    pub in_flight: usize,
    /// Calls that may run at once.
    pub limit: usize,
    /// Calls in line.
    pub waiting: usize,
}

/// What one tenant has open, and what of it waits for a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantNow {
    /// The tenant.
    pub tenant: TenantId,
    /// Open tickets.
    pub open: u64,
    /// Calls in line at any model.
    pub waiting: usize,
}

impl Now {
    /// Follows what happens in `store` from now on. To be called within a tokio runtime.
    pub fn start(
        store: Arc<dyn EventStore>,
        runtime: &Runtime,
        gauge: Arc<dyn StoreGauge>,
    ) -> Self {
        let tickets = runtime.tickets().clone();
        let figures = Figures::new(tickets.clone());
        let begin = book::begin(gauge.position());
        let following = follow(store, figures.clone(), begin);
        Self {
            figures,
            open: OpenTickets::default(),
            tickets,
            llm: runtime.calls().clone(),
            callbacks: runtime.called_back().clone(),
            gauge,
            _following: Arc::new(following),
        }
    }

    /// What goes on, of `tenant` or of all.
    ///
    /// # Errors
    /// When the ticket list cannot be read.
    pub async fn picture(&self, tenant: Option<&TenantId>) -> Result<Picture, ReadError> {
        let at = self.tickets.now();
        let open = self.open.count(self.tickets.index().as_ref()).await?;
        let mut by_state = BTreeMap::new();
        for (of, state, count) in open.iter() {
            if tenant.is_none_or(|tenant| tenant == of) {
                *by_state.entry(*state).or_insert(0) += count;
            }
        }
        let (flow, models, callbacks) = {
            let fold = self.figures.lock();
            (
                fold.flow(tenant, at),
                fold.models(tenant, at),
                fold.callbacks(tenant, at),
            )
        };
        let places = self.llm.status();
        Ok(Picture {
            at,
            open: by_state,
            flow,
            models: join_models(tenant, places, models),
            callbacks: join_callbacks(tenant, self.callbacks.status(), callbacks),
        })
    }

    /// What every tenant that has something open has of it, the most first.
    ///
    /// # Errors
    /// When the ticket list cannot be read.
    pub async fn tenants(&self) -> Result<Vec<TenantNow>, ReadError> {
        let open = self.open.count(self.tickets.index().as_ref()).await?;
        let mut tenants: HashMap<&TenantId, (u64, usize)> = HashMap::new();
        for (tenant, _, count) in open.iter() {
            tenants.entry(tenant).or_default().0 += count;
        }
        let places = self.llm.status();
        for part in places.iter().flat_map(|(_, parts)| parts) {
            tenants.entry(&part.tenant).or_default().1 += part.waiting;
        }
        let mut tenants: Vec<_> = tenants
            .into_iter()
            .map(|(tenant, (open, waiting))| TenantNow {
                tenant: tenant.clone(),
                open,
                waiting,
            })
            .collect();
        tenants.sort_by(|a, b| (b.open, &a.tenant).cmp(&(a.open, &b.tenant)));
        Ok(tenants)
    }

    /// The newest stored event's position, and how many bytes the store takes on its disk.
    pub async fn store(&self) -> (Position, Option<u64>) {
        (self.gauge.position(), self.gauge.size_bytes().await)
    }
}

impl PlaceNow {
    /// Of all calls.
    const fn of_all(status: &GateStatus) -> Self {
        Self {
            breaker: status.breaker,
            in_flight: status.in_use,
            limit: status.limit,
            waiting: status.waiting,
        }
    }

    /// Of one tenant's part.
    fn of_tenant(status: &GateStatus, parts: &[Part], tenant: &TenantId) -> Self {
        let part = parts.iter().find(|part| part.tenant == *tenant);
        Self {
            in_flight: part.map_or(0, |part| part.in_use),
            waiting: part.map_or(0, |part| part.waiting),
            ..Self::of_all(status)
        }
    }
}

/// A tenant is told only of models that it has to do with.
fn join_models(
    tenant: Option<&TenantId>,
    places: Vec<(GateStatus, Vec<Part>)>,
    mut calls: BTreeMap<Arc<str>, Model>,
) -> Vec<ModelNow> {
    let mut models: BTreeMap<String, ModelNow> = BTreeMap::new();
    for (status, parts) in places {
        let place = match tenant {
            None => PlaceNow::of_all(&status),
            Some(tenant) => PlaceNow::of_tenant(&status, &parts, tenant),
        };
        let calls = calls.remove(status.name.as_str());
        let concerned = tenant.is_none() || calls.is_some() || place.in_flight + place.waiting > 0;
        if concerned {
            let name = status.name;
            let model = ModelNow {
                name: name.clone(),
                place: Some(place),
                calls: calls.unwrap_or_default(),
            };
            models.insert(name, model);
        }
    }
    // What another node calls, or an earlier run did.
    for (name, calls) in calls {
        let name = name.as_ref().to_owned();
        let place = None;
        models.insert(name.clone(), ModelNow { name, place, calls });
    }
    models.into_values().collect()
}

/// The place of a tenant's API bears the tenant's id.
fn join_callbacks(
    tenant: Option<&TenantId>,
    places: Vec<GateStatus>,
    mut calls: BTreeMap<TenantId, Callbacks>,
) -> Vec<CallbacksNow> {
    let mut places: BTreeMap<TenantId, PlaceNow> = places
        .iter()
        .filter_map(|status| {
            let of = TenantId::new(&status.name).ok()?;
            let wanted = tenant.is_none_or(|tenant| *tenant == of);
            wanted.then(|| (of, PlaceNow::of_all(status)))
        })
        .collect();
    let tenants: BTreeSet<TenantId> = places.keys().chain(calls.keys()).cloned().collect();
    let joined = tenants.into_iter().map(|tenant| CallbacksNow {
        place: places.remove(&tenant),
        calls: calls.remove(&tenant).unwrap_or_default(),
        tenant,
    });
    joined.collect()
}
