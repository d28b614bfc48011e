//! Endpoints and messages as the API shows them.

use std::collections::BTreeSet;

use punchcard_actors::ports::{Delivery, LastAttempt, Standing};
use punchcard_events::act::Author;
use punchcard_events::delivery::{DeliveryFailure, webhook_id};
use punchcard_events::endpoint::{DisabledReason, Endpoint, EventType};
use punchcard_events::{EndpointId, TicketId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;

/// One endpoint.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct EndpointView {
    id: EndpointId,
    url: String,
    event_types: BTreeSet<EventType>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    enabled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled: Option<DisabledView>,
    secret_generation: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_secret_until: Option<Timestamp>,
    created_at: Timestamp,
    changed_at: Timestamp,
    queued: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_success_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_failure_at: Option<Timestamp>,
    /// Only where it has just been made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) secret: Option<String>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct DisabledView {
    reason: DisabledReason,
    at: Timestamp,
    by: String,
}

impl EndpointView {
    pub(super) fn of(
        id: EndpointId,
        endpoint: Endpoint,
        standing: Standing,
        now: Timestamp,
    ) -> Self {
        Self {
            id,
            url: endpoint.url,
            event_types: endpoint.event_types,
            description: endpoint.description,
            enabled: endpoint.disabled.is_none(),
            disabled: endpoint.disabled.map(|(reason, act)| DisabledView {
                reason,
                at: act.at,
                by: by(act.by),
            }),
            secret_generation: endpoint.generation,
            previous_secret_until: endpoint.previous_until.filter(|until| now < *until),
            created_at: endpoint.registered.at,
            changed_at: endpoint.changed.at,
            queued: standing.queued,
            last_success_at: standing.last_success,
            last_failure_at: standing.last_failure,
            secret: None,
        }
    }
}

/// Who did something, in a word.
fn by(author: Author) -> String {
    match author {
        Author::Key { prefix, name } => name.unwrap_or(prefix),
        Author::Configuration => "the configuration".to_owned(),
        Author::Runtime => "punchcard".to_owned(),
    }
}

/// All endpoints of a tenant.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct EndpointList {
    pub(super) endpoints: Vec<EndpointView>,
}

/// A page of the delivery log.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DeliveryPage {
    pub(super) deliveries: Vec<DeliveryView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<String>,
}

/// One message.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DeliveryView {
    id: String,
    endpoint: EndpointId,
    #[serde(rename = "type")]
    event_type: EventType,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<TicketId>,
    event_at: Timestamp,
    state: &'static str,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_attempt: Option<LastAttemptView>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct LastAttemptView {
    at: Timestamp,
    duration_ms: u64,
    response: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<DeliveryFailure>,
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        let made = delivery.made;
        Self {
            id: webhook_id(made.id),
            endpoint: made.endpoint,
            event_type: made.event_type,
            ticket: made.ticket,
            event_at: made.at,
            state: delivery.state.as_str(),
            attempts: delivery.attempts,
            next_attempt_at: delivery.due,
            last_attempt: delivery.last.map(LastAttemptView::from),
        }
    }
}

impl From<LastAttempt> for LastAttemptView {
    fn from(last: LastAttempt) -> Self {
        Self {
            at: last.at,
            duration_ms: last.duration_ms,
            response: class(last.status),
            status: last.status,
            failure: last.failure,
        }
    }
}

/// One message with its attempts, the newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DeliveryDetail {
    #[serde(flatten)]
    pub(super) delivery: DeliveryView,
    pub(super) log: Vec<AttemptView>,
}

/// One attempt.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct AttemptView {
    pub(super) attempt: u32,
    pub(super) at: Timestamp,
    pub(super) duration_ms: u64,
    pub(super) request: RequestView,
    pub(super) response: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) failure: Option<DeliveryFailure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_attempt_at: Option<Timestamp>,
}

/// The headers that told one attempt from others. The signature is not kept.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) struct RequestView {
    pub(super) content_type: &'static str,
    pub(super) webhook_id: String,
    pub(super) webhook_timestamp: u64,
}

/// The class of a response.
pub(super) const fn class(status: Option<u16>) -> &'static str {
    match status {
        None => "none",
        Some(100..=199) => "1xx",
        Some(200..=299) => "2xx",
        Some(300..=399) => "3xx",
        Some(400..=499) => "4xx",
        Some(_) => "5xx",
    }
}

/// An endpoint that is gone.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct RemovedView {
    pub(super) id: EndpointId,
    pub(super) removed: bool,
}

/// A test that was asked for.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TestSent {
    #[serde(rename = "type")]
    pub(super) event_type: EventType,
    /// Where what becomes of it is shown.
    pub(super) log: String,
}

/// The secrets that messages are signed with now, the newest first.
#[derive(Serialize, JsonSchema)]
pub(super) struct SecretsView {
    pub(super) secrets: Vec<SecretView>,
}

/// One of them.
#[derive(Serialize, JsonSchema)]
pub(super) struct SecretView {
    pub(super) generation: u32,
    pub(super) secret: String,
    /// Until when it holds, where it is the one before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) until: Option<Timestamp>,
}

/// How many messages are sent again, or would be.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ResendView {
    pub(super) messages: u64,
    pub(super) dry_run: bool,
}
