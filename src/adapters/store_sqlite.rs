//! The embedded event store: SQLite with group commit.
//!
//! One thread writes. It takes all appends that are queued, checks each by itself, commits them
//! with one sync of the disk and answers them all, so durability costs a sync per batch and not
//! per append. Readers have connections of their own and never wait for the writer. Every event
//! carries a link of its stream's hash chain, and the ticket list is kept in the same transaction.
//!
//! Beside the database lies a witness of where the log stood, so that lost events are found at the
//! start. Any failure to write stops the writer; it opens the database again by itself, and takes
//! appends once everything acknowledged is there.
//!
//! Nothing here is ordered by time: positions and revisions are.
//!
//! Deliberately not here: `synchronous=NORMAL` (it loses acknowledged events at a power cut),
//! retries (the caller knows what it owes), and any decision about tickets.

mod backup;
mod category;
mod chain;
mod connection;
mod failure;
mod file_alone;
mod gone;
mod heads;
mod health;
mod index;
mod ledger;
mod list;
mod lock;
mod log_head;
mod loss;
mod mending;
mod options;
mod places;
mod queue;
mod readers;
mod reads;
mod replay;
mod report;
mod row;
mod schema;
mod start;
mod stats;
mod subscription;
#[cfg(test)]
mod tests;
mod verify;
mod verify_log;
mod wal;
mod witness;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use punchcard_actors::ports::{
    AppendError, Appended, Direction, Due, EventStore, ExpectedRevision, FailureGroup, Order,
    Place, ReadError, StoreGauge, Subscription, TicketFilter, TicketIndex,
};
use punchcard_events::ticket::{StateName, TicketSummary};
use punchcard_events::{
    NewEvent, Position, Recorded, Revision, StreamName, TenantId, TicketId, Timestamp,
};
use tokio::sync::oneshot;

pub use backup::{BackupError, BackupMade, backup};
pub use failure::Cause;
pub use health::{Health, Written};
pub use loss::{Accepted, LossError, accept_loss};
pub use options::{Mismatch, OpenError, Options};
pub use replay::{ReplayError, Replayed, Scanned, replay, scan};
pub use report::{Finding, FindingKind, Report, WitnessSays};
pub use stats::{Stats, StatsError, rebuild_list, stats};
pub use verify::{verify, verify_with};

use category::Category;
use health::Board;
use ledger::Ledger;
use lock::OwnedDirectory;
use mending::Mending;
use queue::{Job, Made, Queue};
use readers::Readers;
use subscription::Committed;
use writer::{State, Writer};

/// The embedded event store. Clones share one store; it closes when the last one is dropped, or by
/// [`SqliteStore::close`].
#[derive(Debug, Clone)]
pub struct SqliteStore {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    data_dir: PathBuf,
    queue: Queue,
    committed: Committed,
    readers: Arc<Readers>,
    board: Arc<Board>,
    mending: Mending,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl SqliteStore {
    /// Opens the store in `options.data_dir`, making it where there is none.
    ///
    /// # Errors
    /// When another process has it, the directory or file cannot be used, or the file is not a
    /// store that this build can write durably. See [`OpenError`].
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let directory = OwnedDirectory::take(&options.data_dir)?;
        let ledger = Ledger::open(&options, None)?;
        let thread_failed = |source| OpenError::Directory {
            path: options.data_dir.clone(),
            source,
        };
        let readers = Readers::start(&options.database(), &options).map_err(thread_failed)?;
        let board = Arc::new(Board::new(options.stall_after));
        let (queue, jobs) = Queue::new(&options, Arc::clone(&board));
        let acknowledged = ledger.head();
        let (committed, followed) = subscription::commits(acknowledged.position);
        let writer = Writer {
            options: options.clone(),
            jobs,
            committed,
            board: Arc::clone(&board),
            acknowledged,
            state: State::Open(Box::new(ledger)),
            directory,
        };
        let writer = thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(thread_failed)?;
        Ok(Self {
            shared: Arc::new(Shared {
                data_dir: options.data_dir,
                queue,
                committed: followed,
                readers: Arc::new(readers),
                board,
                mending: Mending::default(),
                writer: Mutex::new(Some(writer)),
            }),
        })
    }

    /// Takes no more, finishes what is queued, and gives the directory free. Blocks until then;
    /// closing twice is harmless.
    pub fn close(&self) {
        self.shared.close();
    }

    /// Where the store is: what [`verify`], [`stats`] and [`backup`] are called with.
    pub fn data_dir(&self) -> &Path {
        &self.shared.data_dir
    }

    /// Whether the store takes events now.
    pub fn health(&self) -> Health {
        self.shared.board.health()
    }

    /// Whether an append may succeed now.
    pub fn is_accepting(&self) -> bool {
        self.health() == Health::Healthy
    }

    /// What the writer did since the store was opened.
    pub fn written(&self) -> Written {
        self.shared.board.written()
    }

    /// How often the list was looked through for damaged lines.
    #[cfg(test)]
    fn looked_through(&self) -> u64 {
        self.shared.mending.turns()
    }

    /// Makes the ticket list anew from the events. Appends wait meanwhile. Returns how many
    /// tickets it holds.
    ///
    /// # Errors
    /// When an event cannot be read; the list is then as it was.
    pub async fn rebuild_index(&self) -> Result<u64, ReadError> {
        self.index(Job::Rebuild).await
    }

    /// Has the writer work on the ticket list.
    async fn index(&self, job: impl FnOnce(Made) -> Job) -> Result<u64, ReadError> {
        let (made, answer) = oneshot::channel();
        let closed = || ReadError::Unavailable(CLOSED.to_owned());
        self.shared.queue.send(job(made)).ok_or_else(closed)?;
        answer.await.map_err(|_| closed())?
    }

