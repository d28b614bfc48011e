//! Keeping a book of streams: what is in memory is a fold of what is stored, whichever node wrote it.
//!
//! A [`Book`] takes events one by one. [`catch_up`] reads what is stored into it, and [`follow`] brings
//! what comes after, for as long as its [`Following`] is kept. An event that cannot be read concerns its
//! own stream, which the book is told to read again, and nothing else: the following goes on behind it.
//! A panic ends one round of the following, and the next begins where it stood.
//!
//! Not here: what a book holds (`prompts/book.rs`; `aggregate/shelf.rs` for whole states), and the
//! writing of events.

mod one_by_one;
mod restarts;

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::{FutureExt as _, StreamExt as _};
use punchcard_events::{Position, Recorded, StreamName};

pub(crate) use one_by_one::{Step, step};
pub(crate) use restarts::Restarts;

use crate::ports::{EventStore, Place, ReadError};

/// How long is waited before a subscription that ended is taken up again: twice as long each time,
/// up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Events read at a time by a book that catches up.
const PAGE: usize = 200;

/// A fold of all streams of one category, kept in memory.
#[async_trait]
pub(crate) trait Book: Send + Sync + 'static {
    /// The category: what stands before the first `-` of the streams' names.
    fn category(&self) -> &'static str;

    /// Takes an event. One that was taken before changes nothing, because whoever writes here hands
    /// over its own; one that does not follow on what is here means that the stream is read again.
    ///
    /// # Errors
    /// When the store cannot be read now. What is damaged is the book's own matter.
    async fn take(&self, store: &dyn EventStore, recorded: &Recorded) -> Result<(), ReadError>;

    /// Reads a whole stream again, because one of its events is damaged. Where that cannot be read,
    /// what the stream stands for is out of service, and no other.
    ///
    /// # Errors
    /// When the store cannot be read now.
    async fn reload(&self, store: &dyn EventStore, stream: &StreamName) -> Result<(), ReadError>;
}

/// Follows streams until it is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends the following"]
pub struct Following(tokio::task::JoinHandle<()>);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Takes every event that is stored now, and gives the position up to which.
///
/// # Errors
/// When the store cannot be read.
pub(crate) async fn catch_up<B: Book>(
    store: &dyn EventStore,
    book: &B,
) -> Result<Option<Position>, ReadError> {
    let mut after = None;
    loop {
        match store.read_category(book.category(), after, PAGE).await {
            Ok(read) => {
                for recorded in &read {
                    book.take(store, recorded).await?;
                    after = Some(recorded.position);
                }
                if read.len() < PAGE {
                    return Ok(after);
                }
            }
            Err(ReadError::Damaged(_)) => after = past_damage(store, book, after).await?,
            Err(error @ ReadError::Unavailable(_)) => return Err(error),
        }
        // A replay is long; whoever shares the thread gets a turn.
        tokio::task::yield_now().await;
    }
}

/// Takes event by event, up to one that is damaged and past it.
async fn past_damage<B: Book>(
    store: &dyn EventStore,
    book: &B,
    mut after: Option<Position>,
) -> Result<Option<Position>, ReadError> {
    loop {
        match step(store, Some(book.category()), after).await? {
            Step::Event(recorded) => {
                book.take(store, &recorded).await?;
                after = Some(recorded.position);
            }
            Step::Damaged(place, reason) => {
                tell_damaged(book.category(), &place, &reason);
                if let Some(stream) = &place.stream {
                    book.reload(store, stream).await?;
                }
                return Ok(Some(place.position));
            }
            Step::End => return Ok(after),
        }
    }
}

/// Brings every event after `position` to the book. To be called within a tokio runtime.
pub(crate) fn follow<B: Book>(
    store: Arc<dyn EventStore>,
    book: B,
    position: Option<Position>,
) -> Following {
    let mut follower = Follower {
        store,
        book,
        position,
        wait: FIRST_WAIT,
    };
    Following(tokio::spawn(async move {
        let mut restarts = Restarts::of("following", follower.book.category());
        loop {
            restarts.begins();
            match AssertUnwindSafe(follower.run()).catch_unwind().await {
                Ok(never) => match never {},
                Err(_) => restarts.panicked().await,
            }
        }
    }))
}

/// Applies every event that comes after its position.
struct Follower<B> {
    store: Arc<dyn EventStore>,
    book: B,
    position: Option<Position>,
    /// The pause before the next subscription.
    wait: Duration,
}

impl<B: Book> Follower<B> {
    async fn run(&mut self) -> Infallible {
        loop {
            let mut ended = self.follow().await;
            if let ReadError::Damaged(_) = ended {
                match self.pass_damage().await {
                    Ok(()) => continue,
                    Err(error) => ended = error,
                }
            }
            let category = self.book.category();
            tracing::warn!(category, error = %ended, "streams cannot be followed; trying again");
            self.pause().await;
        }
    }

    /// Follows until that cannot go on.
    async fn follow(&mut self) -> ReadError {
        let category = self.book.category();
        let mut news = self.store.subscribe_category(category, self.position);
        while let Some(next) = news.next().await {
            let taken = match next {
                Ok(recorded) => self.take(&recorded).await,
                Err(error) => Err(error),
            };
            if let Err(error) = taken {
                return error;
            }
        }
        ReadError::Unavailable("the subscription ended".to_owned())
    }

    /// Takes event by event, up to one that is damaged and past it. Pauses once for each, so that a
    /// store that cannot make up its mind is not asked all the time.
    async fn pass_damage(&mut self) -> Result<(), ReadError> {
        loop {
            let category = self.book.category();
            match step(self.store.as_ref(), Some(category), self.position).await? {
                Step::Event(recorded) => self.take(&recorded).await?,
                Step::Damaged(place, reason) => {
                    tell_damaged(category, &place, &reason);
                    if let Some(stream) = &place.stream {
                        self.book.reload(self.store.as_ref(), stream).await?;
                    }
                    self.position = Some(place.position);
                    break;
                }
                Step::End => break,
            }
        }
        self.pause().await;
        Ok(())
    }

    async fn take(&mut self, recorded: &Recorded) -> Result<(), ReadError> {
        self.book.take(self.store.as_ref(), recorded).await?;
        self.position = Some(recorded.position);
        self.wait = FIRST_WAIT;
        Ok(())
    }

    async fn pause(&mut self) {
        tokio::time::sleep(self.wait).await;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
    }
}

/// Tells of an event that is damaged.
pub(crate) fn tell_damaged(category: &'static str, place: &Place, reason: &str) {
    metrics::counter!("events_damaged_total", "category" => category).increment(1);
    let position = place.position.0;
    tracing::error!(
        category,
        position,
        reason,
        "an event is damaged; it is left out"
    );
}

/// Tells that what a stream stands for cannot be used.
pub(crate) fn tell_out_of_service(stream: &StreamName, error: &ReadError) {
    tracing::error!(%stream, %error, "out of service: stored events of this stream cannot be read");
}
