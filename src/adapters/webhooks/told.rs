//! What a webhook says, as `docs/webhooks.md` shows it: `{type, timestamp, data: {ticket}}`.
//!
//! Made of the ticket as its event left it, so that every attempt of a message has the same body.

use std::collections::BTreeMap;

use punchcard_actors::ports::{MessageContent, WebhookMessage};
use punchcard_events::ticket::{
    CancelMode, Channel, Failure, PromptRef, StateName, TicketState, Usage,
};
use punchcard_events::{EndpointId, LabelName, TaskName, TicketId, Timestamp, UserId};
use serde::Serialize;
use serde_json::Value;

#[derive(Serialize)]
struct Message<'a> {
    r#type: &'static str,
    timestamp: Timestamp,
    data: Data<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Data<'a> {
    Ticket(Box<Ticket<'a>>),
    Endpoint(EndpointId),
}

#[derive(Serialize)]
struct Ticket<'a> {
    id: TicketId,
    task: &'a TaskName,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<&'a LabelName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a UserId>,
    state: StateName,
    attempt: u32,
    revision: u64,
    metadata: &'a BTreeMap<String, String>,
    requested_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<&'a PromptRef>,
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    finish_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer_omitted: Option<Omitted>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<&'a Failure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled: Option<Cancelled<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered: Option<Delivered<'a>>,
}

/// An answer that is too long to be sent along.
#[derive(Serialize)]
struct Omitted {
    bytes: usize,
    url: String,
}

#[derive(Serialize)]
struct Cancelled<'a> {
    mode: CancelMode,
    by: &'a str,
}

#[derive(Serialize)]
struct Delivered<'a> {
    channel: Channel,
    acknowledged_by: &'a str,
}

/// The body of a message; an answer goes with it up to `max_answer_bytes` of JSON.
pub(super) fn body(
    message: &WebhookMessage,
    max_answer_bytes: usize,
) -> serde_json::Result<Vec<u8>> {
    let data = match &message.content {
        MessageContent::Test => Data::Endpoint(message.endpoint),
        MessageContent::Ticket {
            ticket,
            state,
            revision,
        } => match told(*ticket, state, revision.0, max_answer_bytes)? {
            Some(told) => Data::Ticket(Box::new(told)),
            // A ticket without a first event has no event to tell of.
            None => Data::Endpoint(message.endpoint),
        },
    };
    serde_json::to_vec(&Message {
        r#type: message.event_type.as_str(),
        timestamp: message.at,
        data,
    })
}

fn told(
    id: TicketId,
    state: &TicketState,
    revision: u64,
    max_answer_bytes: usize,
) -> serde_json::Result<Option<Ticket<'_>>> {
    let Some(request) = state.request() else {
        return Ok(None);
    };
    let answered = state.answered();
    let (answer, answer_omitted) = match state.final_answer() {
        None => (None, None),
        Some(answer) => match serde_json::to_vec(&answer)?.len() {
            bytes if bytes <= max_answer_bytes => (Some(Value::clone(&answer)), None),
            bytes => {
                let url = format!("/v1/tickets/{id}");
                (None, Some(Omitted { bytes, url }))
            }
        },
    };
    let mut ticket = Ticket {
        id,
        task: &request.task,
        label: request.label.as_ref(),
        user: request.user.as_ref(),
        state: state.name(),
        attempt: state.attempt(),
        revision,
        metadata: &request.metadata,
        requested_at: request.requested_at,
        prompt: state.prepared().map(|prepared| &prepared.prompt),
        model: state.model(),
        finish_reason: answered.map(|answered| answered.finish_reason.as_str()),
        usage: answered.and_then(|answered| answered.usage),
        answer,
        answer_omitted,
        failure: None,
        cancelled: None,
        delivered: None,
    };
    match state {
        TicketState::Failed(failed) => ticket.failure = Some(&failed.failure),
        TicketState::Cancelled(s) => {
            ticket.cancelled = Some(Cancelled {
                mode: s.cancelled.mode,
                by: &s.cancelled.by,
            });
        }
        TicketState::Delivered(s) => {
            ticket.delivered = Some(Delivered {
                channel: s.delivered.channel,
                acknowledged_by: &s.delivered.acknowledged_by,
            });
        }
        TicketState::Unrequested
        | TicketState::Requested(_)
        | TicketState::PreProcessed(_)
        | TicketState::Sent(_)
        | TicketState::Answered(_)
        | TicketState::Persisted(_) => {}
    }
    Ok(Some(ticket))
}
