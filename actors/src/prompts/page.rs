//! One prompt as the book holds it: its summary, and the contents that tickets may run.

use std::collections::BTreeMap;
use std::sync::Arc;

use punchcard_events::Revision;
use punchcard_events::prompt::{Content, PromptEvent, PromptOutline, PromptSummary};

/// A page of the book. Clones share what they hold until one of them changes.
#[derive(Debug, Clone, Default)]
pub(super) struct Page {
    pub(super) summary: Arc<PromptSummary>,
    /// Of the versions that are in effect, and of the newest that was published while the book was
    /// kept, because it is likely to be next.
    contents: Arc<BTreeMap<u32, Arc<Content>>>,
}

impl Page {
    /// Folds in the event at `revision`, which comes next.
    pub(super) fn fold(&mut self, event: &PromptEvent, revision: Revision) {
        let outdated = self.summary.latest().map(|version| version.number);
        Arc::make_mut(&mut self.summary).apply(event, revision);
        match event {
            PromptEvent::PromptPublished(published) => {
                let contents = Arc::make_mut(&mut self.contents);
                contents.insert(published.version, Arc::clone(&published.content));
                if let Some(outdated) = outdated {
                    self.drop_unless_in_effect(outdated);
                }
            }
            PromptEvent::LabelMoved(moved) => {
                if let Some(from) = moved.from {
                    self.drop_unless_in_effect(from);
                }
            }
            PromptEvent::LabelRemoved(removed) => self.drop_unless_in_effect(removed.from),
            PromptEvent::CanaryEnded(ended) => self.drop_unless_in_effect(ended.version),
            PromptEvent::PromptDrafted(_)
            | PromptEvent::DraftDiscarded(_)
            | PromptEvent::CanaryStarted(_)
            | PromptEvent::TestSetSaved(_)
            | PromptEvent::PromptTested(_)
            | PromptEvent::PromptShadowed(_)
            | PromptEvent::DeploymentPolicySet(_)
            | PromptEvent::PromptRetired(_)
            | PromptEvent::PromptRestored(_) => {}
        }
    }

    /// Folds in the event at `revision`, which comes next, without a look at its texts: the contents
    /// in effect are [`missing`](Self::missing) then.
    pub(super) fn fold_outline(&mut self, event: &PromptOutline<'_>, revision: Revision) {
        Arc::make_mut(&mut self.summary).apply_outline(event, revision);
    }

    /// The content of a version, if it is one of those held.
    pub(super) fn content(&self, version: u32) -> Option<&Arc<Content>> {
        self.contents.get(&version)
    }

    /// Takes a content that [`Self::missing`] named.
    pub(super) fn supply(&mut self, version: u32, content: Arc<Content>) {
        Arc::make_mut(&mut self.contents).insert(version, content);
    }

    /// The versions in effect whose contents were let go before they came into effect.
    pub(super) fn missing(&self) -> Vec<u32> {
        let in_effect = self.summary.in_effect().into_iter();
        in_effect
            .filter(|version| !self.contents.contains_key(version))
            .collect()
    }

    fn drop_unless_in_effect(&mut self, version: u32) {
        let newest = self.summary.latest().map(|newest| newest.number);
        if newest == Some(version) || self.summary.in_effect().contains(&version) {
            return;
        }
        Arc::make_mut(&mut self.contents).remove(&version);
    }
}
