//! What one session was told, ticket by ticket. Pure.

use std::collections::BTreeMap;

use punchcard_actors::feed::{Frame, News, Progress};
use punchcard_events::TicketId;

use super::protocol::Close;

/// The most tickets a session keeps its place in. Past it the oldest concluded one is forgotten.
const MAX_TICKETS: usize = 2_048;

/// What one session was told.
#[derive(Default)]
pub(super) struct Ledger {
    told: BTreeMap<TicketId, Told>,
}

#[derive(Default)]
struct Told {
    progress: Progress,
    answered: bool,
}

impl Ledger {
    /// Notes that the client holds text of a ticket from before.
    pub(super) fn resume(&mut self, ticket: TicketId, progress: Progress) {
        let told = Told {
            progress,
            answered: false,
        };
        self.told.insert(ticket, told);
    }

    /// The frames that `news` makes owed.
    ///
    /// # Errors
    /// When the session follows more open tickets than it can.
    pub(super) fn tell(&mut self, news: &News) -> Result<Vec<Frame>, Close> {
        if !self.told.contains_key(&news.ticket) && self.told.len() >= MAX_TICKETS {
            self.forget_one()?;
        }
        let told = self.told.entry(news.ticket).or_default();
        let frames = told.progress.advance(news);
        told.answered |= frames.iter().any(|f| matches!(f, Frame::Answer { .. }));
        Ok(frames)
    }

    /// Whether the newest news of `ticket` hold more text than was told of them.
    pub(super) fn has_more(&self, ticket: TicketId) -> bool {
        self.told
            .get(&ticket)
            .is_some_and(|told| told.progress.has_more())
    }

    /// Whether the session was shown the answer of `ticket`.
    pub(super) fn has_answer(&self, ticket: TicketId) -> bool {
        self.told.get(&ticket).is_some_and(|told| told.answered)
    }

    fn forget_one(&mut self) -> Result<(), Close> {
        let concluded = |(_, told): &(&TicketId, &Told)| told.progress.is_concluded();
        let oldest = self.told.iter().find(concluded).map(|(id, _)| *id);
        self.told.remove(&oldest.ok_or(Close::StartOver)?);
        Ok(())
    }
}
