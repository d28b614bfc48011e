//! One of everything.

use punchcard_events::act::{Act, Author};
use punchcard_events::delivery::*;
use punchcard_events::endpoint::*;
use punchcard_events::{DeliveryId, EndpointId, TenantId, TicketId, Timestamp};
use uuid::Uuid;

pub(crate) const NOW: u64 = 1_795_430_670_000;

pub(crate) const fn at(after_ms: u64) -> Timestamp {
    Timestamp::from_millis(NOW + after_ms)
}

pub(crate) fn act() -> Act {
    Act {
        at: at(0),
        by: Author::Key {
            prefix: "pk_live_0aB1cD2e".to_owned(),
            name: Some("ada".to_owned()),
        },
    }
}

pub(crate) fn tenant() -> TenantId {
    TenantId::new("onehour").unwrap()
}

pub(crate) fn registered() -> EndpointEvent {
    EndpointEvent::EndpointRegistered(EndpointRegistered {
        tenant: tenant(),
        url: "https://hooks.example/h".to_owned(),
        event_types: [EventType::TicketPersisted, EventType::TicketFailed].into(),
        description: Some("ours".to_owned()),
        generation: 1,
        act: act(),
    })
}

pub(crate) fn disabled() -> EndpointEvent {
    EndpointEvent::EndpointDisabled(EndpointDisabled {
        reason: DisabledReason::Gone410,
        act: act(),
    })
}

pub(crate) fn removed() -> EndpointEvent {
    EndpointEvent::EndpointRemoved(EndpointRemoved { act: act() })
}

pub(crate) fn range() -> Resend {
    Resend::Range {
        from: at(0),
        until: at(1_000),
        acknowledged_too: false,
        limit: 100,
    }
}

/// Every event of an endpoint, with every field set.
pub(crate) fn endpoint_events() -> Vec<EndpointEvent> {
    vec![
        registered(),
        EndpointEvent::EndpointChanged(EndpointChanged {
            url: "https://hooks.example/other".to_owned(),
            event_types: EventType::ASKABLE.into(),
            description: Some("theirs".to_owned()),
            act: act(),
        }),
        EndpointEvent::SecretRotated(SecretRotated {
            generation: 2,
            until: at(3_600_000),
            act: act(),
        }),
        disabled(),
        EndpointEvent::EndpointEnabled(EndpointEnabled { act: act() }),
        EndpointEvent::EndpointTested(EndpointTested { act: act() }),
        EndpointEvent::DeliveriesResent(DeliveriesResent {
            which: range(),
            act: act(),
        }),
        removed(),
    ]
}

/// Every event of a message, with every field set.
pub(crate) fn delivery_events() -> Vec<DeliveryEvent> {
    let endpoint = EndpointId(Uuid::from_u128(7));
    vec![
        DeliveryEvent::DeliveryAttempted(DeliveryAttempted {
            endpoint,
            event_type: EventType::TicketPersisted,
            ticket: Some(TicketId(Uuid::from_u128(8))),
            attempt: 2,
            started_at: at(5_000),
            duration_ms: 120,
            status: Some(503),
            failure: Some(DeliveryFailure::Status),
            next: Next::Retry { at: at(305_000) },
        }),
        DeliveryEvent::DeliveryAbandoned(DeliveryAbandoned {
            endpoint,
            at: at(9_000),
        }),
    ]
}

/// Every command.
pub(crate) fn commands() -> Vec<(&'static str, Command)> {
    let act = act();
    vec![
        (
            "register",
            Command::Register {
                tenant: tenant(),
                url: "https://hooks.example/h".to_owned(),
                event_types: [EventType::TicketFailed].into(),
                description: None,
                act: act.clone(),
            },
        ),
        (
            "change",
            Command::Change {
                url: Some("https://hooks.example/new".to_owned()),
                event_types: None,
                description: None,
                act: act.clone(),
            },
        ),
        (
            "rotate",
            Command::RotateSecret {
                until: at(1_000),
                act: act.clone(),
            },
        ),
        (
            "disable",
            Command::Disable {
                reason: DisabledReason::ByAdmin,
                act: act.clone(),
            },
        ),
        ("enable", Command::Enable { act: act.clone() }),
        ("test", Command::Test { act: act.clone() }),
        (
            "resend",
            Command::Resend {
                which: Resend::One {
                    delivery: DeliveryId(Uuid::from_u128(9)),
                },
                act: act.clone(),
            },
        ),
        ("remove", Command::Remove { act }),
    ]
}
