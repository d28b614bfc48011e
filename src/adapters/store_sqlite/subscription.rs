//! Subscriptions: pages of what is stored, then a wait for the next commit.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;
use punchcard_actors::ports::{ReadError, Subscription};
use punchcard_events::{Position, Recorded};
use tokio::sync::watch;

use super::readers::Readers;
use super::reads;

/// Events read at a time.
const PAGE: usize = 256;

/// Where a subscriber stands.
struct Follower {
    readers: Arc<Readers>,
    committed: watch::Receiver<u64>,
    after: Option<Position>,
    page: VecDeque<Recorded>,
    ended: bool,
}

/// Follows the store from `after` on. One writer gives the positions and commits them in their
/// order, so whatever is seen is all there will ever be up to there.
pub(super) fn follow(
    readers: Arc<Readers>,
    committed: watch::Receiver<u64>,
    after: Option<Position>,
) -> Subscription {
    let follower = Follower {
        readers,
        committed,
        after,
        page: VecDeque::new(),
        ended: false,
    };
    stream::unfold(follower, |mut follower| async move {
        if follower.ended {
            return None;
        }
        let next = follower.next().await;
        follower.ended = next.is_err();
        Some((next, follower))
    })
    .boxed()
}

impl Follower {
    async fn next(&mut self) -> Result<Recorded, ReadError> {
        loop {
            if let Some(event) = self.page.pop_front() {
                self.after = Some(event.position);
                return Ok(event);
            }
            // Marked as seen before the read: a commit in between wakes the wait at once.
            let last = *self.committed.borrow_and_update();
            if last > self.after.map_or(0, |after| after.0) {
                let after = self.after;
                let page = self.readers.run(move |conn| reads::all(conn, after, PAGE));
                self.page = page.await?.into();
            }
            if self.page.is_empty() {
                let closed = |_| ReadError::Unavailable("the event store was closed".to_owned());
                self.committed.changed().await.map_err(closed)?;
            }
        }
    }
}
