//! What the book makes of an event that arrives: all prompts are replayed at the start (`replay.rs`), and
//! then their streams are followed, so that what another node writes arrives.
//!
//! An event that cannot be read takes its own prompt out of service, and nothing else.

use async_trait::async_trait;
use punchcard_events::ids::PROMPT_CATEGORY;
use punchcard_events::{Recorded, StreamName};

use super::book::PromptBook;
use super::page::Page;
use super::replay::singly;
use super::stream::decode;
use crate::following::{Book, tell_out_of_service};
use crate::ports::{EventStore, ReadError};

#[async_trait]
impl Book for PromptBook {
    fn category(&self) -> &'static str {
        PROMPT_CATEGORY
    }

    async fn take(&self, store: &dyn EventStore, recorded: &Recorded) -> Result<(), ReadError> {
        take(store, self, recorded).await
    }

    async fn reload(&self, store: &dyn EventStore, stream: &StreamName) -> Result<(), ReadError> {
        reload(store, self, stream).await
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
                tell_out_of_service(stream, &error);
            }
            Ok(())
        }
        Err(error @ ReadError::Unavailable(_)) => Err(error),
    }
}
