//! The contract of [`EventStore`] and [`TicketIndex`]: one function per property, each of which
//! takes an empty store and panics where the store breaks its word.
//!
//! [`store_contract!`](crate::store_contract) makes a test of each.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a broken promise fails the test it is called from"
)]

mod categories;
mod failures;
pub mod fixtures;
mod streams;
mod subscriptions;
mod tickets;

pub use categories::*;
pub use failures::*;
pub use streams::*;
pub use subscriptions::*;
pub use tickets::*;

use crate::ports::{EventStore, TicketIndex};

/// What the contract is about: a store with its ticket list. Clones are the same store.
pub trait Store: EventStore + TicketIndex + Clone {}

impl<T: EventStore + TicketIndex + Clone> Store for T {}

/// Makes a `#[tokio::test]` of every property of the contract.
///
/// `$open` names an async function that gives an empty store and whatever must live as long, such
/// as its temporary directory: `async fn open() -> (MyStore, TempDir)`.
#[macro_export]
macro_rules! store_contract {
    ($open:path) => {
        $crate::store_contract!(
            $open:
            a_stream_is_started_once,
            an_append_goes_to_its_exact_revision_or_nowhere,
            an_append_is_all_or_none,
            a_repeated_append_is_the_same_append,
            a_partial_repeat_is_a_conflict,
            an_append_without_events_is_refused,
            racing_appends_have_one_winner_per_revision,
            a_stream_is_read_from_any_revision_in_both_directions,
            an_event_is_read_as_it_was_appended,
            an_unknown_stream_is_empty,
            all_events_are_read_in_the_order_of_positions,
            a_subscription_catches_up_and_goes_on_without_gap_or_repeat,
            a_subscription_starts_after_its_position,
            a_category_is_read_in_the_order_of_positions,
            a_category_is_its_whole_name,
            a_category_is_followed_past_everything_else,
            a_category_is_followed_from_its_position_on,
            the_list_follows_a_whole_life,
            the_list_is_filtered_by_each_part_of_a_filter,
            the_list_is_filtered_by_all_parts_of_a_filter_together,
            the_list_is_paged_in_both_orders,
            failed_tickets_are_listed_by_their_reason_and_time,
            failed_tickets_are_counted_by_task_and_reason,
            forks_are_listed_only_where_they_are_asked_for,
            tickets_are_counted_by_state,
            an_event_that_cannot_be_decoded_stops_nobody,
        );
    };
    ($open:path: $($property:ident),+ $(,)?) => {
        $(
            #[tokio::test]
            async fn $property() {
                let (store, _kept) = $open().await;
                $crate::testing::store_contract::$property(store).await;
            }
        )+
    };
}

#[cfg(test)]
mod tests {
    use crate::testing::memory_store::MemoryStore;

    async fn open() -> (MemoryStore, ()) {
        (MemoryStore::new(), ())
    }

    crate::store_contract!(open);
}
