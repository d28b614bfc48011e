//! Batches: uploaded as lines, stored in chunks, and issued as tickets little by little.
//!
//! - [`Upload`] takes the lines of one batch as they come in. It holds one chunk of them.
//! - The book knows how every batch stands; it is read from their streams at the start, and no lines
//!   are in it.
//! - A feeder per running batch issues its lines in order, with a bounded number of tickets open, and
//!   gives way where the runtime refuses. It remembers nothing that the store does not have: the ticket
//!   of a line has an id that follows from batch and line, so after a crash the ticket list says
//!   how far it came, and what is issued again is the same ticket.
//! - [`Lines`] goes over a batch's lines with what became of each.
//!
//! How many of its tickets are in which state is counted in the ticket list, where they lie together.
//!
//! Not here: HTTP, the shape of a line, and tenancy: whoever hands a batch out compares its tenant. A
//! batch is fed by the node that took it, or that found it at its start; nodes do not hand over.

mod book;
mod error;
mod feeder;
mod lines;
mod supervisor;
mod upload;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use punchcard_events::act::{Act, Author};
use punchcard_events::batch::{self, BatchBegun, BatchMode, BatchState, Command};
use punchcard_events::ticket::StateName;
use punchcard_events::{BatchId, NewEvent, TaskName, TenantId};
use tokio::sync::Notify;

use book::{Book, Entry};
pub use error::BatchError;
pub(crate) use feeder::has_ended;
pub use lines::{LineEnd, Lines};
pub use supervisor::Feeding;
pub use upload::Upload;

use crate::ports::{AppendError, Clock, EventStore, ExpectedRevision, ReadError};
use crate::tenants::Directory;
use crate::tickets::Tickets;

/// How batches work.
#[derive(Debug, Clone)]
pub struct BatchOptions {
    /// The most tickets of one batch that are open at a time.
    pub window: NonZeroUsize,
    /// The most batches of a tenant that are open at a time.
    pub open_per_tenant: NonZeroUsize,
    /// The most lines of a batch; at most [`batch::MAX_LINES`].
    pub max_lines: u32,
    /// The most bytes of an upload.
    pub max_bytes: u64,
    /// The most bytes of a line.
    pub max_line_bytes: usize,
    /// How long an upload may take. One that has not ended then never does.
    pub upload_within: Duration,
}

impl Default for BatchOptions {
    fn default() -> Self {
        const MIB: u64 = 1024 * 1024;
        Self {
            window: NonZeroUsize::MIN.saturating_add(31),
            open_per_tenant: NonZeroUsize::MIN.saturating_add(9),
            max_lines: batch::MAX_LINES,
            max_bytes: 200 * MIB,
            max_line_bytes: 256 * 1024,
            upload_within: Duration::from_secs(10 * 60),
        }
    }
}

/// A handle on all batches. Cheap to clone; usable from any thread.
#[derive(Clone)]
pub struct Batches(Arc<Shared>);

struct Shared {
    store: Arc<dyn EventStore>,
    clock: Arc<dyn Clock>,
    tickets: Tickets,
    tenants: Directory,
    options: BatchOptions,
    book: Book,
    /// Told when a batch may need its feeder, or an upload was given up.
    work: Notify,
}

/// What is asked for with an upload.
#[derive(Debug, Clone)]
pub struct NewBatch {
    /// Whose it is.
    pub tenant: TenantId,
    /// What lines run that name no task.
    pub task: Option<TaskName>,
    /// What a bad line means.
    pub mode: BatchMode,
    /// The issuer's idempotency key.
    pub idempotency_key: Option<String>,
    /// Who asks.
    pub by: Author,
}

/// What the beginning of an upload came to.
pub enum Begun {
    /// A new batch.
    New(Box<Upload>),
    /// A batch of this key was uploaded before. It is the same one if its upload was.
    Earlier(BatchId),
}