    async fn page(
        &self,
        filter: &TicketFilter,
        order: Order,
        after: Option<TicketId>,
        limit: usize,
    ) -> Result<Vec<TicketSummary>, ReadError> {
        let filter = filter.clone();
        let read = move |conn: &_| list::page(conn, &filter, order, after, limit);
        self.shared.readers.run(read).await
    }
}

const CLOSED: &str = "the event store is closed";

/// How long a check, count or backup waits for another process's lock.
const BUSY: Duration = Duration::from_secs(5);

impl Shared {
    fn close(&self) {
        // The last connection to close folds the log into the database and removes it, which one
        // that cannot write is not able to: so the readers go first.
        self.readers.close();
        self.queue.close();
        let writer = self
            .writer
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        if let Some(writer) = writer {
            // A writer that panicked has already let everybody go.
            drop(writer.join());
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.close();
    }
}

#[async_trait]
impl EventStore for SqliteStore {
    async fn append(
        &self,
        stream: &StreamName,
        expected: ExpectedRevision,
        events: &[NewEvent],
    ) -> Result<Appended, AppendError> {
        self.shared.queue.append(stream, expected, events).await
    }

    async fn read_stream(
        &self,
        stream: &StreamName,
        from: Option<Revision>,
        direction: Direction,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        let stream = stream.clone();
        let read = move |conn: &_| reads::stream(conn, &stream, from, direction, limit);
        self.shared.readers.run(read).await
    }

    async fn read_all(
        &self,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        let read = move |conn: &_| reads::all(conn, after, limit);
        self.shared.readers.run(read).await
    }

    fn subscribe(&self, after: Option<Position>) -> Subscription {
        let readers = Arc::clone(&self.shared.readers);
        subscription::follow(readers, &self.shared.committed, None, after)
    }

    async fn read_category(
        &self,
        category: &str,
        after: Option<Position>,
        limit: usize,
    ) -> Result<Vec<Recorded>, ReadError> {
        let category = Category::new(category);
        let read = move |conn: &_| reads::category(conn, &category, after, limit);
        self.shared.readers.run(read).await
    }

    fn subscribe_category(&self, category: &str, after: Option<Position>) -> Subscription {
        let (readers, category) = (Arc::clone(&self.shared.readers), Category::new(category));
        subscription::follow(readers, &self.shared.committed, Some(category), after)
    }

    async fn next_place(
        &self,
        category: Option<&str>,
        after: Option<Position>,
    ) -> Result<Option<Place>, ReadError> {
        let category = category.map(Category::new);
        let read = move |conn: &_| places::next(conn, category.as_ref(), after);
        self.shared.readers.run(read).await
    }
}

#[async_trait]
impl TicketIndex for SqliteStore {
    async fn list(
        &self,
        filter: &TicketFilter,
        order: Order,
        after: Option<TicketId>,
        limit: usize,
    ) -> Result<Vec<TicketSummary>, ReadError> {
        match self.page(filter, order, after, limit).await {
            // A damaged line is not served. The events it was made from have it all.
            Err(ReadError::Damaged(reason)) => {
                let Some(turn) = self.shared.mending.turn(Instant::now()) else {
                    return Err(ReadError::Damaged(reason));
                };
                let mended = self.index(Job::Mend).await?;
                drop(turn);
                metrics::counter!("store_lines_mended_total").increment(mended);
                tracing::error!(reason, mended, "the ticket list was damaged and is mended");
                self.page(filter, order, after, limit).await
            }
            page => page,
        }
    }

    async fn count_by_state(&self) -> Result<Vec<(StateName, u64)>, ReadError> {
        self.shared.readers.run(list::count_by_state).await
    }

    async fn count_open(&self) -> Result<Vec<(TenantId, StateName, u64)>, ReadError> {
        self.shared.readers.run(list::count_open).await
    }

    async fn count_between(
        &self,
        tenant: &TenantId,
        first: TicketId,
        last: TicketId,
    ) -> Result<Vec<(StateName, u64)>, ReadError> {
        let tenant = tenant.clone();
        let read = move |conn: &_| list::count_between(conn, &tenant, first, last);
        self.shared.readers.run(read).await
    }

    async fn failures(&self, filter: &TicketFilter) -> Result<Vec<FailureGroup>, ReadError> {
        let filter = filter.clone();
        let read = move |conn: &_| list::failures(conn, &filter);
        self.shared.readers.run(read).await
    }

    async fn due(
        &self,
        after: Option<Due>,
        until: Timestamp,
        limit: usize,
    ) -> Result<Vec<Due>, ReadError> {
        let read = move |conn: &_| list::due(conn, after, until, limit);
        self.shared.readers.run(read).await
    }

    async fn count_scheduled(&self, now: Timestamp) -> Result<Vec<(TenantId, u64)>, ReadError> {
        let read = move |conn: &_| list::count_scheduled(conn, now);
        self.shared.readers.run(read).await
    }
}

#[async_trait]
impl StoreGauge for SqliteStore {
    fn position(&self) -> Position {
        Position(self.shared.committed.position())
    }

    async fn size_bytes(&self) -> Option<u64> {
        let database = lock::database_at(self.data_dir());
        let sizes = tokio::task::spawn_blocking(move || {
            let bytes = |path: &Path| std::fs::metadata(path).map_or(0, |meta| meta.len());
            bytes(&database) + bytes(&wal::beside(&database))
        });
        sizes.await.ok()
    }
}
