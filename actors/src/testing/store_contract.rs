//! The contract of [`EventStore`](crate::ports::EventStore) and
//! [`TicketIndex`](crate::ports::TicketIndex): one function per property.
