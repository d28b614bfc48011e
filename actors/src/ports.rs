//! What the runtime needs from the world, in domain words. Adapters implement these; nothing in
//! this crate knows which adapter runs.

mod callbacks;
mod clock;
mod model;
mod store;
mod tasks;

pub use callbacks::{Callbacks, PostProcessCall, PreProcessCall, PreProcessReply};
pub use clock::Clock;
pub use model::{AnswerPart, AnswerStream, LanguageModel, ModelCall};
pub use store::{
    AppendError, Appended, Direction, EventStore, ExpectedRevision, Order, ReadError, Subscription,
    TicketFilter, TicketIndex,
};
pub use tasks::{InputRefusal, PrepareError, Prepared, TaskBook};
