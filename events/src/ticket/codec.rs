//! How ticket events are stored.

use super::event::TicketEvent;
use crate::codec::stored;
use crate::recorded::Upcaster;

/// Every upcaster of ticket events ever needed. Empty while all types are at version 1.
const UPCASTERS: &[Upcaster] = &[];

stored!(
    TicketEvent,
    UPCASTERS,
    [
        TicketRequested @ 1,
        TicketPreProcessed @ 1,
        TicketSent @ 1,
        AttemptFailed @ 1,
        TicketAnswered @ 1,
        CallbackFailed @ 1,
        TicketPersisted @ 1,
        TicketDelivered @ 1,
        TicketFailed @ 1,
        TicketCancelled @ 1,
        TicketRedriven @ 1,
    ]
);
