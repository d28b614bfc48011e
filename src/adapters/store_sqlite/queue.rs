//! The way to the writer: a queue bounded by count, by bytes and by age.
//!
//! An append that waits too long is withdrawn, which only works as long as the writer has not begun
//! it: both sides reach for the same [`Claim`], and one of them gets it. So an answer of "nothing
//! was written" is never a guess. While a commit does not come back at all, new appends are refused
//! at once, since they would only pile up behind it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use punchcard_actors::ports::{AppendError, ExpectedRevision, ReadError};
use punchcard_events::{NewEvent, StreamName};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

use super::CLOSED;
use super::health::Board;
use super::ledger::{Answer, Append};
use super::options::Options;

/// What an event takes beside its body.
const EVENT_BYTES: usize = 512;

/// Where the answer to an index job goes: how many lines were made.
pub(super) type Made = oneshot::Sender<Result<u64, ReadError>>;

/// Work for the writer.
#[derive(Debug)]
pub(super) enum Job {
    /// Append.
    Append(Append, Place),
    /// Make the ticket list anew.
    Rebuild(Made),
    /// Make the damaged lines of the ticket list anew.
    Mend(Made),
}

/// A place in the queue, given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place {
    claim: Arc<Claim>,
    _count: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

impl Place {
    /// Whether the writer may begin: false when whoever asked has withdrawn.
    pub(super) fn claim(&self) -> bool {
        self.claim.take()
    }
}

/// Taken once: by the writer that begins an append, or by the caller that withdraws it.
#[derive(Debug, Default)]
struct Claim(AtomicBool);

impl Claim {
    fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

/// The callers' end of the queue.
#[derive(Debug)]
pub(super) struct Queue {
    /// Empty once closed.
    jobs: Mutex<Option<Sender<Job>>>,
    count: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    max_bytes: usize,
    queue_wait: Duration,
    append_wait: Duration,
    board: Arc<Board>,
}

impl Queue {
    /// Both ends of a queue.
    pub(super) fn new(options: &Options, board: Arc<Board>) -> (Self, Receiver<Job>) {
        let (jobs, queue) = channel();
        // A semaphore counts places in 32 bits.
        let max_bytes = options.append_bytes.clamp(1, u32::MAX as usize);
        let queue_of = Self {
            jobs: Mutex::new(Some(jobs)),
            count: Arc::new(Semaphore::new(options.append_queue)),
            bytes: Arc::new(Semaphore::new(max_bytes)),
            max_bytes,
            queue_wait: options.queue_wait,
            append_wait: options.append_wait,
            board,
        };
        (queue_of, queue)
    }

    /// Puts a job in; `None` once closed.
    pub(super) fn send(&self, job: Job) -> Option<()> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.as_ref()?.send(job).ok()
    }

    /// Takes nothing more.
    pub(super) fn close(&self) {
        let jobs = self
            .jobs
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(jobs);
    }

    /// Has the writer append, and waits for its answer.
    pub(super) async fn append(
        &self,
        stream: &StreamName,
        expected: ExpectedRevision,
        events: &[NewEvent],
    ) -> Answer {
        if let Some(stalled) = self.board.stalled_for() {
            let seconds = stalled.as_secs();
            return unavailable(format!("the disk has not answered for {seconds} s"));
        }
        let claim = Arc::new(Claim::default());
        let Ok(Some(place)) = timeout(self.queue_wait, self.place(events, &claim)).await else {
            return unavailable("too many appends are waiting".to_owned());
        };
        let (reply, answer) = oneshot::channel();
        let append = Append {
            stream: stream.clone(),
            expected,
            events: events.to_vec(),
            reply,
        };
        if self.send(Job::Append(append, place)).is_none() {
            return unavailable(CLOSED.to_owned());
        }
        match timeout(self.append_wait, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) if claim.take() => unavailable("the writer is gone".to_owned()),
            Ok(Err(_)) => unknown("the writer is gone"),
            Err(_) if claim.take() => unavailable("it waited too long for the disk".to_owned()),
            Err(_) => unknown("the disk has not answered in time"),
        }
    }

    async fn place(&self, events: &[NewEvent], claim: &Arc<Claim>) -> Option<Place> {
        let bytes = events.iter().map(|event| event.data.len() + EVENT_BYTES);
        let bytes = bytes.sum::<usize>().min(self.max_bytes);
        let count = Arc::clone(&self.count).acquire_owned().await.ok()?;
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let bytes = Arc::clone(&self.bytes).acquire_many_owned(bytes).await;
        Some(Place {
            claim: Arc::clone(claim),
            _count: count,
            _bytes: bytes.ok()?,
        })
    }
}

fn unavailable(reason: String) -> Answer {
    Err(AppendError::Unavailable(reason))
}

fn unknown(reason: &str) -> Answer {
    Err(AppendError::OutcomeUnknown(reason.to_owned()))
}
