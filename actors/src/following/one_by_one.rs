//! Reading event by event, past those that are damaged: the slow way, taken where a page or a
//! subscription was refused because of one of them.

use punchcard_events::{Position, Recorded};

use crate::ports::{EventStore, Place, ReadError};

/// What comes next.
#[derive(Debug)]
pub(crate) enum Step {
    /// An event.
    Event(Box<Recorded>),
    /// An event that cannot be read, and why.
    Damaged(Place, String),
    /// Nothing, yet.
    End,
}

/// What comes after a position, of one category or of all streams.
///
/// # Errors
/// When the store cannot be read now, or cannot tell where a damaged event ends.
pub(crate) async fn step(
    store: &dyn EventStore,
    category: Option<&str>,
    after: Option<Position>,
) -> Result<Step, ReadError> {
    let read = match category {
        Some(category) => store.read_category(category, after, 1).await,
        None => store.read_all(after, 1).await,
    };
    match read {
        Ok(mut read) => Ok(read
            .pop()
            .map_or(Step::End, |event| Step::Event(Box::new(event)))),
        Err(ReadError::Damaged(reason)) => match store.next_place(category, after).await? {
            Some(place) => Ok(Step::Damaged(place, reason)),
            None => Err(ReadError::Damaged(reason)),
        },
        Err(error @ ReadError::Unavailable(_)) => Err(error),
    }
}
