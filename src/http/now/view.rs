//! What goes on now, as the API shows it.

use std::collections::BTreeMap;

use punchcard_actors::guards::BreakerState;
use punchcard_actors::now::{
    Callbacks, CallbacksNow, ModelNow, Picture, PlaceNow, Quantiles, STEP_MS, STEPS,
};
use punchcard_events::ticket::StateName;
use punchcard_events::{TenantId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

use crate::http::usage::BudgetView;

/// What goes on now, of the caller's tenant. Lists of counts have one number per step, the newest last.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct NowView {
    #[serde(flatten)]
    common: CommonView,
    /// The tenant's API; `null` where it was not called lately.
    callbacks: Option<CallbacksView>,
    /// How the tenant's budgets stand.
    budgets: Vec<BudgetView>,
}

/// What goes on now, of all tenants together.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct NowOfAllView {
    #[serde(flatten)]
    common: CommonView,
    /// The tenants' APIs that are called, the busiest first, 200 at most.
    callbacks: Vec<TenantCallbacksView>,
    /// The tenants that have something open or connected, the most open first, 200 at most.
    tenants: Vec<TenantView>,
    store: StoreView,
}

#[derive(Debug, Serialize, JsonSchema)]
struct CommonView {
    at: Timestamp,
    /// How long a step is, in milliseconds.
    step_ms: u64,
    /// How many steps there are.
    steps: usize,
    tickets: TicketsView,
    /// The models that were called lately, by name, 200 at most.
    models: Vec<ModelView>,
    /// Sessions that are connected here.
    sessions: usize,
    /// Batches that are open.
    batches: usize,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TicketsNowView")]
struct TicketsView {
    /// Open tickets, by state; a state without any is absent.
    open: BTreeMap<StateName, u64>,
    issued: Vec<u64>,
    /// Delivered, failed or cancelled.
    ended: Vec<u64>,
    /// Those of `ended` that failed.
    failed: Vec<u64>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ModelNowView")]
struct ModelView {
    model: String,
    #[serde(flatten)]
    place: PlaceView,
    #[serde(flatten)]
    ends: EndsView,
    first_token_ms: Option<QuantilesView>,
    total_ms: Option<QuantilesView>,
    /// Tokens of answers, over the last minute.
    tokens_per_second: f64,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "CallbacksNowView")]
struct CallbacksView {
    #[serde(flatten)]
    place: PlaceView,
    #[serde(flatten)]
    ends: EndsView,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TenantCallbacksNowView")]
struct TenantCallbacksView {
    tenant: TenantId,
    #[serde(flatten)]
    callbacks: CallbacksView,
}

/// How a place stands. A tenant is told of its own calls.
#[derive(Debug, Serialize, JsonSchema)]
struct PlaceView {
    breaker: BreakerView,
    in_flight: usize,
    /// Calls that may run at once, whoever's they are; `null` before the first.
    limit: Option<usize>,
    waiting: usize,
}

#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum BreakerView {
    Closed,
    HalfOpen,
    Open,
}

#[derive(Debug, Serialize, JsonSchema)]
struct EndsView {
    /// Calls that ended.
    calls: Vec<u64>,
    /// Those of `calls` without success.
    errors: Vec<u64>,
    /// Their part of all, from 0 to 1.
    error_rate: f64,
}

#[derive(Debug, Serialize, JsonSchema)]
struct QuantilesView {
    p50: u32,
    p95: u32,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "TenantNowView")]
pub(super) struct TenantView {
    pub(super) tenant: TenantId,
    pub(super) open: u64,
    /// Calls that wait for a model.
    pub(super) waiting: usize,
    pub(super) sessions: usize,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "StoreNowView")]
pub(super) struct StoreView {
    /// The newest event's.
    pub(super) position: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) size_bytes: Option<u64>,
}

/// The most entries of a list.
pub(super) const MOST: usize = 200;

/// What stands beside a picture.
pub(super) struct Beside {
    pub(super) sessions: usize,
    pub(super) batches: usize,
}

impl NowView {
    pub(super) fn new(picture: Picture, beside: &Beside, budgets: Vec<BudgetView>) -> Self {
        let (common, callbacks) = split(picture, beside);
        Self {
            common,
            callbacks: callbacks.into_iter().next().map(CallbacksView::from),
            budgets,
        }
    }
}

impl NowOfAllView {
    pub(super) fn new(
        picture: Picture,
        beside: &Beside,
        tenants: Vec<TenantView>,
        store: StoreView,
    ) -> Self {
        let (common, mut callbacks) = split(picture, beside);
        callbacks.sort_by_key(|one| std::cmp::Reverse(one.calls.calls.iter().sum::<u64>()));
        callbacks.truncate(MOST);
        let callbacks = callbacks.into_iter().map(|one| TenantCallbacksView {
            tenant: one.tenant.clone(),
            callbacks: one.into(),
        });
        Self {
            common,
            callbacks: callbacks.collect(),
            tenants,
            store,
        }
    }
}

fn split(picture: Picture, beside: &Beside) -> (CommonView, Vec<CallbacksNow>) {
    let models = picture.models.into_iter().take(MOST);
    let common = CommonView {
        at: picture.at,
        step_ms: STEP_MS,
        steps: STEPS,
        tickets: TicketsView {
            open: picture.open,
            issued: picture.flow.issued,
            ended: picture.flow.ended,
            failed: picture.flow.failed,
        },
        models: models.map(ModelView::from).collect(),
        sessions: beside.sessions,
        batches: beside.batches,
    };
    (common, picture.callbacks)
}

impl From<ModelNow> for ModelView {
    fn from(mut model: ModelNow) -> Self {
        Self {
            place: model.place.into(),
            first_token_ms: model.calls.first_token_ms().map(QuantilesView::from),
            total_ms: model.calls.total_ms().map(QuantilesView::from),
            tokens_per_second: model.calls.tokens_per_second(),
            ends: model.calls.ends.into(),
            model: model.name,
        }
    }
}

impl From<CallbacksNow> for CallbacksView {
    fn from(callbacks: CallbacksNow) -> Self {
        Self {
            place: callbacks.place.into(),
            ends: callbacks.calls.into(),
        }
    }
}

impl From<Option<PlaceNow>> for PlaceView {
    fn from(place: Option<PlaceNow>) -> Self {
        let breaker = place.as_ref().map(|place| place.breaker);
        Self {
            breaker: match breaker {
                Some(BreakerState::Closed) | None => BreakerView::Closed,
                Some(BreakerState::HalfOpen) => BreakerView::HalfOpen,
                Some(BreakerState::Open) => BreakerView::Open,
            },
            in_flight: place.as_ref().map_or(0, |place| place.in_flight),
            waiting: place.as_ref().map_or(0, |place| place.waiting),
            limit: place.map(|place| place.limit),
        }
    }
}

impl From<Callbacks> for EndsView {
    fn from(ends: Callbacks) -> Self {
        Self {
            error_rate: ends.error_rate(),
            calls: ends.calls,
            errors: ends.errors,
        }
    }
}

impl From<Quantiles> for QuantilesView {
    fn from(quantiles: Quantiles) -> Self {
        Self {
            p50: quantiles.p50,
            p95: quantiles.p95,
        }
    }
}