/// A batch as it stands.
#[derive(Debug, Clone)]
pub struct BatchView {
    /// Its id.
    pub id: BatchId,
    /// The fold of its events.
    pub state: BatchState,
    /// How many of its tickets are in which state; states without any are left out.
    pub tickets: Vec<(StateName, u64)>,
    /// Lines that were refused when their turn came, as far as it is known now.
    pub refused: u32,
}

impl Batches {
    /// Reads all batches, and starts feeding those that run. Those of a suspended tenant wait. To be
    /// called within an actix system.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(
        store: Arc<dyn EventStore>,
        clock: Arc<dyn Clock>,
        tickets: Tickets,
        tenants: Directory,
        options: BatchOptions,
    ) -> Result<(Self, Feeding), ReadError> {
        let book = Book::read(store.as_ref()).await?;
        let batches = Self(Arc::new(Shared {
            store,
            clock,
            tickets,
            tenants,
            options,
            book,
            work: Notify::new(),
        }));
        let feeding = Feeding::start(batches.clone());
        Ok((batches, feeding))
    }

    /// The limits.
    pub fn options(&self) -> &BatchOptions {
        &self.0.options
    }

    /// Begins an upload.
    ///
    /// # Errors
    /// When the tenant has too many batches open, or the store takes no events.
    pub async fn begin(&self, new: NewBatch) -> Result<Begun, BatchError> {
        let id = BatchId(self.0.clock.id());
        let most = self.0.options.open_per_tenant.get();
        if let Some(earlier) = self.0.book.reserve(id, &new, most)? {
            return Ok(Begun::Earlier(earlier));
        }
        let begun = BatchBegun {
            act: self.act(new.by),
            tenant: new.tenant,
            task: new.task,
            mode: new.mode,
            idempotency_key: new.idempotency_key,
        };
        let tenant = begun.tenant.clone();
        let reserved = Reserved {
            book: Some(&self.0.book),
            id,
        };
        self.execute(id, Command::Begin(begun)).await?;
        reserved.keep();
        Ok(Begun::New(Box::new(Upload::new(self.clone(), id, tenant))))
    }

    /// A batch as it stands; `None` where there is none.
    ///
    /// # Errors
    /// When the ticket list cannot be read.
    pub async fn view(&self, id: BatchId) -> Result<Option<BatchView>, ReadError> {
        let Some(entry) = self.0.book.get(id) else {
            return Ok(None);
        };
        let tickets = self.counts(id, &entry.state).await?;
        let refused = match &entry.state.phase {
            batch::Phase::Finished(end) => end.refused,
            batch::Phase::Receiving
            | batch::Phase::Running
            | batch::Phase::Cancelling
            | batch::Phase::Discarded(_) => entry.refused,
        };
        Ok(Some(BatchView {
            id,
            state: entry.state,
            tickets,
            refused,
        }))
    }

    /// How a batch stands, without its tickets.
    pub fn state(&self, id: BatchId) -> Option<BatchState> {
        self.0.book.get(id).map(|entry| entry.state)
    }

    /// Up to `limit` of a tenant's batches, newest first, after `after`.
    pub fn list(
        &self,
        tenant: &TenantId,
        after: Option<BatchId>,
        limit: usize,
    ) -> Vec<(BatchId, BatchState)> {
        self.0.book.list(tenant, after, limit)
    }

    /// How many batches are open, of one tenant or of all.
    pub fn count_open(&self, tenant: Option<&TenantId>) -> usize {
        self.0.book.count_open(tenant)
    }

    /// Feeds no more of a batch, and ends its open tickets.
    ///
    /// # Errors
    /// When it does not run, or the store takes no events.
    pub async fn cancel(&self, id: BatchId, by: Author) -> Result<BatchState, BatchError> {
        let act = self.act(by);
        let state = self.execute(id, Command::Cancel { act }).await?;
        self.0.book.woken(id);
        self.0.work.notify_one();
        Ok(state)
    }

    /// The lines of a batch with what became of them; `None` where there is none, or its upload is
    /// not complete.
    pub fn lines(&self, id: BatchId) -> Option<Lines> {
        let entry = self.0.book.get(id)?;
        let sealed = entry.state.sealed?;
        Some(Lines::new(Arc::clone(&self.0.store), id, &sealed))
    }

    async fn counts(
        &self,
        id: BatchId,
        state: &BatchState,
    ) -> Result<Vec<(StateName, u64)>, ReadError> {
        if state.sealed.is_none() {
            return Ok(vec![]);
        }
        let (first, last) = id.tickets();
        let index = self.0.tickets.index();
        index.count_between(&state.begun.tenant, first, last).await
    }

    fn act(&self, by: Author) -> Act {
        Act {
            at: self.0.clock.now(),
            by,
        }
    }

    /// Decides `command` on the batch as it stands, makes that durable, and writes it into the book.
    async fn execute(&self, id: BatchId, command: Command) -> Result<BatchState, BatchError> {
        const TRIES: u32 = 4;
        for _ in 0..TRIES {
            let entry = self.0.book.get(id);
            let state = entry.as_ref().map(|entry| &entry.state);
            let events = batch::decide(state, command.clone())?;
            let Some(event) = events.first() else {
                return state
                    .cloned()
                    .ok_or_else(|| batch::Rejection::Unknown.into());
            };
            let after = batch::apply(state.cloned(), event)
                .map_err(|illegal| BatchError::Unavailable(illegal.to_string()))?;
            let expected = match &entry {
                None => ExpectedRevision::NoStream,
                Some(entry) => ExpectedRevision::Exact(entry.revision),
            };
            let stored = self.envelope(
                id,
                &after.begun.tenant,
                (event.kind(), event.schema_version()),
                event.encode(),
            )?;
            match append(self.0.store.as_ref(), &id.stream(), expected, stored).await {
                Ok(revision) => {
                    self.0.book.put(id, after.clone(), revision);
                    return Ok(after);
                }
                Err(AppendError::Conflict { .. }) => {
                    if let Some(Entry {
                        state, revision, ..
                    }) = book::load(self.0.store.as_ref(), id).await?
                    {
                        self.0.book.put(id, state, revision);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(BatchError::Unavailable(
            "others write to the batch all the time".to_owned(),
        ))
    }

    fn envelope(
        &self,
        id: BatchId,
        tenant: &TenantId,
        (kind, schema_version): (&'static str, u16),
        data: Result<String, serde_json::Error>,
    ) -> Result<NewEvent, BatchError> {
        Ok(NewEvent {
            id: punchcard_events::EventId(self.0.clock.id()),
            kind: kind.into(),
            schema_version,
            tenant: tenant.clone(),
            correlation_id: id.0,
            causation_id: None,
            recorded_at: self.0.clock.now(),
            data: data.map_err(|error| BatchError::Unavailable(error.to_string()))?,
        })
    }
}

/// The room of a batch that is about to begin. It is given back where that does not come about: the
/// store may refuse, and the request may be given up while it is asked.
struct Reserved<'a> {
    book: Option<&'a Book>,
    id: BatchId,
}

impl Reserved<'_> {
    fn keep(mut self) {
        self.book = None;
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        if let Some(book) = self.book {
            book.release(self.id);
        }
    }
}

/// Appends one event, and asks again where the store is away or does not say: the same id at the same
/// revision makes a repeat harmless.
async fn append(
    store: &dyn EventStore,
    stream: &punchcard_events::StreamName,
    expected: ExpectedRevision,
    event: NewEvent,
) -> Result<punchcard_events::Revision, AppendError> {
    const TRIES: u32 = 5;
    const RETRY: Duration = Duration::from_millis(300);
    let mut tries = 0;
    loop {
        match store
            .append(stream, expected, std::slice::from_ref(&event))
            .await
        {
            Ok(appended) => return Ok(appended.revision),
            Err(error @ AppendError::Conflict { .. }) => return Err(error),
            Err(error) if tries == TRIES => return Err(error),
            Err(AppendError::Unavailable(_) | AppendError::OutcomeUnknown(_)) => tries += 1,
        }
        tokio::time::sleep(RETRY * tries).await;
    }
}
