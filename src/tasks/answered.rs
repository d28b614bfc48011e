//! The version that a ticket was prepared with, when its answer has come.
//!
//! It need not be in effect any more, nor in this node's book: that follows other nodes' writes a
//! moment later. So what the book does not name is looked for in the prompt's own stream before
//! anything is said. Only a task that has no prompt there at all has answers that nobody checks: its
//! tickets are of a configuration before tasks had prompts.

use std::sync::Arc;
use std::time::Duration;

use punchcard_actors::ports::{AnswerError, Asked};
use punchcard_actors::prompts::PromptError;
use punchcard_events::prompt::{Content, ContentHash};
use punchcard_events::ticket::PromptRef;

use super::Tasks;
use super::cache::{Key, Uncached};
use super::settings::TaskSettings;
use crate::prompts::CompiledPrompt;

/// How long a store that gives no version is left alone before it is asked again: twice as long
/// each time, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);

impl Tasks {
    /// The version that a ticket was prepared with, in effect or not, ready for use. `None` where
    /// the task never had a prompt in the store.
    ///
    /// # Errors
    /// [`AnswerError::Unavailable`] when there is a prompt, and this version of it cannot be had.
    pub(super) async fn of_ticket(
        &self,
        asked: Asked<'_>,
        settings: &TaskSettings,
        prompt: &PromptRef,
    ) -> Result<Option<Arc<CompiledPrompt>>, AnswerError> {
        let hash = prompt.hash.parse::<ContentHash>().ok();
        if let Some(hash) = hash
            && let Some(compiled) = self.compiled.get(&key(asked, hash))
        {
            return Ok(Some(compiled));
        }
        let Some(content) = self.published(asked, prompt.version, hash).await? else {
            return Ok(None);
        };
        let hash = hash.ok_or_else(cannot_check)?;
        let mut wait = FIRST_WAIT;
        loop {
            match self.compile(asked, settings, &content, hash) {
                Ok(compiled) => return Ok(Some(compiled)),
                Err(Uncached::Broken) => return Err(cannot_check()),
                // The wait ends with the ticket's deadline, as all its work.
                Err(Uncached::Unavailable) => tokio::time::sleep(wait).await,
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// The content of the version with this hash; `None` where the store has no prompt of the task. A
    /// store that gives nothing now is waited for: it would not take the answer either. The wait ends
    /// with the ticket's deadline, as all its work.
    async fn published(
        &self,
        asked: Asked<'_>,
        version: u32,
        hash: Option<ContentHash>,
    ) -> Result<Option<Arc<Content>>, AnswerError> {
        let mut wait = FIRST_WAIT;
        loop {
            match self.read(asked, version, hash).await {
                Ok(found) => return Ok(found),
                Err(PromptError::Unavailable(_)) => tokio::time::sleep(wait).await,
                Err(error) => {
                    let (tenant, task) = (asked.tenant, asked.task);
                    tracing::error!(%tenant, %task, version, %error, "a version cannot be read");
                    return Err(cannot_check());
                }
            }
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    async fn read(
        &self,
        asked: Asked<'_>,
        version: u32,
        hash: Option<ContentHash>,
    ) -> Result<Option<Arc<Content>>, PromptError> {
        let (tenant, task) = (asked.tenant, asked.task);
        let summary = self.prompts.book().summary(tenant, task);
        let mut lines = summary.iter().flat_map(|summary| &summary.versions);
        if let Some(line) = lines.find(|line| Some(line.hash) == hash)
            && let Some(content) = self.prompts.version(tenant, task, line.number).await?
        {
            return Ok(Some(content));
        }
        let Some(state) = self.prompts.state(tenant, task).await? else {
            return Ok(None);
        };
        let found = hash.and_then(|hash| state.version_of(hash));
        let gone = || PromptError::Damaged(format!("there is no version {version} of this hash"));
        let found = found.ok_or_else(gone)?;
        Ok(Some(Arc::clone(&found.content)))
    }
}

fn key(asked: Asked<'_>, hash: ContentHash) -> Key {
    (asked.tenant.clone(), asked.task.clone(), hash)
}

fn cannot_check() -> AnswerError {
    let why = "the answer cannot be checked: the prompt that asked for it cannot be read";
    AnswerError::Unavailable(why.to_owned())
}
