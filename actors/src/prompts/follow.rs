//! Keeping the book: all prompts are replayed at the start (`replay.rs`), and then their streams are
//! followed, so that what another node writes arrives.
//!
//! An event that cannot be read takes its own prompt out of service, and nothing else: the following
//! goes on behind it. A panic ends one round of the following, and the next begins where it stood.

use std::convert::Infallible;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt as _, StreamExt as _};
use punchcard_events::ids::PROMPT_CATEGORY;
use punchcard_events::{Position, Recorded, StreamName};

use super::book::PromptBook;
use super::one_by_one::{Step, step};
use super::page::Page;
use super::replay::{damaged, out_of_service, replay, singly};
use super::restarts::Restarts;
use super::stream::decode;
use crate::ports::{EventStore, ReadError};

/// How long is waited before a subscription that ended is taken up again: twice as long each time,
/// up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

/// Follows the prompts' streams until it is dropped.
#[derive(Debug)]
#[must_use = "dropping it ends the following"]
pub struct Following(tokio::task::JoinHandle<()>);

impl Drop for Following {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Reads all prompts into an empty book, and follows them from there.
pub(super) async fn follow(
    store: Arc<dyn EventStore>,
    book: PromptBook,
) -> Result<Following, ReadError> {
    let position = replay(store.as_ref(), &book).await?;
    let mut follower = Follower {
        store,
        book,
        position,
        wait: FIRST_WAIT,
    };
    let following = async move {
        let mut restarts = Restarts::of("following");
        loop {
            restarts.begins();
            match AssertUnwindSafe(follower.run()).catch_unwind().await {
                Ok(never) => match never {},
                Err(_) => restarts.panicked().await,
            }
        }
    };
    Ok(Following(tokio::spawn(following)))
}

/// Applies every event that comes after its position.
struct Follower {
    store: Arc<dyn EventStore>,
    book: PromptBook,
    position: Option<Position>,
    /// The pause before the next subscription.
    wait: Duration,
}

impl Follower {
    async fn run(&mut self) -> Infallible {
        loop {
            let mut ended = self.follow().await;
            if let ReadError::Damaged(_) = ended {
                match self.pass_damage().await {
                    Ok(()) => continue,
                    Err(error) => ended = error,
                }
            }
            tracing::warn!(error = %ended, "the prompts' streams cannot be followed; trying again");
            self.pause().await;
        }
    }

    /// Follows until that cannot go on.
    async fn follow(&mut self) -> ReadError {
        let mut news = self
            .store
            .subscribe_category(PROMPT_CATEGORY, self.position);
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
            match step(self.store.as_ref(), Some(PROMPT_CATEGORY), self.position).await? {
                Step::Event(recorded) => self.take(&recorded).await?,
                Step::Damaged(place, reason) => {
                    damaged(&place, &reason);
                    if let Some(stream) = &place.stream {
                        reload(self.store.as_ref(), &self.book, stream).await?;
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
        take(self.store.as_ref(), &self.book, recorded).await?;
        self.position = Some(recorded.position);
        self.wait = FIRST_WAIT;
        Ok(())
    }

    async fn pause(&mut self) {
        tokio::time::sleep(self.wait).await;
        self.wait = (self.wait * 2).min(LONGEST_WAIT);
    }
}

/// Takes one event into the book. Where it does not follow on what the book has, or needs what the
/// book has let go, the whole stream is read again.
async fn take(
    store: &dyn EventStore,
    book: &PromptBook,
    recorded: &Recorded,
) -> Result<(), ReadError> {
    let Some((tenant, task)) = recorded.stream.prompt() else {
        return Ok(());
    };
    let broken = book.knows(&tenant, &task);
    let page = match book.page(&tenant, &task) {
        Some(page) => page,
        // One that is out of service stays that until a whole reading of it succeeds.
        None if broken => return reload(store, book, &recorded.stream).await,
        None => Page::default(),
    };
    if page.summary.revision >= Some(recorded.revision) {
        return Ok(());
    }
    if page.summary.next_revision() != recorded.revision {
        return reload(store, book, &recorded.stream).await;
    }
    let mut page = page;
    match decode(recorded) {
        Ok(event) => page.fold(&event, recorded.revision),
        Err(_) => return reload(store, book, &recorded.stream).await,
    }
    if page.missing().is_empty() {
        book.put(&tenant, &task, page);
        Ok(())
    } else {
        reload(store, book, &recorded.stream).await
    }
}

async fn reload(
    store: &dyn EventStore,
    book: &PromptBook,
    stream: &StreamName,
) -> Result<(), ReadError> {
    let Some((tenant, task)) = stream.prompt() else {
        return Ok(());
    };
    match singly(store, stream).await {
        Ok(page) => {
            book.put(&tenant, &task, page);
            Ok(())
        }
        Err(error @ ReadError::Damaged(_)) => {
            if book.set_broken(&tenant, &task) {
                out_of_service(stream, &error);
            }
            Ok(())
        }
        Err(error @ ReadError::Unavailable(_)) => Err(error),
    }
}
