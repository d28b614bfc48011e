//! The writer thread: takes everything that is queued, commits it at once, answers all.
//!
//! After a failure of any kind it closes the database, answers `Unavailable`, and opens the database
//! again with growing pauses: one try when something arrives after the pause, or when the pause ends
//! with nothing arriving, so that health comes back without work. An opening checks that everything
//! this process has acknowledged is there ([`start`](super::start)), and takes nothing where it is
//! not.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError};
use std::time::{Duration, Instant};

use punchcard_actors::ports::{AppendError, ReadError};

use super::category;
use super::failure::{Cause, Failure};
use super::health::{self, Board};
use super::ledger::{Answer, Append, BatchError, Ledger};
use super::lock::{self, OwnedDirectory};
use super::log_head::LogHead;
use super::options::Options;
use super::queue::{Job, Made, Place};
use super::subscription::Commits;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The writer thread's belongings.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) options: Options,
    pub(super) jobs: Receiver<Job>,
    pub(super) committed: Commits,
    pub(super) board: Arc<Board>,
    pub(super) state: State,
    /// Where the log stood when somebody was last told of a commit. It only ever moves on.
    pub(super) acknowledged: LogHead,
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
        failure: Failure,
        /// When it may be opened again.
        retry_at: Instant,
        /// The pause that ends then.
        pause: Duration,
    },
}

/// What comes next.
enum Next {
    Job(Job),
    /// Nothing came until something else was due.
    Due,
    Closed,
}

impl Writer {
    /// Works until every sender of jobs is gone and the queue is empty.
    pub(super) fn run(mut self) {
        let _closing = Closing(Arc::clone(&self.board));
        let mut held_over = None;
        loop {
            let next = held_over.take().map_or_else(|| self.wait(), Next::Job);
            self.board.at_disk();
            match next {
                Next::Job(Job::Append(append, place)) => {
                    let (batch, places, rest) = self.collect(append, place);
                    held_over = rest;
                    self.commit(batch);
                    drop(places);
                }
                Next::Job(Job::Rebuild(made)) => self.index(Ledger::rebuild_index, made),
                Next::Job(Job::Mend(made)) => self.index(Ledger::mend_index, made),
                Next::Due => self.tend(),
                Next::Closed => break,
            }
            self.board.back_from_disk();
        }
        if let State::Open(ledger) = &mut self.state
            && let Err(failure) = ledger.settle()
        {
            tracing::warn!(%failure, "the witness may lag behind a little");
        }
        // The database is closed before the directory is given up.
        drop(self.state);
        drop(self.directory);
    }

    fn wait(&self) -> Next {
        let due = match &self.state {
            State::Open(ledger) => ledger.tend_at(),
            State::Broken { retry_at, .. } => Some(*retry_at),
        };
        let job = match due {
            None => self.jobs.recv().map_err(|_| Next::Closed),
            Some(due) => {
                let pause = due.saturating_duration_since(Instant::now());
                self.jobs.recv_timeout(pause).map_err(|error| match error {
                    RecvTimeoutError::Timeout => Next::Due,
                    RecvTimeoutError::Disconnected => Next::Closed,
                })
            }
        };
        job.map_or_else(|next| next, Next::Job)
    }

    /// Takes what else is queued, up to the batch's limit or the first job of another kind. What was
    /// withdrawn is left out.
    fn collect(&self, first: Append, place: Place) -> (Vec<Append>, Vec<Place>, Option<Job>) {
        let (mut events, mut batch, mut places) = (0, Vec::new(), Vec::new());
        let mut take = |append: Append, place: Place| {
            if place.claim() {
                events += append.events.len();
                batch.push(append);
                places.push(place);
            }
            events
        };
        let mut taken = take(first, place);
        let mut rest = None;
        while taken < self.options.max_batch {
            match self.jobs.try_recv() {
                Ok(Job::Append(append, place)) => taken = take(append, place),
                Ok(other @ (Job::Rebuild(_) | Job::Mend(_))) => {
                    rest = Some(other);
                    break;
                }
                Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
            }
        }
        (batch, places, rest)
    }

    fn commit(&mut self, batch: Vec<Append>) {
        if batch.is_empty() {
            return;
        }
        let ledger = match self.ledger() {
            Ok(ledger) => ledger,
            Err(reason) => return refuse(batch, &AppendError::Unavailable(reason)),
        };
        match ledger.write(&batch) {
            Ok(answers) => {
                // What is committed is committed, also when the witness cannot be told.
                let witnessed = ledger.bear_witness();
                self.acknowledged = ledger.head();
                self.announce(&batch, &answers);
                for (append, answer) in batch.into_iter().zip(answers) {
                    // Whoever asked may have gone; what is stored stays stored.
                    drop(append.reply.send(answer));
                }
                match witnessed {
                    Ok(()) => self.tend(),
                    Err(failure) => drop(self.fail(failure)),
                }
            }
            Err(BatchError::NotWritten(failure)) => {
                let reason = self.fail(failure);
                refuse(batch, &AppendError::Unavailable(reason));
            }
            Err(BatchError::Unknown(failure)) => {
                let reason = self.fail(failure);
                refuse(batch, &AppendError::OutcomeUnknown(reason));
            }
        }
    }

