//! What the guards tell: gauges, a counter and a log line per change of a breaker.

use super::GateStatus;
use super::breaker::BreakerState;

/// What kind of place is guarded; it names the metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A model: `llm_…{model}`.
    Model,
    /// A tenant's API: `callback_…{tenant}`.
    Callback,
}

/// The names of one kind's metrics.
struct Names {
    label: &'static str,
    in_flight: &'static str,
    waiting: &'static str,
    tokens_waiting: Option<&'static str>,
    tenants_waiting: Option<&'static str>,
    paced: Option<&'static str>,
    oldest: &'static str,
    limit: &'static str,
    paused: &'static str,
    breaker: &'static str,
    transitions: &'static str,
    calls: &'static str,
    retries: &'static str,
}

impl Kind {
    const fn names(self) -> &'static Names {
        match self {
            Self::Model => &Names {
                label: "model",
                in_flight: "llm_calls_in_flight",
                waiting: "llm_calls_waiting",
                tokens_waiting: Some("llm_tokens_waiting"),
                tenants_waiting: Some("llm_tenants_waiting"),
                paced: Some("llm_calls_paced"),
                oldest: "llm_oldest_wait_seconds",
                limit: "llm_concurrency_limit",
                paused: "llm_paused",
                breaker: "llm_breaker_state",
                transitions: "llm_breaker_transitions_total",
                calls: "llm_calls_total",
                retries: "llm_retries_total",
            },
            Self::Callback => &Names {
                label: "tenant",
                in_flight: "callback_calls_in_flight",
                waiting: "callback_calls_waiting",
                // One tenant per place, every call counts one, and nothing paces them.
                tokens_waiting: None,
                tenants_waiting: None,
                paced: None,
                oldest: "callback_oldest_wait_seconds",
                limit: "callback_concurrency_limit",
                paused: "callback_paused",
                breaker: "callback_breaker_state",
                transitions: "callback_breaker_transitions_total",
                calls: "callback_calls_total",
                retries: "callback_retries_total",
            },
        }
    }
}

/// Sets the metrics of every place of a kind.
#[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
pub(crate) fn observe(kind: Kind, places: &[GateStatus]) {
    let names = kind.names();
    for place in places {
        let gauges = [
            (names.in_flight, place.in_use as f64),
            (names.waiting, place.waiting as f64),
            (names.oldest, place.oldest_wait.as_secs_f64()),
            (names.limit, place.limit as f64),
            (
                names.paused,
                f64::from(u8::from(place.paused_for.is_some())),
            ),
            (names.breaker, f64::from(place.breaker.as_number())),
        ];
        let more = [
            (names.tokens_waiting, place.tokens_waiting as f64),
            (names.tenants_waiting, place.tenants_waiting as f64),
            (names.paced, place.paced as f64),
        ];
        let more = more
            .into_iter()
            .filter_map(|(name, value)| Some((name?, value)));
        for (name, value) in gauges.into_iter().chain(more) {
            metrics::gauge!(name, names.label => place.name.clone()).set(value);
        }
        for (name, value) in [(names.calls, place.calls), (names.retries, place.retries)] {
            metrics::counter!(name, names.label => place.name.clone()).absolute(value);
        }
    }
}

/// Tells that a place's breaker changed.
pub(super) fn tell_transition(kind: Kind, place: &str, from: BreakerState, to: BreakerState) {
    let names = kind.names();
    let label = names.label;
    metrics::counter!(names.transitions, label => place.to_owned(), "to" => to.as_str())
        .increment(1);
    metrics::gauge!(names.breaker, label => place.to_owned()).set(f64::from(to.as_number()));
    let (from, to_word) = (from.as_str(), to.as_str());
    match to {
        BreakerState::Open => {
            tracing::warn!(
                place,
                label,
                from,
                to = to_word,
                "the place fails; its tickets wait"
            );
        }
        BreakerState::HalfOpen | BreakerState::Closed => {
            tracing::info!(
                place,
                label,
                from,
                to = to_word,
                "the place's breaker changed"
            );
        }
    }
}
