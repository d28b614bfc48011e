//! What waits for one watcher: the newest news per ticket.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use punchcard_events::TicketId;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::News;

/// The most tickets one inbox holds news of. Beyond it the watcher is told to start over.
const CAPACITY: usize = 4_096;

/// One watcher's inbox. Newer news of a ticket replaces older, so it is bounded by tickets, not by
/// tokens or time.
#[derive(Debug, Default)]
pub struct Inbox {
    pending: Mutex<Pending>,
    arrival: Notify,
}

#[derive(Debug, Default)]
struct Pending {
    news: BTreeMap<TicketId, News>,
    /// When the oldest news not yet taken came in.
    since: Option<Instant>,
    overflowed: bool,
}

/// What an inbox held.
#[derive(Debug)]
pub enum Taken {
    /// News, one per ticket, in the order the tickets were issued.
    News(Vec<News>),
    /// So much came in that some was dropped: the watcher must start over.
    Overflowed,
}

impl Inbox {
    /// An empty inbox.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Puts news in, unless newer news of the same ticket is there already.
    pub fn put(&self, news: News) {
        let mut pending = self.lock();
        let known = pending.news.get(&news.ticket);
        if known.is_some_and(|known| known.revision > news.revision) {
            return;
        }
        if known.is_none() && pending.news.len() >= CAPACITY {
            pending.overflowed = true;
        } else {
            pending.news.insert(news.ticket, news);
        }
        if pending.since.is_none() {
            pending.since = Some(Instant::now());
            drop(pending);
            self.arrival.notify_one();
        }
    }

    /// Waits until something is there, and takes all of it.
    pub async fn take(&self) -> Taken {
        loop {
            if let Some(taken) = self.try_take() {
                return taken;
            }
            self.arrival.notified().await;
        }
    }

    /// Takes what is there now.
    pub fn try_take(&self) -> Option<Taken> {
        let mut pending = self.lock();
        pending.since.take()?;
        let news = std::mem::take(&mut pending.news);
        if std::mem::take(&mut pending.overflowed) {
            return Some(Taken::Overflowed);
        }
        Some(Taken::News(news.into_values().collect()))
    }

    /// For how long something has been waiting here; zero when nothing is.
    pub fn waiting(&self) -> Duration {
        self.lock()
            .since
            .map_or(Duration::ZERO, |since| since.elapsed())
    }

    // No code that can panic runs under the lock, so its poison says nothing.
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
