//! An append that is asked for again as long as nobody knows what became of it.

use std::time::Duration;

use punchcard_events::{NewEvent, StreamName};

use crate::ports::{AppendError, Appended, EventStore, ExpectedRevision};

/// How often a store that does not say what became of an append is asked again, and how long is
/// waited before: twice as long each time.
const ASKED_AGAIN: u32 = 6;
const FIRST_WAIT: Duration = Duration::from_millis(50);

/// Appends, and asks again with the same ids as long as the store does not say what became of it.
///
/// # Errors
/// See [`AppendError`].
pub(crate) async fn append(
    store: &dyn EventStore,
    stream: &StreamName,
    expected: ExpectedRevision,
    events: &[NewEvent],
) -> Result<Appended, AppendError> {
    let mut wait = FIRST_WAIT;
    for _ in 0..ASKED_AGAIN {
        match store.append(stream, expected, events).await {
            Err(AppendError::OutcomeUnknown(_)) => {}
            settled => return settled,
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
    store.append(stream, expected, events).await
}
