//! How calls to the outside are guarded: `[supervision]`. What each policy does is told in
//! `docs/supervision.md`.

use std::num::NonZeroUsize;
use std::time::Duration;

use punchcard_actors::guards::{
    AdaptiveOptions, BreakerOptions, BudgetOptions, GuardOptions, RampOptions,
};
use serde::Deserialize;

use super::check::Mistake;
use super::limits::ordered;
use super::tree::KeyPath;
use super::values;

/// How calls to the outside are guarded.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Supervision {
    /// Calls of models.
    pub model: Guarding,
    /// Calls to the tenants' APIs.
    pub callback: Guarding,
}

/// How every place of a kind is guarded.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Guarding {
    /// Outcomes older than this are forgotten by the breaker.
    #[serde(deserialize_with = "values::positive")]
    pub breaker_window: Duration,
    /// The breaker looks at so many of the newest outcomes.
    pub breaker_window_calls: NonZeroUsize,
    /// With fewer the breaker concludes nothing.
    pub breaker_min_calls: NonZeroUsize,
    /// The breaker opens when this part of them failed.
    #[serde(deserialize_with = "values::part")]
    pub breaker_failure_ratio: f64,
    /// How long it stays open at first.
    #[serde(deserialize_with = "values::positive")]
    pub breaker_open_for: Duration,
    /// The ceiling of the doubled time.
    #[serde(deserialize_with = "values::positive")]
    pub breaker_max_open_for: Duration,
    /// Calls that must succeed for it to close.
    pub breaker_probes: NonZeroUsize,
    /// Retries per first call.
    #[serde(deserialize_with = "values::part")]
    pub retry_ratio: f64,
    /// Retries per second that are always allowed.
    #[serde(deserialize_with = "values::per_second")]
    pub retries_per_second: f64,
    /// For how long unused retries can be saved up.
    #[serde(deserialize_with = "values::positive")]
    pub retry_window: Duration,
    /// The longest that a `Retry-After` holds up everybody.
    #[serde(deserialize_with = "values::positive")]
    pub max_pause: Duration,
    /// The part of the permits one tenant may hold while others wait.
    #[serde(deserialize_with = "values::part")]
    pub max_share: f64,
    /// Calls per second at the start of the ramp after an outage.
    #[serde(deserialize_with = "values::per_second")]
    pub ramp_calls_per_second: f64,
    /// How long the ramp takes; zero is no ramp.
    #[serde(deserialize_with = "values::duration")]
    pub ramp_for: Duration,
    /// The lower bound of an adaptive concurrency.
    pub adaptive_min: NonZeroUsize,
    /// The upper bound of an adaptive concurrency.
    pub adaptive_max: NonZeroUsize,
}

impl Guarding {
    /// The same for the runtime; `rate` is calls per second.
    pub fn options(&self, rate: Option<f64>) -> GuardOptions {
        GuardOptions {
            breaker: BreakerOptions {
                window: self.breaker_window,
                window_calls: self.breaker_window_calls,
                min_calls: self.breaker_min_calls,
                failure_ratio: self.breaker_failure_ratio,
                open_for: self.breaker_open_for,
                max_open_for: self.breaker_max_open_for,
                probes: self.breaker_probes,
            },
            budget: BudgetOptions {
                ratio: self.retry_ratio,
                floor: self.retries_per_second,
                window: self.retry_window,
            },
            rate,
            ramp: RampOptions {
                from: self.ramp_calls_per_second,
                over: self.ramp_for,
            },
            adaptive: AdaptiveOptions {
                min: self.adaptive_min,
                max: self.adaptive_max,
            },
            max_pause: self.max_pause,
            max_share: self.max_share,
        }
    }
}

/// Settings that contradict each other.
pub(super) fn check(supervision: &Supervision) -> Vec<Mistake> {
    let kinds = [
        ("model", &supervision.model),
        ("callback", &supervision.callback),
    ];
    let mut found = Vec::new();
    for (kind, guarding) in kinds {
        let at = KeyPath::of(&["supervision", kind]);
        found.extend(ordered(
            &at,
            ("breaker_open_for", guarding.breaker_open_for),
            ("breaker_max_open_for", guarding.breaker_max_open_for),
        ));
        let pairs = [
            (
                ("breaker_min_calls", guarding.breaker_min_calls),
                ("breaker_window_calls", guarding.breaker_window_calls),
            ),
            (
                ("adaptive_min", guarding.adaptive_min),
                ("adaptive_max", guarding.adaptive_max),
            ),
        ];
        for ((small_key, small), (large_key, large)) in pairs {
            if small > large {
                found.push(Mistake {
                    key: at.key(small_key),
                    other: Some(at.key(large_key)),
                    message: format!("{small_key} = {small} is more than {large_key} = {large}"),
                });
            }
        }
    }
    found
}
