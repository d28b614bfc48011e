//! Subscriptions: pages of what is stored, then a wait for the next commit.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::stream;
use punchcard_actors::ports::{ReadError, Subscription};
use punchcard_events::{Position, Recorded};
use tokio::sync::watch;

use super::category::Category;
use super::readers::Readers;
use super::reads;

/// Events read at a time.
const PAGE: usize = 256;

/// Tells subscriptions how far the log is committed.
#[derive(Debug)]
pub(super) struct Commits {
    all: watch::Sender<u64>,
    indexed: watch::Sender<u64>,
}

/// The newest committed positions, as subscriptions see them.
#[derive(Debug, Clone)]
pub(super) struct Committed {
    /// Of all events.
    all: watch::Receiver<u64>,
    /// Of the events in the index of categories: a commit of tickets alone wakes nobody who follows
    /// a small category.
    indexed: watch::Receiver<u64>,
}

/// The two ends, for a log that is committed up to `last`.
pub(super) fn commits(last: u64) -> (Commits, Committed) {
    let ((all, all_seen), (indexed, indexed_seen)) = (watch::channel(last), watch::channel(last));
    let committed = Committed {
        all: all_seen,
        indexed: indexed_seen,
    };
    (Commits { all, indexed }, committed)
}

impl Committed {
    /// Up to where the log is committed.
    pub(super) fn position(&self) -> u64 {
        *self.all.borrow()
    }
}

impl Commits {
    /// The log is committed up to `last`, and what is in the index of categories up to `indexed`.
    pub(super) fn tell(&self, last: u64, indexed: Option<u64>) {
        for (told, last) in [(&self.all, Some(last)), (&self.indexed, indexed)] {
            let Some(last) = last else { continue };
            told.send_if_modified(|seen| {
                let moved = last > *seen;
                *seen = last.max(*seen);
                moved
            });
        }
    }
}

/// Where a subscriber stands.
struct Follower {
    readers: Arc<Readers>,
    committed: watch::Receiver<u64>,
    /// The one category that is followed, if not all events are.
    category: Option<Category>,
    /// Up to which position everything has been read.
    after: Option<Position>,
    page: VecDeque<Recorded>,
    ended: bool,
}

/// Follows the store from `after` on. One writer gives the positions and commits them in their
/// order, so whatever is seen is all there will ever be up to there.
pub(super) fn follow(
    readers: Arc<Readers>,
    committed: &Committed,
    category: Option<Category>,
    after: Option<Position>,
) -> Subscription {
    let committed = match &category {
        Some(category) if category.is_indexed() => committed.indexed.clone(),
        Some(_) | None => committed.all.clone(),
    };
    let follower = Follower {
        readers,
        committed,
        category,
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
                return Ok(event);
            }
            // Marked as seen before the read: a commit in between wakes the wait at once.
            let last = *self.committed.borrow_and_update();
            if last > self.after.map_or(0, |after| after.0) {
                self.read(Position(last)).await?;
            }
            if self.page.is_empty() {
                let closed = |_| ReadError::Unavailable("the event store was closed".to_owned());
                self.committed.changed().await.map_err(closed)?;
            }
        }
    }

    /// Reads the next page. What is committed up to `last` is visible to the read, so a page that is
    /// not full has left nothing behind up to there.
    async fn read(&mut self, last: Position) -> Result<(), ReadError> {
        let (after, category) = (self.after, self.category.clone());
        let page = self.readers.run(move |conn| match &category {
            None => reads::all(conn, after, PAGE),
            Some(category) => reads::category(conn, category, after, PAGE),
        });
        let page = page.await?;
        let newest = page.last().map(|event| event.position);
        self.after = if page.len() < PAGE {
            newest.max(Some(last))
        } else {
            newest
        };
        self.page = page.into();
        Ok(())
    }
}
