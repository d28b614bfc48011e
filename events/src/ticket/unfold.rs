//! A ticket as of each of its events.

use super::apply::{IllegalTransition, apply};
use super::event::TicketEvent;
use super::state::TicketState;
use crate::time::Timestamp;

/// One event of a ticket's past, and what the ticket was from then on.
#[derive(Debug, Clone, PartialEq)]
pub struct Happened {
    /// When it was recorded, by the writer's clock.
    pub at: Timestamp,
    /// What happened.
    pub event: TicketEvent,
    /// The ticket after it. Its texts are shared with its neighbours'.
    pub state: TicketState,
}

/// The states that a history went through: the last is what [`replay`](super::replay) gives, and each
/// earlier one is what it gives for the events up to there.
///
/// # Errors
/// At the first event that cannot have happened.
pub fn unfold(
    events: impl IntoIterator<Item = (Timestamp, TicketEvent)>,
) -> Result<Vec<Happened>, Box<IllegalTransition>> {
    let mut state = TicketState::Unrequested;
    let happened = events.into_iter().map(|(at, event)| {
        state = apply(state.clone(), &event)?;
        let state = state.clone();
        Ok(Happened { at, event, state })
    });
    happened.collect()
}
