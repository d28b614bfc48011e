//! Webhooks: companies are told what became of their tickets.
//!
//! Three parts, which meet in two places, the event store and the log beside it:
//!
//! - the *desk* ([`Webhooks::execute`]) decides what people ask of endpoints, and appends it;
//! - the *follower* folds all events in the order of their positions into the log: an event of a
//!   ticket makes a message for each endpoint that wants it, an attempt moves it on. The log is a
//!   projection: it survives a kill by starting where its place stands, and its loss by being folded
//!   again;
//! - the *dispatcher* takes what is due from the log, posts it, and appends what became of it. It never
//!   writes the log itself.
//!
//! What is promised: each message is posted at least once, under an id that stays the same. An attempt
//! that a crash cuts off is made again. Nothing is promised about the order of messages.
//!
//! Not here: HTTP, signatures and which addresses may be called ([`WebhookSender`]).

mod attempt;
mod book;
mod desk;
mod dispatch;
mod error;
mod fold;
mod follow;
mod lanes;
mod schedule;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use punchcard_events::endpoint::{Endpoint, Resend};
use punchcard_events::{DeliveryId, EndpointId, Position, Recorded, TenantId, Timestamp};
use tokio::sync::{Mutex, Notify, watch};
use tokio::task::JoinHandle;

use crate::ports::{
    Clock, Delivery, DeliveryLog, Direction, EventStore, LogFilter, Standing, WebhookSender,
};
use crate::steady::SteadyClock;
use crate::tickets::Tickets;

pub use error::WebhookError;
pub use schedule::Schedule;

use book::Book;

/// The most attempts of one message that are shown.
const MOST_ATTEMPTS: usize = 200;

/// How webhooks work.
#[derive(Debug, Clone)]
pub struct WebhookOptions {
    /// When failed messages are sent again.
    pub schedule: Schedule,
    /// The most attempts of one endpoint at a time.
    pub per_endpoint: usize,
    /// The most of one tenant.
    pub per_tenant: usize,
    /// The most of all.
    pub in_all: usize,
    /// How long a message that ended stays in the log.
    pub keep: Duration,
}

impl Default for WebhookOptions {
    fn default() -> Self {
        Self {
            schedule: Schedule::default(),
            per_endpoint: 8,
            per_tenant: 32,
            in_all: 1_024,
            keep: Duration::from_secs(30 * 24 * 60 * 60),
        }
    }
}

/// What webhooks stand on.
pub struct WebhookParts {
    /// Where events are.
    pub store: Arc<dyn EventStore>,
    /// Where messages wait.
    pub log: Arc<dyn DeliveryLog>,
    /// Who posts them.
    pub sender: Arc<dyn WebhookSender>,
    /// Time and chance.
    pub clock: Arc<dyn Clock>,
    /// The tickets: one without a user is delivered by its message.
    pub tickets: Tickets,
}

/// The handle for everything that is done with endpoints. Cheap to clone.
#[derive(Clone)]
pub struct Webhooks {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<dyn EventStore>,
    log: Arc<dyn DeliveryLog>,
    sender: Arc<dyn WebhookSender>,
    clock: Arc<dyn Clock>,
    tickets: Tickets,
    options: WebhookOptions,
    /// Every endpoint as it is.
    book: Book,
    /// One registration at a time, so that a tenant's are counted.
    registering: Mutex<()>,
    /// How far the log is; `None` until it has caught up with the store for the first time.
    applied: watch::Sender<Option<Position>>,
    /// There may be something to send.
    wake: Notify,
}

/// The follower and the dispatcher; dropping it ends them. What is in flight is sent again later.
#[derive(Debug)]
#[must_use = "dropping it ends the dispatch"]
pub struct Dispatching(Vec<JoinHandle<()>>);

impl Drop for Dispatching {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

impl Webhooks {
    /// Reads all endpoints, and begins to follow and to send. To be called within a tokio runtime.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn start(
        parts: WebhookParts,
        options: WebhookOptions,
    ) -> Result<(Self, Dispatching), WebhookError> {
        let book = Book::default();
        book.load(parts.store.as_ref()).await?;
        let shared = Arc::new(Shared {
            store: parts.store,
            log: parts.log,
            sender: parts.sender,
            clock: Arc::new(SteadyClock::over(parts.clock)),
            tickets: parts.tickets,
            options,
            book,
            registering: Mutex::default(),
            applied: watch::Sender::new(None),
            wake: Notify::new(),
        });
        let tasks = vec![
            tokio::spawn(follow::run(Arc::clone(&shared))),
            tokio::spawn(dispatch::run(Arc::clone(&shared))),
        ];
        Ok((Self { shared }, Dispatching(tasks)))
    }

    /// The time, as the desk has it.
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// A tenant's endpoints, the first registered first.
    pub fn endpoints(&self, tenant: &TenantId) -> Vec<(EndpointId, Endpoint)> {
        self.shared.book.of_tenant(tenant)
    }

    /// One of them. Another tenant's is none.
    pub fn endpoint(&self, tenant: &TenantId, id: EndpointId) -> Option<Endpoint> {
        let endpoint = self.shared.book.get(id)?;
        (endpoint.tenant == *tenant).then_some(endpoint)
    }

    /// How an endpoint does.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn standing(&self, endpoint: EndpointId) -> Result<Standing, WebhookError> {
        Ok(self.shared.log.standing(endpoint).await?)
    }

    /// Messages of an endpoint, the newest first: up to `limit` that happened before `before`.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn deliveries(
        &self,
        endpoint: EndpointId,
        filter: LogFilter,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Delivery>, WebhookError> {
        let log = &self.shared.log;
        Ok(log.list(endpoint, filter, before, limit).await?)
    }

    /// One message of an endpoint.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn delivery(
        &self,
        endpoint: EndpointId,
        id: DeliveryId,
    ) -> Result<Option<Delivery>, WebhookError> {
        let found = self.shared.log.get(id).await?;
        Ok(found.filter(|delivery| delivery.made.endpoint == endpoint))
    }

    /// The attempts of a message, the newest first, as they were recorded.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn attempts(&self, id: DeliveryId) -> Result<Vec<Recorded>, WebhookError> {
        let stream = punchcard_events::delivery::stream(id);
        let store = &self.shared.store;
        let read = store.read_stream(&stream, None, Direction::Backwards, MOST_ATTEMPTS);
        Ok(read.await?)
    }

    /// How many messages a resending would send.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn count_resend(
        &self,
        endpoint: EndpointId,
        which: Resend,
    ) -> Result<u64, WebhookError> {
        let now = self.now();
        Ok(self.shared.log.count_resend(endpoint, which, now).await?)
    }
}

impl std::fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhooks").finish_non_exhaustive()
    }
}
