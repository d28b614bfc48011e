//! A batch: many ticket requests that are uploaded together, one a line, and issued little by little.
//!
//! Its life is in the stream `batch-<uuid>`, which holds a handful of small events, so that all batches
//! can be read at a start. The lines are in a stream of their own, `batchlines-<uuid>`, a chunk an
//! event ([`BatchLines`]), followed by those that were refused when their turn came
//! ([`BatchLinesRefused`]): whoever needs them reads them a chunk at a time.
//!
//! Which tickets a batch has is stored nowhere: the ticket of a line has an id that follows from batch
//! and line ([`BatchId::ticket`]), so a line that is issued again is the same ticket.

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use crate::act::Act;
use crate::ids::{BatchId, StreamName, TicketId};

mod event;
mod lines;
mod state;

pub use event::{
    BatchBegun, BatchCancelled, BatchDiscarded, BatchEvent, BatchFinished, BatchMode, BatchSealed,
    Discard,
};
pub use lines::{BatchLines, BatchLinesEvent, BatchLinesRefused, RefusedLine, RequestLine};
pub use state::{BatchState, Illegal, Phase, Rejection, Uploaded, apply, decide};

/// The category of batches' own streams.
pub const BATCH_CATEGORY: &str = "batch";

/// The category of the streams of their lines.
pub const LINES_CATEGORY: &str = "batchlines";

/// The most lines of a batch: what a ticket's id has room for is twenty times as many.
pub const MAX_LINES: u32 = 50_000;

/// What is asked of a batch.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// An upload begins.
    Begin(BatchBegun),
    /// The upload is complete.
    Seal {
        /// What was uploaded.
        uploaded: Uploaded,
        /// When and by whom.
        act: Act,
    },
    /// It is not going to run.
    Discard {
        /// Why.
        why: Discard,
        /// When and by whom.
        act: Act,
    },
    /// No more of it is to run.
    Cancel {
        /// When and by whom.
        act: Act,
    },
    /// Nothing of it is left to do.
    Finish {
        /// How many of its lines were refused when their turn came.
        refused: u32,
        /// When and by whom.
        act: Act,
    },
}

impl BatchId {
    /// The stream of the batch's life.
    pub fn stream(self) -> StreamName {
        StreamName::of_uuid(BATCH_CATEGORY, self.0)
    }

    /// The stream of its lines.
    pub fn lines_stream(self) -> StreamName {
        StreamName::of_uuid(LINES_CATEGORY, self.0)
    }

    /// The batch whose life this stream is, or `None` for another stream.
    pub fn of_stream(stream: &StreamName) -> Option<Self> {
        let id = stream.as_str().strip_prefix(BATCH_CATEGORY)?;
        id.strip_prefix('-')?.parse().ok()
    }

    /// The ticket of line `line`: a UUID version 7 (RFC 9562) of the batch's own time, with the line in
    /// its upper random bits. So tickets are in the order of their lines, and those of a batch are
    /// together in any list that is in the order of ids.
    pub fn ticket(self, line: u32) -> TicketId {
        let mut hash = Sha256::new();
        hash.update(self.0.as_bytes());
        hash.update(line.to_be_bytes());
        let digest = hash.finalize();
        let mut random = [0; 8];
        random.copy_from_slice(&digest[..8]);
        self.id_with(line, u64::from_be_bytes(random))
    }

    /// The ids between which its tickets are, both included. Other tickets may be there, too: of one
    /// in 2^32 that were issued in the same millisecond.
    pub fn tickets(self) -> (TicketId, TicketId) {
        (self.id_with(0, 0), self.id_with(MAX_LINES, u64::MAX))
    }

    /// The line of a ticket between these.
    pub fn line_of(self, ticket: TicketId) -> Option<u32> {
        let bits = ticket.0.as_u128();
        let line = u32::try_from((bits >> 42) & 0xf_ffff).ok()?;
        (self.ticket(line) == ticket).then_some(line)
    }

    /// 48 bits of time, the version, 12 bits of 0, the variant, 20 bits of the line, 42 random ones.
    fn id_with(self, line: u32, random: u64) -> TicketId {
        let time = self.0.as_u128() >> 80 << 80;
        let line = u128::from(line & 0xf_ffff) << 42;
        let random = u128::from(random & 0x3ff_ffff_ffff);
        TicketId(Uuid::from_u128(
            time | 0x7 << 76 | 0b10 << 62 | line | random,
        ))
    }
}
