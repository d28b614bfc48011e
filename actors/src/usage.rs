//! What tenants use, and how much they may: counted from the tickets' events, refused before a call.
//!
//! The [`Meter`] is asked three times in a ticket's life. At its issue it reserves what the ticket
//! is estimated to use, or refuses. Once the prompt is known the reservation is made more exact.
//! Right before each call of a model the attempt must fit into what is left, calls under way
//! included. What was truly used is settled from the stored events by one follower, which also
//! keeps the usage table (`counting.rs`), so what a restart finds is what was stored.
//!
//! Not here: how fast a tenant's calls may follow each other (`guards/`), and what is open at a
//! time (`admission/`).

mod amount;
mod calendar;
mod counting;
mod estimate;
mod fold;
mod ledger;
mod meter;
mod price;

pub use amount::Amount;
pub use calendar::{Calendar, Day, InvalidDay};
pub use counting::{Counting, OpenError};
pub use estimate::Estimate;
pub use fold::{Counts, OpenTicket, RowKey};
pub use ledger::{Exceeded, Ledger, LimitName, Period, Scope, Standing, Unit};
pub(crate) use meter::Account;
pub use meter::{Meter, NotReserved, Reservation};
pub use price::{Price, Prices};
