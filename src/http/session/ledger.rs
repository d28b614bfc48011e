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
    acknowledged: bool,
}

/// What an acknowledgement comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Acknowledged {
    /// The session was not shown an answer of the ticket.
    NotShown,
    /// It is to be stored.
    First,
    /// It is stored or on its way.
    Again,
}

impl Ledger {
    /// Notes that the client holds text of a ticket from before.
    pub(super) fn resume(&mut self, ticket: TicketId, progress: Progress) {
        let told = Told {
            progress,
            ..Told::default()
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
        if frames.iter().any(|f| matches!(f, Frame::Answer { .. })) {
            told.answered = true;
            told.acknowledged = false;
        }
        Ok(frames)
    }

    /// Whether the newest news of `ticket` hold more text than was told of them.
    pub(super) fn has_more(&self, ticket: TicketId) -> bool {
        self.told
            .get(&ticket)
            .is_some_and(|told| told.progress.has_more())
    }

    /// Notes that the user has the answer of `ticket`.
    pub(super) fn acknowledge(&mut self, ticket: TicketId) -> Acknowledged {
        match self.told.get_mut(&ticket) {
            Some(told) if told.answered => {
                if std::mem::replace(&mut told.acknowledged, true) {
                    Acknowledged::Again
                } else {
                    Acknowledged::First
                }
            }
            Some(_) | None => Acknowledged::NotShown,
        }
    }

    /// Notes that an acknowledgement was not stored, so that it may be repeated.
    pub(super) fn unacknowledged(&mut self, ticket: TicketId) {
        if let Some(told) = self.told.get_mut(&ticket) {
            told.acknowledged = false;
        }
    }

    fn forget_one(&mut self) -> Result<(), Close> {
        let concluded = |(_, told): &(&TicketId, &Told)| told.progress.is_concluded();
        let oldest = self.told.iter().find(concluded).map(|(id, _)| *id);
        self.told.remove(&oldest.ok_or(Close::StartOver)?);
        Ok(())
    }
}
