//! Prompts as planners and tickets use them: the desk, where commands are decided, and the book,
//! where everybody reads what is in effect.
//!
//! [`Prompts`] is the handle. A command is decided on the prompt's whole history, appended with the
//! exact revision it was decided on, and in this node's [`PromptBook`] before its author is
//! answered; other nodes' books follow the streams. There is no actor here, because there is
//! nothing to own: two commands at a time are told apart by the store, as two nodes' are.
//!
//! Not here: what makes a content sound ([`PromptCheck`]), who may do what (the edge knows), and
//! the running of tests.

use std::sync::Arc;

use punchcard_events::prompt::{Act, Author, PromptState, PromptSummary};
use punchcard_events::{Recorded, Revision, StreamName, TaskName, TenantId};

use crate::following;
use crate::ports::{Clock, Direction, EventStore, PromptCheck, ReadError};
use crate::steady::SteadyClock;

mod book;
mod canaries;
mod canary_policy;
mod canary_tallies;
mod canary_watch;
mod desk;
mod drafts;
mod error;
mod follow;
mod name;
mod page;
mod partials;
mod replay;
mod stream;

pub use book::{Effective, NotEffective, PromptBook};
pub use canary_watch::{CanaryWatch, Watching};
pub use desk::{Executed, MAX_PROMPTS};
pub use drafts::Named;
pub use error::PromptError;
pub use name::{ContentName, InvalidContentName};

pub use crate::following::Following;

/// The most events of a history that are read at a time.
const MOST_HISTORY: usize = 500;

/// The handle for everything that is done with prompts. Clones share one book.
#[derive(Clone)]
pub struct Prompts {
    shared: Arc<Shared>,
}

struct Shared {
    store: Arc<dyn EventStore>,
    clock: Arc<dyn Clock>,
    check: Arc<dyn PromptCheck>,
    book: PromptBook,
}

impl Prompts {
    /// Reads all prompts into the book, which from then on follows their streams for as long as the
    /// [`Following`] is kept. To be called within a tokio runtime, before any ticket is taken.
    ///
    /// # Errors
    /// When the store cannot be read. A prompt whose stored events cannot be read is no such error:
    /// it is taken out of service, and the log says so.
    pub async fn open(
        store: Arc<dyn EventStore>,
        clock: Arc<dyn Clock>,
        check: Arc<dyn PromptCheck>,
    ) -> Result<(Self, Following), ReadError> {
        let book = PromptBook::default();
        let position = replay::replay(store.as_ref(), &book).await?;
        let following = following::follow(Arc::clone(&store), book.clone(), position);
        let shared = Shared {
            store,
            clock: Arc::new(SteadyClock::over(clock)),
            check,
            book,
        };
        let shared = Arc::new(shared);
        Ok((Self { shared }, following))
    }

    /// What is in effect.
    pub fn book(&self) -> &PromptBook {
        &self.shared.book
    }

    /// Something that `by` does now.
    pub fn act(&self, by: Author) -> Act {
        let at = self.clock().now();
        Act { at, by }
    }

    /// Time and chance, as the desk has them.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.shared.clock
    }

    /// A prompt in full, as it is now; `None` where there is none.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn state(
        &self,
        tenant: &TenantId,
        task: &TaskName,
    ) -> Result<Option<PromptState>, PromptError> {
        let state = stream::load(self.store(), tenant, task).await?.state;
        Ok((!state.is_empty()).then_some(state))
    }

    /// A prompt as the book has it.
    ///
    /// # Errors
    /// [`PromptError::NoSuchPrompt`], or [`PromptError::Damaged`] where it is out of service.
    pub fn summary(
        &self,
        tenant: &TenantId,
        task: &TaskName,
    ) -> Result<Arc<PromptSummary>, PromptError> {
        let book = self.book();
        book.summary(tenant, task).ok_or_else(|| {
            if book.knows(tenant, task) {
                let why = format!("the prompt `{task}` was taken out of service, as logged then");
                PromptError::Damaged(why)
            } else {
                PromptError::NoSuchPrompt(task.clone())
            }
        })
    }

    /// Up to `limit` events of a prompt, and at most 500, from revision `from` on; none, where
    /// there is no prompt.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn history(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        from: Option<Revision>,
        limit: usize,
    ) -> Result<Vec<Recorded>, PromptError> {
        let stream = StreamName::of_prompt(tenant, task);
        let limit = limit.min(MOST_HISTORY);
        let forwards = Direction::Forwards;
        let read = self.store().read_stream(&stream, from, forwards, limit);
        Ok(read.await?)
    }

    /// The content of a version, in effect or not; `None` where there is no such version. What is
    /// in effect is at hand, anything else is read.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn version(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        number: u32,
    ) -> Result<Option<Arc<punchcard_events::prompt::Content>>, PromptError> {
        let Some(page) = self.book().page(tenant, task) else {
            return Ok(None);
        };
        if let Some(content) = page.content(number) {
            return Ok(Some(Arc::clone(content)));
        }
        let Some(line) = page.summary.version(number) else {
            return Ok(None);
        };
        let stream = StreamName::of_prompt(tenant, task);
        let content = stream::content_at(self.store(), &stream, line.revision).await?;
        Ok(Some(content))
    }

    fn store(&self) -> &dyn EventStore {
        self.shared.store.as_ref()
    }
}

impl std::fmt::Debug for Prompts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prompts").finish_non_exhaustive()
    }
}
