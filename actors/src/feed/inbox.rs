//! What waits for one watcher: the newest news per ticket.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use punchcard_events::TicketId;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::News;

/// The most tickets one inbox holds news of. Beyond it the watcher is told to start over.
const CAPACITY: usize = 4_096;

/// How long quiet news (see [`News::is_quiet`]) wait for others to be told along with. A ticket in a
/// hurry then costs a watcher a few frames at once instead of a packet for each of its states.
const QUIET_FOR: Duration = Duration::from_millis(40);

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
    /// Since when something waits here and nothing was taken.
    since: Option<Instant>,
    /// Whether any of it is to be told at once.
    pressing: bool,
    overflowed: bool,
    /// The ticket whose news were taken last, of those taken one by one.
    last: Option<TicketId>,
}

/// When an inbox may be emptied.
enum Due {
    Now,
    At(Instant),
    WhenNewsCome,
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
        let pressing = !news.is_quiet();
        let known = pending.news.get(&news.ticket);
        if known.is_some_and(|known| known.revision > news.revision) {
            return;
        }
        if known.is_none() && pending.news.len() >= CAPACITY {
            pending.overflowed = true;
        } else {
            pending.news.insert(news.ticket, news);
        }
        let pressing = pressing || pending.overflowed;
        if pending.since.is_none() || (pressing && !pending.pressing) {
            pending.since.get_or_insert_with(Instant::now);
            pending.pressing |= pressing;
            drop(pending);
            self.arrival.notify_one();
        }
    }

    /// Puts news back of which the watcher could not be told everything yet. Newer news of the
    /// ticket, if there are any, say more than these.
    pub fn put_back(&self, news: News) {
        let mut pending = self.lock();
        pending.news.entry(news.ticket).or_insert(news);
        pending.since.get_or_insert_with(Instant::now);
        pending.pressing = true;
    }

    /// Waits until something is there that is to be told now, and takes all there is.
    pub async fn take(&self) -> Taken {
        loop {
            self.something_due().await;
            if let Some(taken) = self.try_take() {
                return taken;
            }
        }
    }

    async fn something_due(&self) {
        loop {
            match self.due() {
                Due::Now => return,
                Due::At(time) => {
                    // Either way the next look at the inbox says what to do.
                    let _ = timeout_at(time, self.arrival.notified()).await;
                }
                Due::WhenNewsCome => self.arrival.notified().await,
            }
        }
    }

    fn due(&self) -> Due {
        let pending = self.lock();
        match pending.since {
            None => Due::WhenNewsCome,
            Some(_) if pending.pressing => Due::Now,
            Some(since) if since.elapsed() >= QUIET_FOR => Due::Now,
            Some(since) => Due::At(since + QUIET_FOR),
        }
    }

    /// Takes what is there now.
    pub fn try_take(&self) -> Option<Taken> {
        let mut pending = self.lock();
        pending.since.take()?;
        pending.pressing = false;
        let news = std::mem::take(&mut pending.news);
        if std::mem::take(&mut pending.overflowed) {
            return Some(Taken::Overflowed);
        }
        Some(Taken::News(news.into_values().collect()))
    }

    /// The same, but takes the news of one ticket only. Tickets take turns, so that one that never
    /// falls silent keeps no other waiting.
    pub async fn take_one(&self) -> Taken {
        loop {
            self.something_due().await;
            if let Some(taken) = self.try_take_one() {
                return taken;
            }
        }
    }

    /// Takes the news of one ticket, of those that are there now.
    pub fn try_take_one(&self) -> Option<Taken> {
        let mut pending = self.lock();
        pending.since?;
        let taken = if std::mem::take(&mut pending.overflowed) {
            pending.news.clear();
            Taken::Overflowed
        } else {
            Taken::News(pending.next_in_turn().into_iter().collect())
        };
        // What is left was due along with it.
        pending.pressing = !pending.news.is_empty();
        if pending.news.is_empty() {
            pending.since = None;
        }
        Some(taken)
    }

    // No code that can panic runs under the lock, so its poison says nothing.
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    /// The news of the ticket after the one whose turn was last.
    fn next_in_turn(&mut self) -> Option<News> {
        let behind = self.last.map_or(Unbounded, Excluded);
        let after = self.news.range((behind, Unbounded)).next();
        let (ticket, _) = after.or_else(|| self.news.first_key_value())?;
        self.last = Some(*ticket);
        self.news.remove(&self.last?)
    }
}
