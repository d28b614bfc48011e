//! What is sent to the tenants' APIs, as `docs/callbacks.md` shows it.
//!
//! A function of the ticket as it was called for, so that whoever looks at a past call sees what was
//! sent although nobody stored it: [`sent`].

use std::collections::BTreeMap;

use punchcard_actors::ports::{PostProcessCall, PreProcessCall};
use punchcard_events::ticket::{CallbackKind, Conversation, PromptRef, TicketState, Usage};
use punchcard_events::{TaskName, TicketId, Timestamp, UserId};
use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

#[derive(Serialize)]
struct Message<D> {
    r#type: &'static str,
    timestamp: Timestamp,
    data: D,
}

#[derive(Serialize)]
struct PreProcess<'a> {
    ticket: TicketId,
    task: &'a TaskName,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a UserId>,
    metadata: &'a BTreeMap<String, String>,
    requested_at: Timestamp,
    input: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<&'a Conversation>,
}

#[derive(Serialize)]
struct PostProcess<'a> {
    ticket: TicketId,
    task: &'a TaskName,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a UserId>,
    metadata: &'a BTreeMap<String, String>,
    requested_at: Timestamp,
    input: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<&'a Conversation>,
    answer: &'a Value,
    finish_reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    prompt: &'a PromptRef,
    model: &'a str,
    attempt: u32,
}

/// The body of a pre-process call, made at `now`.
pub(crate) fn pre_process(call: &PreProcessCall, now: Timestamp) -> serde_json::Result<Vec<u8>> {
    let request = &call.request;
    serde_json::to_vec(&Message {
        r#type: "ticket.pre_process",
        timestamp: now,
        data: PreProcess {
            ticket: call.ticket,
            task: &request.task,
            user: request.user.as_ref(),
            metadata: &request.metadata,
            requested_at: request.requested_at,
            input: &request.input,
            conversation: request.conversation.as_deref(),
        },
    })
}

/// The body of a post-process call, made at `now`. `input` is what the issuer sent: it is what the
/// receiver knows the request by, also where its pre-process hook put something larger in its place.
pub(crate) fn post_process(call: &PostProcessCall, now: Timestamp) -> serde_json::Result<Vec<u8>> {
    let request = &call.request;
    serde_json::to_vec(&Message {
        r#type: "ticket.post_process",
        timestamp: now,
        data: PostProcess {
            ticket: call.ticket,
            task: &request.task,
            user: request.user.as_ref(),
            metadata: &request.metadata,
            requested_at: request.requested_at,
            input: &request.input,
            conversation: request.conversation.as_deref(),
            answer: &call.answer,
            finish_reason: &call.answered.finish_reason,
            usage: call.answered.usage,
            prompt: &call.prepared.prompt,
            model: &call.model,
            attempt: call.answered.attempt,
        },
    })
}

/// The id of the message: the same over all tries of one callback of one ticket. One that a redrive has
/// prepared anew may get another answer, and a receiver that drops repeats must not drop that: its calls
/// have ids of their own, `…_2` after the first such redrive.
pub(crate) fn message_id(ticket: TicketId, kind: CallbackKind, prepared_again: u32) -> String {
    let kind = kind.as_str();
    match prepared_again {
        0 => format!("msg_{ticket}_{kind}"),
        again => format!("msg_{ticket}_{kind}_{}", u64::from(again) + 1),
    }
}

/// The id of the call that a ticket in this state owes.
pub(crate) fn id_of_call(ticket: TicketId, kind: CallbackKind, called_for: &TicketState) -> String {
    let again = match called_for {
        TicketState::Requested(state) => state.prepared_again,
        TicketState::Answered(state) => state.prepared_again,
        TicketState::Unrequested
        | TicketState::PreProcessed(_)
        | TicketState::Sent(_)
        | TicketState::Persisted(_)
        | TicketState::Delivered(_)
        | TicketState::Failed(_)
        | TicketState::Cancelled(_) => 0,
    };
    message_id(ticket, kind, again)
}

/// The body of the call that was made at `at` for a ticket in this state; `None` where such a ticket
/// owes no call. Only the time within it may be some milliseconds off.
pub(crate) fn sent(
    ticket: TicketId,
    called_for: &TicketState,
    at: Timestamp,
) -> Option<Box<RawValue>> {
    let body = match called_for {
        TicketState::Requested(state) => pre_process(&PreProcessCall::of(ticket, state), at),
        TicketState::Answered(state) => post_process(&PostProcessCall::of(ticket, state), at),
        TicketState::Unrequested
        | TicketState::PreProcessed(_)
        | TicketState::Sent(_)
        | TicketState::Persisted(_)
        | TicketState::Delivered(_)
        | TicketState::Failed(_)
        | TicketState::Cancelled(_) => return None,
    };
    let text = String::from_utf8(body.ok()?).ok()?;
    RawValue::from_string(text).ok()
}
