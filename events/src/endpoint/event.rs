//! What can happen to an endpoint. These shapes are stored for ever.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::act::Act;
use crate::ids::{DeliveryId, TenantId};
use crate::time::Timestamp;

/// One event of an endpoint's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointEvent {
    /// A company asked to be told.
    EndpointRegistered(EndpointRegistered),
    /// It asked for something else.
    EndpointChanged(EndpointChanged),
    /// A new secret came; the one before holds on for a while.
    SecretRotated(SecretRotated),
    /// Nothing is sent for now.
    EndpointDisabled(EndpointDisabled),
    /// It is sent again.
    EndpointEnabled(EndpointEnabled),
    /// The endpoint is gone.
    EndpointRemoved(EndpointRemoved),
    /// A test message was asked for.
    EndpointTested(EndpointTested),
    /// Messages are to be sent again.
    DeliveriesResent(DeliveriesResent),
}

/// What an endpoint can be told of. The names are those of the messages' `type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum EventType {
    /// The model has answered; nothing is final yet.
    #[serde(rename = "ticket.answered")]
    TicketAnswered,
    /// The answer is safe and final.
    #[serde(rename = "ticket.persisted")]
    TicketPersisted,
    /// Somebody has taken the answer.
    #[serde(rename = "ticket.delivered")]
    TicketDelivered,
    /// The ticket has failed.
    #[serde(rename = "ticket.failed")]
    TicketFailed,
    /// The ticket was cancelled.
    #[serde(rename = "ticket.cancelled")]
    TicketCancelled,
    /// A test, sent on request and to whatever asks for nothing else.
    #[serde(rename = "webhook.test")]
    WebhookTest,
}

impl EventType {
    /// Those that an endpoint may ask for; the test comes by itself.
    pub const ASKABLE: [Self; 5] = [
        Self::TicketAnswered,
        Self::TicketPersisted,
        Self::TicketDelivered,
        Self::TicketFailed,
        Self::TicketCancelled,
    ];

    /// The name, as messages carry it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::TicketAnswered => "ticket.answered",
            Self::TicketPersisted => "ticket.persisted",
            Self::TicketDelivered => "ticket.delivered",
            Self::TicketFailed => "ticket.failed",
            Self::TicketCancelled => "ticket.cancelled",
            Self::WebhookTest => "webhook.test",
        }
    }

    /// The type of that name.
    pub fn parse(name: &str) -> Option<Self> {
        let all = Self::ASKABLE.into_iter().chain([Self::WebhookTest]);
        all.into_iter().find(|known| known.as_str() == name)
    }

    /// The type that tells of a stored ticket event of this kind; `None`: none does.
    pub fn of_ticket_event(kind: &str) -> Option<Self> {
        match kind {
            "TicketAnswered" => Some(Self::TicketAnswered),
            "TicketPersisted" => Some(Self::TicketPersisted),
            "TicketDelivered" => Some(Self::TicketDelivered),
            "TicketFailed" => Some(Self::TicketFailed),
            "TicketCancelled" => Some(Self::TicketCancelled),
            _ => None,
        }
    }
}

impl std::fmt::Display for EventType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Body of `EndpointRegistered`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointRegistered {
    /// Whose it is.
    pub tenant: TenantId,
    /// Where messages are posted.
    pub url: String,
    /// What it is told of; never empty.
    pub event_types: BTreeSet<EventType>,
    /// What it is for, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The generation of its secret: 1.
    pub generation: u32,
    /// When and by whom.
    pub act: Act,
}

/// Body of `EndpointChanged`: all of it, as it is now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointChanged {
    /// Where messages are posted.
    pub url: String,
    /// What it is told of; never empty.
    pub event_types: BTreeSet<EventType>,
    /// What it is for, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// When and by whom.
    pub act: Act,
}

/// Body of `SecretRotated`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecretRotated {
    /// The new secret's generation.
    pub generation: u32,
    /// Until when messages are signed with the one before, too.
    pub until: Timestamp,
    /// When and by whom.
    pub act: Act,
}

/// Why nothing is sent to an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DisabledReason {
    /// It answered 410: it wants nothing any more.
    #[serde(rename = "gone_410")]
    Gone410,
    /// Somebody asked for it.
    ByAdmin,
    /// A message failed over the whole schedule, and nothing succeeded meanwhile.
    Failing,
}

/// Body of `EndpointDisabled`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointDisabled {
    /// Why.
    pub reason: DisabledReason,
    /// When and by whom.
    pub act: Act,
}

/// Body of `EndpointEnabled`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointEnabled {
    /// When and by whom.
    pub act: Act,
}

/// Body of `EndpointRemoved`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointRemoved {
    /// When and by whom.
    pub act: Act,
}

/// Body of `EndpointTested`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointTested {
    /// When and by whom.
    pub act: Act,
}

/// Which messages are sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Resend {
    /// One, whatever became of it.
    One {
        /// Which.
        delivery: DeliveryId,
    },
    /// Those of events from `from` (inclusive) until `until` (exclusive) that were not taken.
    Range {
        /// The first time.
        from: Timestamp,
        /// The time after the last.
        until: Timestamp,
        /// Those that were taken, too.
        acknowledged_too: bool,
        /// At most so many, the oldest first.
        limit: u32,
    },
}

/// Body of `DeliveriesResent`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveriesResent {
    /// Which.
    pub which: Resend,
    /// When and by whom.
    pub act: Act,
}
