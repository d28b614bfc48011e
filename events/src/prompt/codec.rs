//! How prompt events are stored.

use super::event::{Act, PromptEvent};
use crate::codec::stored;
use crate::recorded::Upcaster;

/// Every upcaster of prompt events ever needed. Empty while all types are at version 1.
pub(super) const UPCASTERS: &[Upcaster] = &[];

stored!(
    PromptEvent,
    UPCASTERS,
    [
        PromptDrafted @ 1,
        DraftDiscarded @ 1,
        PromptPublished @ 1,
        LabelMoved @ 1,
        LabelRemoved @ 1,
        CanaryStarted @ 1,
        CanaryEnded @ 1,
        TestSetSaved @ 1,
        PromptTested @ 1,
        PromptShadowed @ 1,
        DeploymentPolicySet @ 1,
        PromptRetired @ 1,
        PromptRestored @ 1,
    ]
);

impl PromptEvent {
    /// When it was done, and by whom.
    pub const fn act(&self) -> &Act {
        match self {
            Self::PromptDrafted(body) => &body.act,
            Self::DraftDiscarded(body) => &body.act,
            Self::PromptPublished(body) => &body.act,
            Self::LabelMoved(body) => &body.act,
            Self::LabelRemoved(body) => &body.act,
            Self::CanaryStarted(body) => &body.act,
            Self::CanaryEnded(body) => &body.act,
            Self::TestSetSaved(body) => &body.act,
            Self::PromptTested(body) => &body.act,
            Self::PromptShadowed(body) => &body.act,
            Self::DeploymentPolicySet(body) => &body.act,
            Self::PromptRetired(body) => &body.act,
            Self::PromptRestored(body) => &body.act,
        }
    }
}
