//! How much may be in flight: for each endpoint, each tenant, and in all. Pure.
//!
//! One tenant's dead endpoint holds up nobody else's: an endpoint that fails again and again is tried
//! with one message at a time, and a tenant has a share of all attempts.

use std::collections::HashMap;

use punchcard_events::delivery::DeliveryFailure;
use punchcard_events::{DeliveryId, EndpointId, TenantId, Timestamp};

use crate::ports::Sent;

/// After so many failures in a row an endpoint is tried with one message at a time.
const FAILURES: u32 = 3;

/// The longest that one `Retry-After` holds up all messages of an endpoint, in milliseconds; its own
/// message waits for as long as it says.
const LONGEST_PAUSE_MS: u64 = 10 * 60 * 1_000;

/// The pause after "too many requests" or an overloaded gateway that did not say for how long.
const PAUSE_MS: u64 = 5_000;

/// The most attempts at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) per_endpoint: usize,
    pub(super) per_tenant: usize,
    pub(super) in_all: usize,
}

#[derive(Debug, Default)]
struct Lane {
    in_flight: usize,
    failures: u32,
    paused_until: Option<Timestamp>,
}

/// What is in flight.
#[derive(Debug)]
pub(super) struct Lanes {
    limits: Limits,
    lanes: HashMap<EndpointId, Lane>,
    tenants: HashMap<TenantId, usize>,
    messages: HashMap<DeliveryId, (EndpointId, TenantId)>,
}

impl Lanes {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            lanes: HashMap::new(),
            tenants: HashMap::new(),
            messages: HashMap::new(),
        }
    }

    /// How many more attempts an endpoint may have now.
    pub(super) fn room(&self, endpoint: EndpointId, tenant: &TenantId, now: Timestamp) -> usize {
        let of_tenant = self.of_tenant(tenant);
        let shared = (self.limits.in_all.saturating_sub(self.messages.len()))
            .min(self.limits.per_tenant.saturating_sub(of_tenant));
        let Some(lane) = self.lanes.get(&endpoint) else {
            return shared.min(self.limits.per_endpoint);
        };
        if lane.paused_until.is_some_and(|until| now < until) {
            return 0;
        }
        let own = match lane.failures {
            0..FAILURES => self.limits.per_endpoint,
            FAILURES.. => 1,
        };
        shared.min(own.saturating_sub(lane.in_flight))
    }

    /// Until when an endpoint is left alone.
    pub(super) fn paused_until(&self, endpoint: EndpointId) -> Option<Timestamp> {
        self.lanes.get(&endpoint)?.paused_until
    }

    /// How many attempts a tenant has.
    pub(super) fn of_tenant(&self, tenant: &TenantId) -> usize {
        self.tenants.get(tenant).copied().unwrap_or(0)
    }

    /// How many messages of an endpoint are in flight.
    pub(super) fn of_endpoint(&self, endpoint: EndpointId) -> usize {
        self.lanes.get(&endpoint).map_or(0, |lane| lane.in_flight)
    }

    /// Whether a message is in flight.
    pub(super) fn holds(&self, message: DeliveryId) -> bool {
        self.messages.contains_key(&message)
    }

    /// An attempt begins.
    pub(super) fn begin(&mut self, message: DeliveryId, endpoint: EndpointId, tenant: &TenantId) {
        let begun = self.messages.insert(message, (endpoint, tenant.clone()));
        if begun.is_none() {
            self.lanes.entry(endpoint).or_default().in_flight += 1;
            *self.tenants.entry(tenant.clone()).or_default() += 1;
        }
    }

    /// It ended; `sent` is what became of it, where it was made.
    pub(super) fn end(&mut self, message: DeliveryId, sent: Option<&Sent>, now: Timestamp) {
        let Some((endpoint, tenant)) = self.messages.remove(&message) else {
            return;
        };
        if let Some(count) = self.tenants.get_mut(&tenant) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.tenants.remove(&tenant);
            }
        }
        let lane = self.lanes.entry(endpoint).or_default();
        lane.in_flight = lane.in_flight.saturating_sub(1);
        if let Some(sent) = sent {
            lane.learn(sent, now);
        }
        if lane.is_plain(now) {
            self.lanes.remove(&endpoint);
        }
    }
}

