//! Going over a batch's lines, a chunk at a time.

use std::sync::Arc;

use punchcard_events::batch::{BatchLinesEvent, BatchSealed, RefusedLine, RequestLine};
use punchcard_events::{BatchId, Recorded, Revision};

use crate::ports::{Direction, EventStore, ReadError};

/// What became of a line.
#[derive(Debug, Clone, PartialEq)]
pub enum LineEnd {
    /// It runs, has run or will run: its ticket says more, once there is one.
    Runs(Box<RequestLine>),
    /// It does not.
    Refused(RefusedLine),
}

/// A walk over a batch's lines in their order. It holds one chunk, and one event of refusals.
pub struct Lines {
    store: Arc<dyn EventStore>,
    batch: BatchId,
    chunks: u64,
    next_chunk: u64,
    refusals: Refusals,
}

/// A walk over the lines that were refused when their turn came. They are in their order, too.
struct Refusals {
    /// Where the next event of them is.
    next: Revision,
    read: std::collections::VecDeque<RefusedLine>,
    has_ended: bool,
}

impl Lines {
    pub(super) fn new(store: Arc<dyn EventStore>, batch: BatchId, sealed: &BatchSealed) -> Self {
        Self {
            store,
            batch,
            chunks: sealed.chunks,
            next_chunk: 0,
            refusals: Refusals {
                next: Revision(sealed.chunks),
                read: std::collections::VecDeque::new(),
                has_ended: false,
            },
        }
    }

    /// The next lines; `None` after the last.
    ///
    /// # Errors
    /// When the store cannot be read, or what is stored is damaged.
    pub async fn next(&mut self) -> Result<Option<Vec<LineEnd>>, ReadError> {
        if self.next_chunk >= self.chunks {
            return Ok(None);
        }
        let event = event(self.store.as_ref(), self.batch, Revision(self.next_chunk)).await?;
        let Some(BatchLinesEvent::BatchLines(chunk)) = event else {
            let reason = format!("chunk {} of batch {}", self.next_chunk, self.batch);
            return Err(ReadError::Damaged(reason));
        };
        self.next_chunk += 1;
        let mut ends = Vec::with_capacity(chunk.accepted.len() + chunk.rejected.len());
        let mut rejected = chunk.rejected.into_iter().peekable();
        for accepted in chunk.accepted {
            while let Some(bad) = rejected.next_if(|bad| bad.line < accepted.line) {
                ends.push(LineEnd::Refused(bad));
            }
            ends.push(match self.refusal_of(accepted.line).await? {
                Some(refused) => LineEnd::Refused(refused),
                None => LineEnd::Runs(Box::new(accepted)),
            });
        }
        ends.extend(rejected.map(LineEnd::Refused));
        Ok(Some(ends))
    }

    async fn refusal_of(&mut self, line: u32) -> Result<Option<RefusedLine>, ReadError> {
        loop {
            let refusals = &mut self.refusals;
            while refusals.read.front().is_some_and(|next| next.line < line) {
                refusals.read.pop_front();
            }
            match refusals.read.front() {
                Some(next) if next.line == line => return Ok(refusals.read.pop_front()),
                Some(_) => return Ok(None),
                None if refusals.has_ended => return Ok(None),
                None => {}
            }
            match event(self.store.as_ref(), self.batch, refusals.next).await? {
                Some(BatchLinesEvent::BatchLinesRefused(more)) => {
                    refusals.next = refusals.next.next();
                    refusals.read.extend(more.lines);
                }
                Some(BatchLinesEvent::BatchLines(_)) | None => refusals.has_ended = true,
            }
        }
    }
}

/// The event of a batch's lines at `revision`, if there is one.
pub(super) async fn event(
    store: &dyn EventStore,
    batch: BatchId,
    revision: Revision,
) -> Result<Option<BatchLinesEvent>, ReadError> {
    let stream = batch.lines_stream();
    let read = store.read_stream(&stream, Some(revision), Direction::Forwards, 1);
    read.await?.first().map(decoded).transpose()
}

/// Reads a stored event of lines.
pub(super) fn decoded(recorded: &Recorded) -> Result<BatchLinesEvent, ReadError> {
    let event = &recorded.event;
    BatchLinesEvent::decode(&event.kind, event.schema_version, &event.data)
        .map_err(|error| ReadError::Damaged(format!("{}: {error}", recorded.stream)))
}
