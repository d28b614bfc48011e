//! How news of a ticket reaches whoever watches it: sessions, SSE streams and waiting requests.
//!
//! A ticket's actor publishes [`News`] to the [`Switchboard`]; each watcher has an [`Inbox`] that
//! keeps only the newest news per ticket, and a [`Progress`] per ticket that turns news into the
//! frames still owed. Text is stored once per ticket, in its [`LiveText`]; a slow watcher costs a
//! place in that text, never a queue of tokens.
//!
//! Everything here concerns watchers of this process. A watcher on another node is one more inbox,
//! fed by a subscription.

mod frame;
mod inbox;
mod live;
mod progress;
mod switchboard;

pub use frame::{Frame, Lost};
pub use inbox::{Inbox, Taken};
pub use live::{LiveText, TextPlace};
pub use progress::{Cursor, MAX_TEXT_BYTES, Progress};
pub use switchboard::{Switchboard, Watch};

use std::sync::Arc;

use punchcard_events::ticket::TicketState;
use punchcard_events::{Revision, TicketId, Timestamp};

/// A ticket as of one revision, with the text of the attempt in flight. Cheap to copy.
#[derive(Debug, Clone)]
pub struct News {
    /// The ticket.
    pub ticket: TicketId,
    /// The revision of its newest event.
    pub revision: Revision,
    /// Its state after that event.
    pub state: TicketState,
    /// When that event was recorded.
    pub changed_at: Timestamp,
    /// The text streamed so far, while an attempt is in flight in this process.
    pub live: Option<Arc<LiveText>>,
}

impl News {
    /// Whether a watcher may be told a moment later, along with what comes next: a step on the way,
    /// as opposed to text, an end, or an answer.
    pub fn is_quiet(&self) -> bool {
        match &self.state {
            TicketState::Unrequested | TicketState::Requested(_) | TicketState::PreProcessed(_) => {
                true
            }
            TicketState::Sent(_) => (self.live.as_ref()).is_none_or(|live| live.is_empty()),
            // It may hold text that nobody has been told yet.
            TicketState::Answered(_)
            | TicketState::Persisted(_)
            | TicketState::Delivered(_)
            | TicketState::Failed(_)
            | TicketState::Cancelled(_) => false,
        }
    }
}
