//! Webhook messages: one event for one endpoint, and what became of each attempt to bring it there.
//!
//! One stream for each, `delivery-<uuid>`, which begins with the first attempt's *outcome*. The
//! intent that stands before it is durable already: the ticket's event and the endpoint's
//! registration make the message, its id included. So an attempt that a crash cuts off leaves no
//! trace but a message that is still due, and is made again under the same `webhook-id`.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::codec::stored;
use crate::endpoint::EventType;
use crate::ids::{DeliveryId, EndpointId, EventId, StreamName, TicketId};
use crate::recorded::Upcaster;
use crate::time::Timestamp;

/// The category of deliveries' streams.
pub const CATEGORY: &str = "delivery";

/// Every upcaster of delivery events ever needed. Empty while all types are at version 1.
const UPCASTERS: &[Upcaster] = &[];

stored!(
    DeliveryEvent,
    UPCASTERS,
    [DeliveryAttempted @ 1, DeliveryAbandoned @ 1]
);

/// One event of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeliveryEvent {
    /// The message was posted, or could not be.
    DeliveryAttempted(DeliveryAttempted),
    /// It waited for too long to be posted at all.
    DeliveryAbandoned(DeliveryAbandoned),
}

/// Body of `DeliveryAttempted`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryAttempted {
    /// To which endpoint.
    pub endpoint: EndpointId,
    /// What it tells of.
    pub event_type: EventType,
    /// The ticket that it tells of; absent for a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<TicketId>,
    /// The attempt's number, from 1, over all resendings.
    pub attempt: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The response's status, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What went wrong; absent where the receiver took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<DeliveryFailure>,
    /// What comes next.
    pub next: Next,
}

/// What went wrong with an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeliveryFailure {
    /// No connection, or it broke.
    Connection,
    /// No response in time.
    Timeout,
    /// The URL, or what its name resolves to, is an address that is never called.
    Forbidden,
    /// A status other than 2xx.
    Status,
    /// A 3xx: redirects are not followed.
    Redirect,
    /// 410: the receiver wants nothing any more.
    Gone,
    /// What is stored of the event cannot be read, so there is nothing to send.
    Unreadable,
}

impl DeliveryFailure {
    /// The name, as the log shows it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Timeout => "timeout",
            Self::Forbidden => "forbidden",
            Self::Status => "status",
            Self::Redirect => "redirect",
            Self::Gone => "gone",
            Self::Unreadable => "unreadable",
        }
    }

    /// The failure of that name.
    pub fn parse(name: &str) -> Option<Self> {
        [
            Self::Connection,
            Self::Timeout,
            Self::Forbidden,
            Self::Status,
            Self::Redirect,
            Self::Gone,
            Self::Unreadable,
        ]
        .into_iter()
        .find(|known| known.as_str() == name)
    }
}

/// What comes after an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "then", rename_all = "snake_case")]
pub enum Next {
    /// Nothing: the receiver took it.
    Done,
    /// Another attempt.
    Retry {
        /// Not before.
        at: Timestamp,
    },
    /// Nothing: the schedule is over.
    GivenUp,
}

/// Body of `DeliveryAbandoned`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryAbandoned {
    /// To which endpoint.
    pub endpoint: EndpointId,
    /// When.
    pub at: Timestamp,
}

/// The message that tells `endpoint` of the event `source`. The same each time, so that a message that
/// is made twice is one.
pub fn id(source: EventId, endpoint: EndpointId) -> DeliveryId {
    let mut hash = Sha256::new();
    hash.update(b"punchcard delivery\0");
    hash.update(source.0.as_bytes());
    hash.update(endpoint.0.as_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let mut bytes = [0_u8; 16];
    bytes.copy_from_slice(&digest[..16]);
    // RFC 9562, section 5.8: a UUID of one's own making.
    DeliveryId(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

/// The stream of a message's attempts.
pub fn stream(delivery: DeliveryId) -> StreamName {
    StreamName::of_uuid(CATEGORY, delivery.0)
}

/// The message whose stream this is, or `None` for another stream.
pub fn of_stream(stream: &StreamName) -> Option<DeliveryId> {
    stream.uuid_in(CATEGORY).map(DeliveryId)
}

/// `webhook-id`, the same over all attempts.
pub fn webhook_id(delivery: DeliveryId) -> String {
    format!("msg_{}", delivery.0.simple())
}

/// The message of a `webhook-id`.
pub fn of_webhook_id(text: &str) -> Option<DeliveryId> {
    let digits = text.strip_prefix("msg_").unwrap_or(text);
    Uuid::parse_str(digits).ok().map(DeliveryId)
}
