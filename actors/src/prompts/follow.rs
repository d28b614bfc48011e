//! Keeping the book: all prompts are replayed at the start, and then their streams are followed, so
//! that what another node writes arrives.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Place;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use punchcard_events::ids::PROMPT_CATEGORY;
use punchcard_events::{Position, Recorded, StreamName};

use super::book::{Entry, PromptBook};
use super::page::Page;
use super::stream::{content_at, decode, load};
use crate::ports::{EventStore, ReadError};

/// Events read at a time during the replay.
const PAGE: usize = 500;

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
    Ok(Following(tokio::spawn(stay_current(store, book, position))))
}

/// Folds every prompt's events. What cannot be read of one prompt takes that one out of service,
/// and no other.
async fn replay(store: &dyn EventStore, book: &PromptBook) -> Result<Option<Position>, ReadError> {
    let mut pages: HashMap<StreamName, Entry> = HashMap::new();
    let mut after = None;
    loop {
        let read = store.read_category(PROMPT_CATEGORY, after, PAGE).await?;
        for recorded in &read {
            fold(&mut pages, recorded);
            after = Some(recorded.position);
        }
        if read.len() < PAGE {
            break;
        }
        // A replay is long; whoever shares the thread gets a turn.
        tokio::task::yield_now().await;
    }
    for (stream, entry) in pages {
        let entry = match entry {
            Entry::Sound(page) => complete(store, &stream, page).await?,
            Entry::Broken => Entry::Broken,
        };
        install(book, &stream, entry);
    }
    Ok(after)
}

fn fold(pages: &mut HashMap<StreamName, Entry>, recorded: &Recorded) {
    let entry = match pages.entry(recorded.stream.clone()) {
        Place::Occupied(entry) => entry.into_mut(),
        Place::Vacant(place) => place.insert(Entry::Sound(Page::default())),
    };
    let Entry::Sound(page) = entry else { return };
    match decode(recorded) {
        Ok(event) => page.fold(&event, recorded.revision),
        Err(error) => {
            out_of_service(&recorded.stream, &error);
            *entry = Entry::Broken;
        }
    }
}

/// Fetches the contents in effect that the fold had let go.
async fn complete(
    store: &dyn EventStore,
    stream: &StreamName,
    mut page: Page,
) -> Result<Entry, ReadError> {
    for number in page.missing() {
        let Some(revision) = page.summary.version(number).map(|line| line.revision) else {
            let reason = format!("version {number} is in effect and was never published");
            out_of_service(stream, &ReadError::Damaged(reason));
            return Ok(Entry::Broken);
        };
        match content_at(store, stream, revision).await {
            Ok(content) => page.supply(number, content),
            Err(error @ ReadError::Unavailable(_)) => return Err(error),
            Err(error @ ReadError::Damaged(_)) => {
                out_of_service(stream, &error);
                return Ok(Entry::Broken);
            }
        }
    }
    Ok(Entry::Sound(page))
}

fn install(book: &PromptBook, stream: &StreamName, entry: Entry) {
    let Some((tenant, task)) = stream.prompt() else {
        tracing::warn!(%stream, "a stream has a prompt's category and no prompt's name; it is left alone");
        return;
    };
    match entry {
        Entry::Sound(page) => book.put(&tenant, &task, page),
        Entry::Broken => {
            book.set_broken(&tenant, &task);
        }
    }
}

fn out_of_service(stream: &StreamName, error: &ReadError) {
    tracing::error!(%stream, %error, "a prompt is out of service: its stored events cannot be read");
}

/// Applies every event that comes after `position`, for ever.
async fn stay_current(
    store: Arc<dyn EventStore>,
    book: PromptBook,
    mut position: Option<Position>,
) {
    let mut wait = FIRST_WAIT;
    loop {
        let mut news = store.subscribe_category(PROMPT_CATEGORY, position);
        while let Some(next) = news.next().await {
            let applied = match &next {
                Ok(recorded) => take(store.as_ref(), &book, recorded).await,
                Err(error) => Err(error.clone()),
            };
            match (applied, next) {
                (Ok(()), Ok(recorded)) => {
                    position = Some(recorded.position);
                    wait = FIRST_WAIT;
                }
                (Err(error), _) | (Ok(()), Err(error)) => {
                    tracing::warn!(%error, "the prompts' streams cannot be followed; trying again");
                    break;
                }
            }
        }
        drop(news);
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
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
        None if broken => return reload(store, book, recorded).await,
        None => Page::default(),
    };
    if page.summary.revision >= Some(recorded.revision) {
        return Ok(());
    }
    if page.summary.next_revision() != recorded.revision {
        return reload(store, book, recorded).await;
    }
    let mut page = page;
    match decode(recorded) {
        Ok(event) => page.fold(&event, recorded.revision),
        Err(_) => return reload(store, book, recorded).await,
    }
    if page.missing().is_empty() {
        book.put(&tenant, &task, page);
        Ok(())
    } else {
        reload(store, book, recorded).await
    }
}

async fn reload(
    store: &dyn EventStore,
    book: &PromptBook,
    recorded: &Recorded,
) -> Result<(), ReadError> {
    let Some((tenant, task)) = recorded.stream.prompt() else {
        return Ok(());
    };
    match load(store, &tenant, &task).await {
        Ok(loaded) => {
            let (_, page) = loaded.into_page();
            book.put(&tenant, &task, page);
            Ok(())
        }
        Err(error @ ReadError::Damaged(_)) => {
            if book.set_broken(&tenant, &task) {
                out_of_service(&recorded.stream, &error);
            }
            Ok(())
        }
        Err(error @ ReadError::Unavailable(_)) => Err(error),
    }
}
