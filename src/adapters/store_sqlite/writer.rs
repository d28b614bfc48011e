//! The writer thread: takes everything that is queued, commits it at once, answers all.
//!
//! After a failure it answers `Unavailable` and opens the database again, with growing pauses: one
//! try when something arrives after the pause, or when the pause ends with nothing arriving, so
//! that health comes back without work.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use punchcard_actors::ports::{AppendError, ReadError};
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};

use super::health::{Board, Health};
use super::ledger::{Append, BatchError, Ledger};
use super::lock::{self, OwnedDirectory};
use super::options::Options;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Work for the writer. The permit is the work's place in the queue.
#[derive(Debug)]
pub(super) enum Job {
    /// Append.
    Append(Append, OwnedSemaphorePermit),
    /// Make the ticket list anew and say how many tickets it holds.
    Rebuild(oneshot::Sender<Result<u64, ReadError>>),
}

/// The writer thread's belongings.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) options: Options,
    pub(super) jobs: Receiver<Job>,
    pub(super) committed: watch::Sender<u64>,
    pub(super) board: Arc<Board>,
    pub(super) state: State,
    /// Held until the last write is done.
    pub(super) directory: OwnedDirectory,
}

/// Whether there is an open database.
#[derive(Debug)]
pub(super) enum State {
    /// There is.
    Open(Box<Ledger>),
    /// It failed.
    Broken {
        /// What failed last.
        reason: String,
        /// When it may be opened again.
        retry_at: Instant,
        /// The pause that ends then.
        pause: Duration,
    },
}

/// What comes next.
enum Next {
    Job(Job),
    Retry,
    Closed,
}

impl Writer {
    /// Works until every sender of jobs is gone and the queue is empty.
    pub(super) fn run(mut self) {
        let _closing = Closing(Arc::clone(&self.board));
        let mut held_over = None;
        loop {
            let next = held_over.take().map_or_else(|| self.wait(), Next::Job);
            match next {
                Next::Job(Job::Append(append, permit)) => {
                    let (batch, permits, rest) = self.collect(append, permit);
                    held_over = rest;
                    self.commit(batch);
                    drop(permits);
                }
                Next::Job(Job::Rebuild(reply)) => self.rebuild(reply),
                Next::Retry => drop(self.ledger()),
                Next::Closed => break,
            }
        }
        // The database is closed before the directory is given up.
        drop(self.state);
        drop(self.directory);
    }

    fn wait(&self) -> Next {
        let job = match &self.state {
            State::Open(_) => self.jobs.recv().map_err(|_| Next::Closed),
            State::Broken { retry_at, .. } => {
                let pause = retry_at.saturating_duration_since(Instant::now());
                self.jobs.recv_timeout(pause).map_err(|error| match error {
                    RecvTimeoutError::Timeout => Next::Retry,
                    RecvTimeoutError::Disconnected => Next::Closed,
                })
            }
        };
        job.map_or_else(|next| next, Next::Job)
    }

    /// Takes what else is queued, up to the batch's limit or the first job of another kind.
    fn collect(
        &self,
        first: Append,
        permit: OwnedSemaphorePermit,
    ) -> (Vec<Append>, Vec<OwnedSemaphorePermit>, Option<Job>) {
        let mut events = first.events.len();
        let (mut batch, mut permits) = (vec![first], vec![permit]);
        while events < self.options.max_batch {
            match self.jobs.try_recv() {
                Ok(Job::Append(append, permit)) => {
                    events += append.events.len();
                    batch.push(append);
                    permits.push(permit);
                }
                Ok(other @ Job::Rebuild(_)) => return (batch, permits, Some(other)),
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        (batch, permits, None)
    }

    fn commit(&mut self, batch: Vec<Append>) {
        let ledger = match self.ledger() {
            Ok(ledger) => ledger,
            Err(reason) => return refuse(batch, &AppendError::Unavailable(reason)),
        };
        match ledger.write(&batch) {
            Ok(answers) => {
                let last = ledger.last_position().0;
                self.board.committed(batch.len());
                metrics::counter!("store_commits_total").increment(1);
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "a batch has far below 2^52 appends"
                )]
                metrics::histogram!("store_commit_appends").record(batch.len() as f64);
                self.committed.send_if_modified(|seen| {
                    let moved = *seen != last;
                    *seen = last;
                    moved
                });
                for (append, answer) in batch.into_iter().zip(answers) {
                    // Whoever asked may have gone; what is stored stays stored.
                    drop(append.reply.send(answer));
                }
            }
            Err(BatchError::NotWritten(error)) => {
                let reason = self.fail(&error);
                refuse(batch, &AppendError::Unavailable(reason));
            }
            Err(BatchError::Unknown(error)) => {
                let reason = self.fail(&error);
                refuse(batch, &AppendError::OutcomeUnknown(reason));
            }
        }
    }

    fn rebuild(&mut self, reply: oneshot::Sender<Result<u64, ReadError>>) {
        let rebuilt = match self.ledger() {
            Err(reason) => Err(ReadError::Unavailable(reason)),
            Ok(ledger) => match ledger.rebuild_index() {
                Ok(tickets) => Ok(tickets),
                // Damage is no fault of the connection, and the rollback has left the old list.
                Err(error) if super::row::is_damage(&error) => {
                    Err(ReadError::Damaged(error.to_string()))
                }
                Err(error) => Err(ReadError::Unavailable(self.fail(&error))),
            },
        };
        // As above: nobody may be waiting any more.
        drop(reply.send(rebuilt));
    }

    /// The open database; opens it again when that is due.
    fn ledger(&mut self) -> Result<&mut Ledger, String> {
        if let State::Broken {
            reason,
            retry_at,
            pause,
        } = &self.state
        {
            if Instant::now() < *retry_at {
                return Err(reason.clone());
            }
            let pause = (*pause * 2).min(LONGEST_PAUSE);
            let reopened = lock::prove_room(&self.options.data_dir);
            match reopened.and_then(|()| Ledger::open(&self.options)) {
                Ok(ledger) => self.recovered(ledger),
                Err(error) => {
                    tracing::debug!(%error, "the event store is still failing");
                    self.broken(error.to_string(), pause);
                }
            }
        }
        match &mut self.state {
            State::Open(ledger) => Ok(ledger),
            State::Broken { reason, .. } => Err(reason.clone()),
        }
    }

    fn recovered(&mut self, ledger: Ledger) {
        tracing::info!("the event store takes events again");
        self.board.reopened();
        self.board.set_health(Health::Healthy);
        // A commit of unknown outcome may turn out to be there.
        self.committed.send_replace(ledger.last_position().0);
        self.state = State::Open(Box::new(ledger));
    }

    /// Closes the database after a failure, and gives the reason for those who waited on it.
    fn fail(&mut self, error: &rusqlite::Error) -> String {
        let reason = error.to_string();
        tracing::error!(%error, "the event store failed to write");
        metrics::counter!("store_failures_total").increment(1);
        self.board.set_health(Health::Failing {
            since: Instant::now(),
            reason: reason.clone(),
        });
        self.broken(reason.clone(), FIRST_PAUSE);
        reason
    }

    fn broken(&mut self, reason: String, pause: Duration) {
        self.state = State::Broken {
            reason,
            retry_at: Instant::now() + pause,
            pause,
        };
    }
}

/// Tells that the writer is gone, also when it goes by a panic.
struct Closing(Arc<Board>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.set_health(Health::Closed);
    }
}

fn refuse(batch: Vec<Append>, error: &AppendError) {
    for append in batch {
        // Whoever asked may have gone.
        drop(append.reply.send(Err(error.clone())));
    }
}
