//! A redrive: many failed tickets opened again, chosen by a filter, a batch at a time.
//!
//! Its life is in the stream `redrive-<uuid>`. Which tickets a batch has is written down before the first
//! of them is opened ([`RedriveBatchBegun`]), and what became of them after the last
//! ([`RedriveBatchEnded`]). Batches go through the tickets in the order of their ids and never back, so
//! no ticket is in two of them; and a ticket's own history says whose redrive it was
//! ([`TicketRedriven::redrive`](crate::ticket::TicketRedriven::redrive)), so that one that stopped in the
//! middle of a batch goes on with the tickets that are left.
//!
//! What a single ticket does when it is opened again is in [`ticket`](crate::ticket).

use crate::act::Act;
use crate::ids::{StreamName, TicketId};
use uuid::Uuid;

mod event;
mod state;

pub use event::{
    Outcomes, RedriveBatchBegun, RedriveBatchEnded, RedriveEvent, RedriveFilter, RedriveFinished,
    RedriveStarted, RedriveStopped,
};
pub use state::{Illegal, Phase, RedriveState, Rejection, apply, decide};

/// The category of redrives' streams.
pub const REDRIVE_CATEGORY: &str = "redrive";

/// The most tickets that one redrive opens again.
pub const MAX_TICKETS: u64 = 100_000;

/// The most tickets of a batch.
pub const MAX_BATCH: usize = 50;

/// The most tickets that are opened again in a second.
pub const MAX_PER_SECOND: u32 = 500;

/// What is asked of a redrive.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// It begins.
    Start(RedriveStarted),
    /// These tickets are next: in the order of their ids, and after all before.
    BeginBatch {
        /// Which.
        tickets: Vec<TicketId>,
    },
    /// The tickets of the batch were gone through, as far as it came.
    EndBatch {
        /// What became of them.
        outcomes: Outcomes,
    },
    /// No more tickets are to be opened.
    Stop {
        /// When and by whom.
        act: Act,
    },
    /// No tickets are left.
    Finish {
        /// When and by whom.
        act: Act,
    },
}

/// The stream of a redrive's life.
pub fn stream(redrive: Uuid) -> StreamName {
    StreamName::of_uuid(REDRIVE_CATEGORY, redrive)
}

/// The redrive whose life this stream is, or `None` for another stream.
pub fn of_stream(stream: &StreamName) -> Option<Uuid> {
    stream.uuid_in(REDRIVE_CATEGORY)
}
