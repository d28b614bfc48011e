//! Webhooks: what carries a message, and the file beside the store in which messages wait.

use std::sync::Arc;

use async_trait::async_trait;
use punchcard_events::delivery::{DeliveryAttempted, DeliveryFailure};
use punchcard_events::endpoint::{EventType, Resend};
use punchcard_events::ticket::TicketState;
use punchcard_events::{
    DeliveryId, EndpointId, EventId, Position, Revision, TenantId, TicketId, Timestamp,
};

use super::store::ReadError;

/// Posts messages to endpoints.
#[async_trait]
pub trait WebhookSender: Send + Sync + 'static {
    /// Posts one message, once.
    async fn send(&self, message: WebhookMessage) -> Sent;
}

/// A message as it is posted.
#[derive(Debug, Clone)]
pub struct WebhookMessage {
    /// Its id, the same over all attempts.
    pub delivery: DeliveryId,
    /// Where to.
    pub endpoint: EndpointId,
    /// The endpoint's URL.
    pub url: String,
    /// The generations of the endpoint's secrets to sign with, the newest first.
    pub generations: Vec<u32>,
    /// What it tells of.
    pub event_type: EventType,
    /// When that happened.
    pub at: Timestamp,
    /// What it says.
    pub content: MessageContent,
}

/// What a message says.
#[derive(Debug, Clone)]
pub enum MessageContent {
    /// A ticket, as the event left it: the same over all attempts.
    Ticket {
        /// Which.
        ticket: TicketId,
        /// As of the event.
        state: Arc<TicketState>,
        /// The event's place in the ticket's stream.
        revision: Revision,
    },
    /// Nothing: it is a test.
    Test,
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// The response's status, where there was one.
    pub status: Option<u16>,
    /// What went wrong; `None`: the receiver took it.
    pub failure: Option<DeliveryFailure>,
    /// How long the receiver asks to be left alone, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
}

/// The messages, open and past: a projection of the streams, in a file of its own. It may be lost at
/// any time and is then made again from the store. It is never asked for truth.
#[async_trait]
pub trait DeliveryLog: Send + Sync + 'static {
    /// The event up to which it was made; `None`: it is empty.
    async fn place(&self) -> Result<Option<(Position, EventId)>, LogError>;

    /// Empties it.
    async fn reset(&self) -> Result<(), LogError>;

    /// Takes in changes, all or none, and the place they lead to.
    async fn apply(&self, changes: Vec<Change>, place: (Position, EventId))
    -> Result<(), LogError>;

    /// Every endpoint that has open messages, with the time of the first that is due.
    async fn heads(&self) -> Result<Vec<Head>, LogError>;

    /// Up to `limit` open messages of an endpoint that are due at `now`, the one due longest first.
    async fn due(
        &self,
        endpoint: EndpointId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, LogError>;

    /// One message.
    async fn get(&self, delivery: DeliveryId) -> Result<Option<Delivery>, LogError>;

    /// Up to `limit` messages of an endpoint, the newest first, that happened before position
    /// `before`.
    async fn list(
        &self,
        endpoint: EndpointId,
        filter: LogFilter,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Delivery>, LogError>;

    /// How many messages a resending would send.
    async fn count_resend(
        &self,
        endpoint: EndpointId,
        which: Resend,
        at: Timestamp,
    ) -> Result<u64, LogError>;

    /// How an endpoint does.
    async fn standing(&self, endpoint: EndpointId) -> Result<Standing, LogError>;

    /// Forgets messages that ended before `before`; up to `limit`, and says how many.
    async fn prune(&self, before: Timestamp, limit: usize) -> Result<usize, LogError>;
}

/// Which messages to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LogFilter {
    /// Only in this state.
    pub state: Option<DeliveryState>,
}

/// What changes in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// There is a message to be sent, or one that is not sent but may be later. One that is there
    /// already stays as it is.
    Made(Made),
    /// An attempt ended.
    Attempted(DeliveryId, DeliveryAttempted),
    /// A message is given up unsent.
    Abandoned(DeliveryId, Timestamp),
    /// Messages are to be sent again, from this time on and paced.
    Resent {
        /// Whose.
        endpoint: EndpointId,
        /// Which.
        which: Resend,
        /// When that was asked for.
        at: Timestamp,
    },
    /// An endpoint is gone, and its open messages with it.
    Closed(EndpointId, Timestamp),
}

/// A message that came to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its id.
    pub id: DeliveryId,
    /// For whom.
    pub endpoint: EndpointId,
    /// Whose endpoint that is.
    pub tenant: TenantId,
    /// What it tells of.
    pub event_type: EventType,
    /// The ticket; `None` for a test.
    pub ticket: Option<TicketId>,
    /// The event's place in its stream.
    pub revision: Revision,
    /// The event's place in the store.
    pub position: Position,
    /// When it happened.
    pub at: Timestamp,
    /// Whether it is to be sent; not while the endpoint is disabled.
    pub send: bool,
}

/// How a message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DeliveryState {
    /// To be sent, or sent again.
    Queued,
    /// The receiver took it.
    Acknowledged,
    /// The schedule is over.
    GivenUp,
    /// It was never sent: its endpoint was disabled, or had too many waiting.
    Skipped,
    /// Its endpoint is gone.
    Cancelled,
}

impl DeliveryState {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Queued,
        Self::Acknowledged,
        Self::GivenUp,
        Self::Skipped,
        Self::Cancelled,
    ];

    /// The name, as the API shows it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Acknowledged => "acknowledged",
            Self::GivenUp => "given_up",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

/// A message as the log has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Where it came from.
    pub made: Made,
    /// How it stands.
    pub state: DeliveryState,
    /// When it is due, while it is queued.
    pub due: Option<Timestamp>,
    /// Since when it waits, or waited: its event's time, or that of the last resending.
    pub queued_at: Timestamp,
    /// Attempts in all.
    pub attempts: u32,
    /// Attempts since it was last resent: its place in the schedule.
    pub round: u32,
    /// How many events its stream has.
    pub revisions: u64,
    /// The last attempt.
    pub last: Option<LastAttempt>,
}

/// The last attempt of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastAttempt {
    /// When it began.
    pub at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// The response's status, where there was one.
    pub status: Option<u16>,
    /// What went wrong, if anything.
    pub failure: Option<DeliveryFailure>,
}

/// An endpoint with open messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Which.
    pub endpoint: EndpointId,
    /// When its first message is due.
    pub due: Timestamp,
}

/// How an endpoint does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// Messages that wait.
    pub queued: u64,
    /// When it last took one.
    pub last_success: Option<Timestamp>,
    /// When it last did not.
    pub last_failure: Option<Timestamp>,
}

/// The log does not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log of webhooks does not answer: {0}")]
pub struct LogError(pub String);

impl From<LogError> for ReadError {
    fn from(error: LogError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