    /// Counts a commit and wakes the subscriptions.
    fn announce(&self, batch: &[Append], answers: &[Answer]) {
        self.board.committed(batch.len());
        metrics::counter!("store_commits_total").increment(1);
        #[expect(
            clippy::cast_precision_loss,
            reason = "a batch has far below 2^52 appends"
        )]
        metrics::histogram!("store_commit_appends").record(batch.len() as f64);
        // A repeat of an older append has an older position, which is no news.
        let landed = batch.iter().zip(answers).filter_map(|(append, answer)| {
            let landed = answer.as_ref().ok()?;
            category::is_indexed(append.stream.as_str()).then_some(landed.position.0)
        });
        self.committed
            .tell(self.acknowledged.position, landed.max());
    }

    /// What is due beside the appends; opens the database again when that is.
    fn tend(&mut self) {
        let Ok(ledger) = self.ledger() else {
            return;
        };
        if let Err(failure) = ledger.tend() {
            drop(self.fail(failure));
        }
    }

    fn index(&mut self, make: impl FnOnce(&mut Ledger) -> rusqlite::Result<u64>, made: Made) {
        let result = match self.ledger() {
            Err(reason) => Err(ReadError::Unavailable(reason)),
            Ok(ledger) => match make(ledger) {
                Ok(lines) => Ok(lines),
                // Damage is no fault of the connection, and the rollback has left the old list.
                Err(error) if super::row::is_damage(&error) => {
                    Err(ReadError::Damaged(error.to_string()))
                }
                Err(error) => Err(ReadError::Unavailable(self.fail(error.into()))),
            },
        };
        // As above: nobody may be waiting any more.
        drop(made.send(result));
    }

    /// The open database; opens it again when that is due.
    fn ledger(&mut self) -> Result<&mut Ledger, String> {
        if let State::Broken {
            failure,
            retry_at,
            pause,
        } = &self.state
        {
            if Instant::now() < *retry_at {
                return Err(failure.to_string());
            }
            let (before, pause) = (failure.cause, (*pause * 2).min(LONGEST_PAUSE));
            match self.open_again() {
                Ok(ledger) => self.recovered(ledger),
                Err(failure) => self.still_failing(before, failure, pause),
            }
        }
        match &mut self.state {
            State::Open(ledger) => Ok(ledger),
            State::Broken { failure, .. } => Err(failure.to_string()),
        }
    }

    fn open_again(&self) -> Result<Ledger, Failure> {
        lock::prove_room(&self.options.data_dir)?;
        Ok(Ledger::open(&self.options, Some(&self.acknowledged))?)
    }

    fn recovered(&mut self, ledger: Ledger) {
        tracing::info!("the event store takes events again");
        // A commit of unknown outcome may turn out to be there.
        self.acknowledged = ledger.head();
        let last = self.acknowledged.position;
        self.committed.tell(last, Some(last));
        self.state = State::Open(Box::new(ledger));
        self.board.healed();
    }

    /// An opening failed; often it knows better than the failure before why.
    fn still_failing(&mut self, before: Cause, failure: Failure, pause: Duration) {
        if failure.cause == before {
            tracing::debug!(%failure, "the event store is still failing");
        } else {
            health::count(failure.cause);
            tracing::error!(%failure, "the event store cannot be opened again");
        }
        self.broken(failure, pause);
    }

    /// Closes the database after a failure, and gives the reason for those who waited on it.
    fn fail(&mut self, failure: Failure) -> String {
        tracing::error!(%failure, "the event store failed to write");
        health::count(failure.cause);
        let reason = failure.to_string();
        self.broken(failure, FIRST_PAUSE);
        reason
    }

    fn broken(&mut self, failure: Failure, pause: Duration) {
        self.board.failing(&failure);
        self.state = State::Broken {
            failure,
            retry_at: Instant::now() + pause,
            pause,
        };
    }
}

/// Tells that the writer is gone, also when it goes by a panic.
struct Closing(Arc<Board>);

impl Drop for Closing {
    fn drop(&mut self) {
        self.0.closed();
    }
}

fn refuse(batch: Vec<Append>, error: &AppendError) {
    for append in batch {
        // Whoever asked may have gone.
        drop(append.reply.send(Err(error.clone())));
    }
}
