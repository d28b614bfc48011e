//! What every aggregate with a stream of its own is done with: load, decide, append, and into memory.
//!
//! An [`Aggregate`] says what its events and its state are. [`load`] folds its whole stream, [`execute`]
//! decides a command on it and appends at the exact revision, and decides again where another was
//! faster; a [`Shelf`] keeps every state of a category in memory.
//!
//! Prompts have a book of their own, because their states are too large for memory, and tickets have
//! actors.

mod append;
mod desk;
mod shelf;
mod stream;

use std::fmt::Debug;
use std::hash::Hash;

use punchcard_events::recorded::DecodeError;
use punchcard_events::{NewEvent, StreamName};

pub(crate) use append::append;
pub(crate) use desk::{Desk, DeskError};
pub(crate) use shelf::Shelf;
pub(crate) use stream::Folded;

/// A kind of stream: how its events are read, written and folded.
pub(crate) trait Aggregate: Send + Sync + 'static {
    /// What tells one from another.
    type Id: Clone + Eq + Ord + Hash + Debug + Send + Sync + 'static;
    /// What the events come to.
    type State: Default + Clone + Debug + Send + Sync + 'static;
    /// What can happen.
    type Event: Send + Sync + 'static;

    /// What stands before the first `-` of the streams' names.
    const CATEGORY: &'static str;

    /// The stream of the one of this id.
    fn stream(id: &Self::Id) -> StreamName;

    /// Whose stream this is; `None` for a stream that is no such one's.
    fn id(stream: &StreamName) -> Option<Self::Id>;

    /// Reads a stored event.
    ///
    /// # Errors
    /// When it is of another program, or damaged.
    fn decode(stored: &NewEvent) -> Result<Self::Event, DecodeError>;

    /// An event as it is stored.
    ///
    /// # Errors
    /// When a number in it is not finite.
    fn encode(event: &Self::Event) -> Result<Encoded, serde_json::Error>;

    /// The state after `event`.
    ///
    /// # Errors
    /// When the event cannot happen to it: the sentence says so.
    fn apply(state: Self::State, event: &Self::Event) -> Result<Self::State, String>;
}

/// An event as it is stored.
#[derive(Debug)]
pub(crate) struct Encoded {
    /// The type's stored name.
    pub(crate) kind: &'static str,
    /// The version of the body's schema.
    pub(crate) schema_version: u16,
    /// The body as JSON text.
    pub(crate) data: String,
}
