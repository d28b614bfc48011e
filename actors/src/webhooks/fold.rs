//! From stored events to changes of the log: which messages there are, and how they stand.
//!
//! Deterministic: the same events in the order of their positions give the same changes, so the log
//! can be lost and made again.

use std::collections::{BTreeMap, HashMap};

use punchcard_events::delivery::{self, DeliveryEvent};
use punchcard_events::endpoint::{self, EndpointEvent, EndpointState, EventType};
use punchcard_events::{EndpointId, Recorded, TenantId, TicketId};

use super::stream::decode;
use crate::ports::{Change, Made};

/// The endpoints as of one position.
#[derive(Debug, Default)]
pub(super) struct Fold {
    endpoints: BTreeMap<EndpointId, EndpointState>,
    of_tenant: HashMap<TenantId, Vec<EndpointId>>,
}

impl Fold {
    /// Folds in one event, and adds what it changes.
    pub(super) fn take(&mut self, recorded: &Recorded, changes: &mut Vec<Change>) {
        if let Some(event_type) = EventType::of_ticket_event(&recorded.event.kind) {
            // A fork is nobody's business outside.
            if let Some(ticket) = recorded.stream.ticket()
                && !recorded.is_of_fork()
            {
                self.take_ticket(recorded, ticket, event_type, changes);
            }
        } else if let Some(id) = endpoint::of_stream(&recorded.stream) {
            self.take_endpoint(recorded, id, changes);
        } else if let Some(id) = delivery::of_stream(&recorded.stream) {
            take_delivery(recorded, id, changes);
        }
    }

    fn take_ticket(
        &self,
        recorded: &Recorded,
        ticket: TicketId,
        event_type: EventType,
        changes: &mut Vec<Change>,
    ) {
        let tenant = &recorded.event.tenant;
        let of_tenant = self.of_tenant.get(tenant).into_iter().flatten();
        let live = of_tenant.filter_map(|id| Some((*id, self.endpoints.get(id)?.live()?)));
        for (id, endpoint) in live.filter(|(_, endpoint)| endpoint.wants(event_type)) {
            let send = endpoint.disabled.is_none();
            let made = made(recorded, id, event_type, Some(ticket), send);
            changes.push(Change::Made(made));
        }
    }

    fn take_endpoint(&mut self, recorded: &Recorded, id: EndpointId, changes: &mut Vec<Change>) {
        // The book has told of one that cannot be read.
        let Ok(event) = decode(recorded) else {
            return;
        };
        let at = recorded.event.recorded_at;
        match &event {
            EndpointEvent::EndpointRegistered(new) => {
                let of_tenant = self.of_tenant.entry(new.tenant.clone()).or_default();
                if !of_tenant.contains(&id) {
                    of_tenant.push(id);
                }
            }
            EndpointEvent::EndpointRemoved(_) => {
                if let Some(of_tenant) = self.of_tenant.get_mut(&recorded.event.tenant) {
                    of_tenant.retain(|other| *other != id);
                    if of_tenant.is_empty() {
                        self.of_tenant.remove(&recorded.event.tenant);
                    }
                }
                changes.push(Change::Closed(id, at));
                // Its last event: nothing need be known of it any more.
                self.endpoints.remove(&id);
                return;
            }
            EndpointEvent::EndpointTested(_) => {
                let made = made(recorded, id, EventType::WebhookTest, None, true);
                changes.push(Change::Made(made));
            }
            EndpointEvent::DeliveriesResent(resent) => changes.push(Change::Resent {
                endpoint: id,
                which: resent.which,
                at,
            }),
            EndpointEvent::EndpointChanged(_)
            | EndpointEvent::SecretRotated(_)
            | EndpointEvent::EndpointDisabled(_)
            | EndpointEvent::EndpointEnabled(_) => {}
        }
        self.endpoints.entry(id).or_default().apply(&event);
    }
}

fn made(
    recorded: &Recorded,
    endpoint: EndpointId,
    event_type: EventType,
    ticket: Option<TicketId>,
    send: bool,
) -> Made {
    Made {
        id: delivery::id(recorded.event.id, endpoint),
        endpoint,
        tenant: recorded.event.tenant.clone(),
        event_type,
        ticket,
        revision: recorded.revision,
        position: recorded.position,
        at: recorded.event.recorded_at,
        send,
    }
}

fn take_delivery(recorded: &Recorded, id: punchcard_events::DeliveryId, changes: &mut Vec<Change>) {
    let event = &recorded.event;
    match DeliveryEvent::decode(&event.kind, event.schema_version, &event.data) {
        Ok(DeliveryEvent::DeliveryAttempted(attempted)) => {
            changes.push(Change::Attempted(id, attempted));
        }
        Ok(DeliveryEvent::DeliveryAbandoned(abandoned)) => {
            changes.push(Change::Abandoned(id, abandoned.at));
        }
        // The message then stands where it stood, and may be sent once more.
        Err(error) => tracing::error!(%error, "an attempt of a webhook is left out"),
    }
}
