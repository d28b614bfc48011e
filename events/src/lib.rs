//! The words of Punchcard: what can be asked of a ticket, what can happen to it, and what is
//! then owed.
//!
//! Everything here is a value or a plain function. There is no clock, no randomness, no task and
//! no I/O in this crate: time, ids and jitter arrive inside commands, so the same history always
//! folds to the same state.

pub mod act;
pub mod batch;
pub mod canonical;
pub mod claim;
mod codec;
pub mod delivery;
pub mod endpoint;
pub mod ids;
pub mod partial;
pub mod prompt;
pub mod recorded;
pub mod redrive;
pub mod retry;
#[cfg(feature = "schema")]
mod schema;
pub mod shadow_run;
pub mod tenant;
pub mod test_run;
pub mod ticket;
pub mod time;

pub use act::{Act, Author};
pub use ids::{
    BatchId, DeliveryId, EndpointId, EventId, InvalidName, LabelName, PartialName, StreamName,
    TaskName, TenantId, TicketId, UserId,
};
pub use recorded::{NewEvent, Position, Recorded, Revision};
pub use time::Timestamp;