impl Lane {
    fn learn(&mut self, sent: &Sent, now: Timestamp) {
        match sent.failure {
            None => self.failures = 0,
            Some(
                DeliveryFailure::Connection
                | DeliveryFailure::Timeout
                | DeliveryFailure::Forbidden
                | DeliveryFailure::Status
                | DeliveryFailure::Redirect
                | DeliveryFailure::Gone,
            ) => self.failures = self.failures.saturating_add(1),
            // Nothing was sent.
            Some(DeliveryFailure::Unreadable) => {}
        }
        // Those that the specification names as signs of load.
        let loaded = matches!(sent.status, Some(429 | 502 | 503 | 504));
        let asked = sent.retry_after_ms.map(|ms| ms.min(LONGEST_PAUSE_MS));
        if let Some(ms) = asked.or_else(|| loaded.then_some(PAUSE_MS)) {
            self.paused_until = Some(Timestamp::from_millis(now.as_millis().saturating_add(ms)));
        }
    }

    /// Whether nothing need be remembered of it.
    fn is_plain(&self, now: Timestamp) -> bool {
        self.in_flight == 0
            && self.failures == 0
            && self.paused_until.is_none_or(|until| until <= now)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_430_670_000);
    const LIMITS: Limits = Limits {
        per_endpoint: 2,
        per_tenant: 3,
        in_all: 4,
    };

    fn sent(status: u16, retry_after_ms: Option<u64>) -> Sent {
        Sent {
            status: Some(status),
            failure: (status >= 300).then_some(DeliveryFailure::Status),
            retry_after_ms,
            duration_ms: 1,
        }
    }

    fn tenant(name: &str) -> TenantId {
        TenantId::new(name).unwrap()
    }

    const fn endpoint(number: u128) -> EndpointId {
        EndpointId(Uuid::from_u128(number))
    }

    const fn message(number: u128) -> DeliveryId {
        DeliveryId(Uuid::from_u128(number))
    }

    #[test]
    fn an_endpoint_a_tenant_and_all_together_have_a_bound() {
        let mut lanes = Lanes::new(LIMITS);
        let (a, b) = (tenant("a"), tenant("b"));
        assert_eq!(lanes.room(endpoint(1), &a, NOW), 2);
        lanes.begin(message(1), endpoint(1), &a);
        lanes.begin(message(2), endpoint(1), &a);
        assert_eq!(lanes.room(endpoint(1), &a, NOW), 0, "the endpoint's");
        assert_eq!(lanes.room(endpoint(2), &a, NOW), 1, "the tenant's");
        lanes.begin(message(3), endpoint(2), &a);
        assert_eq!(lanes.room(endpoint(3), &a, NOW), 0);
        assert_eq!(lanes.room(endpoint(4), &b, NOW), 1, "that of all");
        lanes.end(message(1), Some(&sent(204, None)), NOW);
        assert_eq!(lanes.room(endpoint(1), &a, NOW), 1);
        assert!(!lanes.holds(message(1)) && lanes.holds(message(2)));
    }

    #[test]
    fn an_endpoint_that_fails_is_tried_one_by_one_until_it_succeeds() {
        let mut lanes = Lanes::new(LIMITS);
        let a = tenant("a");
        let mut attempt = |status: u16| {
            lanes.begin(message(1), endpoint(1), &a);
            lanes.end(message(1), Some(&sent(status, None)), NOW);
            lanes.room(endpoint(1), &a, NOW)
        };
        assert_eq!([attempt(500), attempt(500), attempt(500)], [2, 2, 1]);
        assert_eq!(attempt(200), 2);
    }

    #[test]
    fn retry_after_is_obeyed_within_bounds() {
        let mut lanes = Lanes::new(LIMITS);
        let a = tenant("a");
        lanes.begin(message(1), endpoint(1), &a);
        lanes.end(message(1), Some(&sent(429, Some(60_000))), NOW);
        let at = |ms: u64| Timestamp::from_millis(NOW.as_millis() + ms);
        assert_eq!(lanes.room(endpoint(1), &a, at(59_999)), 0);
        assert_eq!(lanes.room(endpoint(1), &a, at(60_000)), 2);
        lanes.begin(message(1), endpoint(1), &a);
        lanes.end(message(1), Some(&sent(503, Some(u64::MAX))), NOW);
        assert_eq!(lanes.room(endpoint(1), &a, at(LONGEST_PAUSE_MS)), 2);
    }

    #[test]
    fn nothing_is_left_of_what_went_well() {
        let mut lanes = Lanes::new(LIMITS);
        lanes.begin(message(1), endpoint(1), &tenant("a"));
        lanes.end(message(1), Some(&sent(204, None)), NOW);
        assert!(lanes.lanes.is_empty() && lanes.tenants.is_empty() && lanes.messages.is_empty());
    }
}
