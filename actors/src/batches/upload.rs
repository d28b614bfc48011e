//! One upload: lines become chunks, and chunks events, as they come in.

use punchcard_events::act::Author;
use punchcard_events::batch::{
    BatchLines, BatchLinesEvent, BatchState, Command, Discard, RefusedLine, RequestLine, Uploaded,
};
use punchcard_events::{BatchId, Revision, TenantId};

use super::{BatchError, Batches, append};
use crate::ports::ExpectedRevision;

/// A chunk is stored when it has so many bytes of lines, or so many lines.
const CHUNK_BYTES: usize = 256 * 1024;
const CHUNK_LINES: usize = 500;

/// An upload under way. Dropped before its end, it is given up: the batch is discarded.
pub struct Upload {
    batches: Batches,
    id: BatchId,
    tenant: TenantId,
    chunk: BatchLines,
    chunk_bytes: usize,
    /// The newest chunk that is stored.
    revision: Option<Revision>,
    uploaded: Uploaded,
    has_ended: bool,
}

impl Upload {
    pub(super) fn new(batches: Batches, id: BatchId, tenant: TenantId) -> Self {
        Self {
            batches,
            id,
            tenant,
            chunk: BatchLines::default(),
            chunk_bytes: 0,
            revision: None,
            uploaded: Uploaded::default(),
            has_ended: false,
        }
    }

    /// The batch.
    pub const fn id(&self) -> BatchId {
        self.id
    }

    /// How many lines came in.
    pub const fn lines(&self) -> u32 {
        self.uploaded.accepted + self.uploaded.rejected
    }

    /// Takes the next line, which had so many bytes.
    ///
    /// # Errors
    /// When the batch has as many lines as it may, or the store takes no events.
    pub async fn add(
        &mut self,
        line: Result<RequestLine, RefusedLine>,
        bytes: usize,
    ) -> Result<(), BatchError> {
        let most = self.batches.options().max_lines;
        if self.lines() >= most {
            return Err(BatchError::TooManyLines(most));
        }
        match line {
            Ok(accepted) => {
                self.uploaded.accepted += 1;
                self.chunk.accepted.push(accepted);
            }
            Err(rejected) => {
                self.uploaded.rejected += 1;
                self.chunk.rejected.push(rejected);
            }
        }
        self.chunk_bytes += bytes;
        let lines = self.chunk.accepted.len() + self.chunk.rejected.len();
        if self.chunk_bytes >= CHUNK_BYTES || lines >= CHUNK_LINES {
            self.store_chunk().await?;
        }
        Ok(())
    }

    /// Ends the upload, which had so many bytes and this SHA-256. From here on the batch runs, unless
    /// a bad line means that nothing does.
    ///
    /// # Errors
    /// When the store takes no events.
    pub async fn seal(
        mut self,
        bytes: u64,
        sha256: String,
        by: Author,
    ) -> Result<BatchState, BatchError> {
        self.store_chunk().await?;
        let uploaded = Uploaded {
            bytes,
            sha256,
            ..std::mem::take(&mut self.uploaded)
        };
        let act = self.batches.act(by);
        let seal = Command::Seal { uploaded, act };
        let state = self.batches.execute(self.id, seal).await?;
        self.end();
        self.batches.0.work.notify_one();
        Ok(state)
    }

    /// Gives the upload up.
    ///
    /// # Errors
    /// When the store takes no events; the batch is discarded later then.
    pub async fn discard(mut self, why: Discard, by: Author) -> Result<BatchState, BatchError> {
        let act = self.batches.act(by);
        let discard = Command::Discard { why, act };
        let state = self.batches.execute(self.id, discard).await?;
        self.end();
        Ok(state)
    }

    fn end(&mut self) {
        self.has_ended = true;
        self.batches.0.book.received(self.id, false);
    }

    async fn store_chunk(&mut self) -> Result<(), BatchError> {
        self.chunk_bytes = 0;
        let chunk = std::mem::take(&mut self.chunk);
        if chunk.accepted.is_empty() && chunk.rejected.is_empty() {
            return Ok(());
        }
        let event = BatchLinesEvent::BatchLines(chunk);
        let kind = (event.kind(), event.schema_version());
        let stored = self
            .batches
            .envelope(self.id, &self.tenant, kind, event.encode())?;
        let expected = match self.revision {
            None => ExpectedRevision::NoStream,
            Some(revision) => ExpectedRevision::Exact(revision),
        };
        let store = self.batches.0.store.as_ref();
        let landed = append(store, &self.id.lines_stream(), expected, stored).await?;
        self.revision = Some(landed);
        self.uploaded.chunks += 1;
        Ok(())
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if !self.has_ended {
            self.batches.0.book.received(self.id, true);
            self.batches.0.work.notify_one();
        }
    }
}
