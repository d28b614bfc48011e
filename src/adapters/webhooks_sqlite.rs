//! The log of webhooks in a SQLite file of its own, `webhooks.sqlite` in the data directory.
//!
//! It is a projection of the event store, and holds nothing that the store does not: who deletes it
//! has it made again at the next start. So it is written without waiting for the disk; what a power
//! cut takes is folded in again from the place that is stored with it. A file that cannot be used is
//! put aside and begun anew.
//!
//! One thread owns the one connection.

mod changes;
mod queries;
mod resend;
mod schema;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use async_trait::async_trait;
use punchcard_actors::ports::{Change, Delivery, DeliveryLog, Head, LogError, LogFilter, Standing};
use punchcard_events::endpoint::Resend;
use punchcard_events::{DeliveryId, EndpointId, EventId, Position, Timestamp};
use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};

/// The file's name in the data directory.
const FILE: &str = "webhooks.sqlite";

/// Questions that are put to the thread at a time; more wait for their turn.
const QUEUE: usize = 256;

/// The bounds of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// The most messages of one endpoint that wait; more are skipped, and may be resent later.
    pub max_queued: u64,
    /// Messages per second at which a resending is spread out.
    pub resend_per_second: u32,
    /// How old an event may be to be sent again, in milliseconds.
    pub keep_ms: u64,
}

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The log.
#[derive(Debug)]
pub struct WebhookLog {
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    room: Arc<Semaphore>,
    thread: Mutex<Option<JoinHandle<()>>>,
    options: Options,
}

/// The log cannot be opened.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be used: {reason}")]
pub struct OpenError {
    path: PathBuf,
    reason: String,
}

impl WebhookLog {
    /// Opens or makes the file in `data_dir`.
    ///
    /// # Errors
    /// When it can neither be used nor made anew.
    pub fn open(data_dir: &Path, options: Options) -> Result<Self, OpenError> {
        let path = data_dir.join(FILE);
        let failed = |reason: String| OpenError {
            path: path.clone(),
            reason,
        };
        let open = || {
            schema::make_private(&path).map_err(|error| failed(error.to_string()))?;
            schema::open(&path).map_err(|error| failed(error.to_string()))
        };
        let mut conn = open().or_else(|error| {
            tracing::warn!(%error, "the log of webhooks is made again");
            schema::put_aside(&path).map_err(|error| failed(error.to_string()))?;
            open()
        })?;
        let (jobs, queue) = mpsc::channel::<Job>();
        let thread = std::thread::Builder::new()
            .name("webhook-log".to_owned())
            .spawn(move || {
                while let Ok(job) = queue.recv() {
                    job(&mut conn);
                }
            })
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self {
            jobs: Mutex::new(Some(jobs)),
            room: Arc::new(Semaphore::new(QUEUE)),
            thread: Mutex::new(Some(thread)),
            options,
        })
    }

    /// Ends the thread, once it has done what is asked by now.
    pub fn close(&self) {
        let jobs = self
            .jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(jobs);
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(thread) = thread {
            // A panic in there has been told already.
            drop(thread.join());
        }
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, LogError> {
        let closed = || LogError("it is closed".to_owned());
        let room = Arc::clone(&self.room).acquire_owned();
        let permit = room.await.map_err(|_| closed())?;
        let (reply, answer) = oneshot::channel();
        let job: Job = Box::new(move |conn| {
            let _permit = permit;
            drop(reply.send(work(conn)));
        });
        let jobs = self
            .jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let sent = jobs.ok_or_else(closed)?.send(job);
        sent.map_err(|_| closed())?;
        let answered = answer.await.map_err(|_| closed())?;
        answered.map_err(|error| LogError(error.to_string()))
    }
}

#[async_trait]
impl DeliveryLog for WebhookLog {
    async fn place(&self) -> Result<Option<(Position, EventId)>, LogError> {
        self.run(|conn| queries::place(conn)).await
    }

    async fn reset(&self) -> Result<(), LogError> {
        self.run(schema::reset).await
    }

    async fn apply(
        &self,
        changes: Vec<Change>,
        place: (Position, EventId),
    ) -> Result<(), LogError> {
        let options = self.options;
        self.run(move |conn| changes::apply(conn, &changes, place, &options))
            .await
    }

    async fn heads(&self) -> Result<Vec<Head>, LogError> {
        self.run(|conn| queries::heads(conn)).await
    }

    async fn due(
        &self,
        endpoint: EndpointId,
        now: Timestamp,
        limit: usize,
    ) -> Result<Vec<Delivery>, LogError> {
        self.run(move |conn| queries::due(conn, endpoint, now, limit))
            .await
    }

    async fn get(&self, delivery: DeliveryId) -> Result<Option<Delivery>, LogError> {
        self.run(move |conn| queries::get(conn, delivery)).await
    }

    async fn list(
        &self,
        endpoint: EndpointId,
        filter: LogFilter,
        before: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Delivery>, LogError> {
        self.run(move |conn| queries::list(conn, endpoint, filter, before, limit))
            .await
    }

    async fn count_resend(
        &self,
        endpoint: EndpointId,
        which: Resend,
        at: Timestamp,
    ) -> Result<u64, LogError> {
        let options = self.options;
        self.run(move |conn| resend::count(conn, endpoint, which, at, &options))
            .await
    }

    async fn standing(&self, endpoint: EndpointId) -> Result<Standing, LogError> {
        self.run(move |conn| queries::standing(conn, endpoint))
            .await
    }

    async fn prune(&self, before: Timestamp, limit: usize) -> Result<usize, LogError> {
        self.run(move |conn| changes::prune(conn, before, limit))
            .await
    }
}

#[cfg(test)]
mod tests;
