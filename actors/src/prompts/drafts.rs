//! Drafts and versions: saved with what was found in them, published only when sound.

use std::collections::BTreeMap;
use std::sync::Arc;

use punchcard_events::prompt::{
    Act, Command, Content, ContentHash, Draft, PromptState, Tested, Version,
};
use punchcard_events::{PartialName, TaskName, TenantId};

use super::{ContentName, PromptError, Prompts};
use crate::ports::{Checked, Finding};

/// A content by one of its names.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// What it says. Of a draft: as it was saved, its partials not written in.
    pub content: Arc<Content>,
    /// Its identity.
    pub hash: ContentHash,
    /// The version it is, or the edit of the draft.
    pub which: Tested,
}

impl Prompts {
    /// Saves the draft, sound or not, and says what was found in it. The first draft of a task
    /// makes its prompt.
    ///
    /// # Errors
    /// [`Rejection::DraftConflict`](punchcard_events::prompt::Rejection::DraftConflict) when
    /// somebody saved it since `expected_edit`; see [`PromptError`].
    pub async fn save_draft(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        expected_edit: Option<u32>,
        based_on: Option<u32>,
        content: Arc<Content>,
        act: Act,
    ) -> Result<(Draft, Vec<Finding>), PromptError> {
        let checked = self.check(tenant, task, &content).await?;
        let save = Command::SaveDraft {
            expected_edit,
            based_on,
            content,
            act,
        };
        let executed = self.execute(tenant, task, save).await?;
        let draft = executed.state.draft.ok_or(PromptError::Conflict)?;
        Ok((draft, checked.findings))
    }

    /// Makes the draft a version, with the partials that it includes written in.
    ///
    /// # Errors
    /// [`PromptError::Broken`] when the draft has mistakes; see [`PromptError`].
    pub async fn publish(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        expected_edit: u32,
        notes: String,
        act: Act,
    ) -> Result<Version, PromptError> {
        let state = self.existing(tenant, task).await?;
        let content = match state.draft {
            // Somebody saved it since: deciding says so before anything is found in a text that
            // the author did not see.
            Some(draft) if draft.edit != expected_edit => draft.content,
            Some(draft) => sound(self.check(tenant, task, &draft.content).await?)?,
            None => return Err(punchcard_events::prompt::Rejection::NoDraft.into()),
        };
        let publish = Command::Publish {
            expected_edit,
            content,
            notes,
            act,
        };
        let executed = self.execute(tenant, task, publish).await?;
        let newest = executed.state.latest().cloned();
        newest.ok_or(PromptError::Conflict)
    }

    /// What is found in `content` with the tenant's partials as they are now.
    ///
    /// # Errors
    /// When the partials cannot be read.
    pub async fn check(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        content: &Content,
    ) -> Result<Checked, PromptError> {
        let partials = self.partials(tenant).await?;
        Ok(self.check_with(tenant, task, content, partials.texts()))
    }

    /// What is found in `content` with partials that need not be the tenant's (yet).
    pub fn check_with(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        content: &Content,
        partials: &BTreeMap<PartialName, String>,
    ) -> Checked {
        self.shared.check.check(tenant, task, content, partials)
    }

    /// What is found in the draft.
    ///
    /// # Errors
    /// When there is no draft, or the store cannot be read.
    pub async fn check_draft(
        &self,
        tenant: &TenantId,
        task: &TaskName,
    ) -> Result<Checked, PromptError> {
        let draft = self.content(tenant, task, &ContentName::Draft).await?;
        self.check(tenant, task, &draft.content).await
    }

    /// The content of this name.
    ///
    /// # Errors
    /// [`PromptError::NoSuchPrompt`] and [`PromptError::NoSuchContent`]; or the store cannot be
    /// read.
    pub async fn content(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        name: &ContentName,
    ) -> Result<Named, PromptError> {
        let state = self.existing(tenant, task).await?;
        let of_version = |number: u32| {
            state.version(number).map(|version| Named {
                content: Arc::clone(&version.content),
                hash: version.hash,
                which: Tested::Version(number),
            })
        };
        let named = match name {
            ContentName::Draft => state.draft.as_ref().map(|draft| Named {
                hash: draft.content.hash(),
                content: Arc::clone(&draft.content),
                which: Tested::Draft(draft.edit),
            }),
            ContentName::Version(number) => of_version(*number),
            ContentName::Label(label) => state.labelled(label).and_then(of_version),
        };
        named.ok_or_else(|| PromptError::NoSuchContent {
            task: task.clone(),
            name: name.clone(),
        })
    }

    /// The content of this name as it would be published: with its partials written in, and sound.
    /// This is what is tested.
    ///
    /// # Errors
    /// [`PromptError::Broken`] when it has mistakes; and those of [`Self::content`].
    pub async fn sound_content(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        name: &ContentName,
    ) -> Result<Named, PromptError> {
        let named = self.content(tenant, task, name).await?;
        match named.which {
            Tested::Version(_) => Ok(named),
            Tested::Draft(_) => {
                let content = sound(self.check(tenant, task, &named.content).await?)?;
                Ok(Named {
                    hash: content.hash(),
                    content,
                    which: named.which,
                })
            }
        }
    }

    async fn existing(
        &self,
        tenant: &TenantId,
        task: &TaskName,
    ) -> Result<PromptState, PromptError> {
        let state = self.state(tenant, task).await?;
        state.ok_or_else(|| PromptError::NoSuchPrompt(task.clone()))
    }
}

fn sound(checked: Checked) -> Result<Arc<Content>, PromptError> {
    if checked.is_sound() {
        return Ok(checked.content);
    }
    let findings = checked.findings;
    Err(PromptError::Broken { findings })
}
