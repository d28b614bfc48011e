//! Contents that are tried out, in effect or not.

use std::sync::Arc;

use punchcard_events::prompt::Content;
use punchcard_events::{TaskName, TenantId};

use super::Tasks;
use crate::prompts::{CompiledPrompt, Flaw, Uncompiled};

/// A content, ready for use with its task's settings.
#[derive(Debug)]
pub(crate) struct Trial {
    /// The content.
    pub(crate) prompt: CompiledPrompt,
    /// Whether the tenant's API prepares the inputs: what a prompt sees is then not what an issuer
    /// sends.
    pub(crate) prepared_by_hook: bool,
}

impl Tasks {
    /// Makes a content ready that nobody may have published. It is not kept.
    ///
    /// # Errors
    /// With what makes it unusable.
    pub(crate) fn try_out(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        content: &Arc<Content>,
    ) -> Result<Trial, Vec<Flaw>> {
        let Some(settings) = self.settings.of(tenant, task) else {
            // Every key is a configured tenant's.
            return Err(vec![]);
        };
        Ok(Trial {
            prompt: CompiledPrompt::compile(content, settings.limits())
                .map_err(Uncompiled::into_flaws)?,
            prepared_by_hook: settings.has_pre_process(),
        })
    }
}
