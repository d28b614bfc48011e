//! All prompts, read into an empty book at the start.
//!
//! There are many more texts than are ever used again: every edit of every draft, and every version
//! of the past. So the replay reads what happened without the texts, and fetches those in effect at
//! the end.

use std::collections::HashMap;
use std::collections::hash_map::Entry as Slot;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use punchcard_events::ids::PROMPT_CATEGORY;
use punchcard_events::{Position, Recorded, StreamName};

use super::book::{Entry, PromptBook};
use super::page::Page;
use super::stream::{content_at, outline};
use crate::following::{Step, step, tell_damaged, tell_out_of_service};
use crate::ports::{Direction, EventStore, ReadError};

/// Events read at a time: each may hold a whole content.
const PAGE: usize = 64;

/// Prompts whose texts are fetched at a time.
const FETCHES: usize = 8;

/// Folds every prompt's events into the book, and gives the position up to which. What cannot be
/// read of one prompt takes that one out of service, and no other.
pub(super) async fn replay(
    store: &dyn EventStore,
    book: &PromptBook,
) -> Result<Option<Position>, ReadError> {
    let mut replay = Replay::default();
    replay.read(store).await?;
    let fetches = replay.pages.into_iter().map(|(stream, entry)| async move {
        let Some((tenant, task)) = stream.prompt() else {
            tracing::warn!(%stream, "a stream has a prompt's category and no prompt's name; it is left alone");
            return Ok(());
        };
        let read = match entry {
            Entry::Sound(page) => complete(store, &stream, page).await,
            // What looked broken on the way may have been a neighbour's event under its name.
            Entry::Broken => singly(store, &stream).await,
        };
        match read {
            Ok(page) => book.put(&tenant, &task, page),
            Err(error @ ReadError::Damaged(_)) => {
                tell_out_of_service(&stream, &error);
                book.set_broken(&tenant, &task);
            }
            Err(error @ ReadError::Unavailable(_)) => return Err(error),
        }
        Ok(())
    });
    let fetches = stream::iter(fetches).buffer_unordered(FETCHES);
    fetches.try_collect::<()>().await?;
    Ok(replay.after)
}

/// What was read so far.
#[derive(Default)]
struct Replay {
    pages: HashMap<StreamName, Entry>,
    after: Option<Position>,
}

impl Replay {
    async fn read(&mut self, store: &dyn EventStore) -> Result<(), ReadError> {
        loop {
            match store.read_category(PROMPT_CATEGORY, self.after, PAGE).await {
                Ok(read) => {
                    for recorded in &read {
                        self.take(recorded);
                    }
                    if read.len() < PAGE {
                        return Ok(());
                    }
                }
                Err(ReadError::Damaged(_)) => self.pass_damage(store).await?,
                Err(error @ ReadError::Unavailable(_)) => return Err(error),
            }
            // A replay is long; whoever shares the thread gets a turn.
            tokio::task::yield_now().await;
        }
    }

    /// Takes event by event, up to one that is damaged and past it.
    async fn pass_damage(&mut self, store: &dyn EventStore) -> Result<(), ReadError> {
        for _ in 0..PAGE {
            match step(store, Some(PROMPT_CATEGORY), self.after).await? {
                Step::Event(recorded) => self.take(&recorded),
                Step::Damaged(place, reason) => {
                    tell_damaged(PROMPT_CATEGORY, &place, &reason);
                    self.after = Some(place.position);
                    if let Some(stream) = place.stream {
                        self.pages.insert(stream, Entry::Broken);
                    }
                    break;
                }
                Step::End => break,
            }
        }
        Ok(())
    }

    fn take(&mut self, recorded: &Recorded) {
        self.after = Some(recorded.position);
        let entry = match self.pages.entry(recorded.stream.clone()) {
            Slot::Occupied(slot) => slot.into_mut(),
            Slot::Vacant(slot) => slot.insert(Entry::Sound(Page::default())),
        };
        let Entry::Sound(page) = entry else { return };
        match outline(recorded) {
            Ok(outline) if page.summary.next_revision() == recorded.revision => {
                page.fold_outline(&outline, recorded.revision);
            }
            Ok(_) | Err(_) => *entry = Entry::Broken,
        }
    }
}

/// Fetches the contents in effect. That one of them is gone is damage.
async fn complete(
    store: &dyn EventStore,
    stream: &StreamName,
    mut page: Page,
) -> Result<Page, ReadError> {
    for number in page.missing() {
        let unknown = || ReadError::Damaged(format!("{stream} has no version {number}"));
        let line = page.summary.version(number).ok_or_else(unknown)?;
        let content = content_at(store, stream, line.revision).await?;
        page.supply(number, content);
    }
    Ok(page)
}

/// Reads one prompt by itself: what the book needs of it, and no text more. To be in service, a
/// prompt needs no draft and no version of the past.
///
/// # Errors
/// When the store cannot be read; when what happened, or a content in effect, cannot be.
pub(super) async fn singly(store: &dyn EventStore, stream: &StreamName) -> Result<Page, ReadError> {
    let mut page = Page::default();
    loop {
        let next = page.summary.next_revision();
        let forwards = Direction::Forwards;
        let read = store
            .read_stream(stream, Some(next), forwards, PAGE)
            .await?;
        for recorded in &read {
            let (expected, found) = (page.summary.next_revision(), recorded.revision);
            if expected != found {
                let reason = format!("{stream} has nothing at revision {}", expected.0);
                return Err(ReadError::Damaged(reason));
            }
            page.fold_outline(&outline(recorded)?, found);
        }
        if read.len() < PAGE {
            return complete(store, stream, page).await;
        }
    }
}
