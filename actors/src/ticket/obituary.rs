//! How the registry learns that an actor is gone, whatever ended it.

use punchcard_events::TicketId;
use tokio::sync::mpsc;

#[cfg(doc)]
use crate::admission::Admission;
use crate::admission::Place;

/// Word of an actor that is gone.
#[derive(Debug)]
pub(crate) struct Gone {
    pub(crate) ticket: TicketId,
    /// Which of the ticket's actors it was.
    pub(crate) incarnation: u64,
    pub(crate) left: Left,
    /// The ticket's place among the open ones, for a successor.
    pub(crate) place: Option<Place>,
}

/// Why an actor is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Left {
    /// It panicked.
    Crashed,
    /// Nothing is owed any more.
    Finished,
    /// It only waits, which the store can do for it.
    Passivated,
    /// The runtime stops.
    Parked,
    /// The store did not take or give its events for too long.
    StoreFailed,
}

/// Part of every ticket actor. When the actor's memory goes, by leaving or by a panic, its drop
/// sends the word. actix itself tells nobody when an actor panics.
pub(crate) struct Obituary {
    ticket: TicketId,
    incarnation: u64,
    left: Left,
    place: Option<Place>,
    /// Unbounded, and bounded by the number of actors, each of which sends once.
    registry: mpsc::UnboundedSender<Gone>,
}

impl Obituary {
    pub(crate) const fn new(
        ticket: TicketId,
        incarnation: u64,
        place: Option<Place>,
        registry: mpsc::UnboundedSender<Gone>,
    ) -> Self {
        Self {
            ticket,
            incarnation,
            left: Left::Crashed,
            place,
            registry,
        }
    }

    /// The ticket's place among the open ones; [`Admission::readmit`] gives one that came from the store
    /// its own.
    pub(crate) const fn place(&mut self) -> &mut Option<Place> {
        &mut self.place
    }

    /// Says why the actor is about to stop; without this word it counts as crashed.
    pub(crate) const fn leave(&mut self, left: Left) {
        self.left = left;
    }
}

impl Drop for Obituary {
    fn drop(&mut self) {
        // A registry that is gone needs no word.
        let _ = self.registry.send(Gone {
            ticket: self.ticket,
            incarnation: self.incarnation,
            left: self.left,
            place: self.place.take(),
        });
    }
}
