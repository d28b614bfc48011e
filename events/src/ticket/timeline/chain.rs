//! Where a ticket came from, and what it belongs to.

use serde::Serialize;
use uuid::Uuid;

use crate::ids::TicketId;
use crate::ticket::unfold::Happened;
use crate::ticket::{BatchLine, RedriveFrom, TicketEvent};
use crate::time::Timestamp;

/// Where a ticket came from, and what it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Chain {
    /// The W3C trace context of its request, which its calls carry on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traceparent: Option<String>,
    /// The issuer's key for its request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idempotency_key: Option<String>,
    /// The line of a batch that it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<BatchLine>,
    /// The ticket that it runs again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fork_of: Option<TicketId>,
    /// Whether the issuer brought messages of its own, as chat completions do.
    pub conversation: bool,
    /// Each time that it was opened again, in order.
    pub redrives: Vec<Redrive>,
}

/// A failed ticket was opened again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "RedriveLine"))]
pub struct Redrive {
    /// Who asked.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// The redrive of many that it was a part of, where it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redrive: Option<Uuid>,
    /// The step that it went on from; absent: the one that it failed in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<RedriveFrom>,
}

pub(super) fn of(past: &[Happened]) -> Chain {
    let mut chain = Chain::default();
    for happened in past {
        match &happened.event {
            TicketEvent::TicketRequested(request) => {
                chain.traceparent.clone_from(&request.traceparent);
                chain.idempotency_key = request.idempotency.as_ref().map(|own| own.key.clone());
                chain.batch = request.batch;
                chain.fork_of = request.fork.as_ref().map(|fork| fork.parent);
                chain.conversation = request.conversation.is_some();
            }
            TicketEvent::TicketRedriven(redriven) => chain.redrives.push(Redrive {
                by: redriven.by.clone(),
                at: happened.at,
                redrive: redriven.redrive,
                from: redriven.from,
            }),
            TicketEvent::TicketPreProcessed(_)
            | TicketEvent::TicketSent(_)
            | TicketEvent::AttemptFailed(_)
            | TicketEvent::TicketAnswered(_)
            | TicketEvent::CallbackFailed(_)
            | TicketEvent::TicketPersisted(_)
            | TicketEvent::TicketDelivered(_)
            | TicketEvent::TicketFailed(_)
            | TicketEvent::TicketCancelled(_) => {}
        }
    }
    chain
}
