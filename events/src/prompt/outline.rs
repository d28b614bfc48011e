//! An event without its texts: all that a [`PromptSummary`](super::PromptSummary) is folded from.
//!
//! Most of what is stored of a prompt is the texts of drafts and versions that nothing runs any
//! more. Whoever replays many prompts reads past them: no text is taken out of the JSON, and none is
//! in memory.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::codec::UPCASTERS;
use super::content::ContentHash;
use super::event::{Act, PromptEvent};
use crate::codec::read;
use crate::recorded::DecodeError;

/// An event of a prompt without its texts.
#[derive(Debug, Clone, PartialEq)]
pub enum PromptOutline<'a> {
    /// The draft was written or changed.
    Drafted(DraftedOutline),
    /// The draft became a version.
    Published(PublishedOutline),
    /// The test set was written or changed.
    TestSetSaved(TestSetOutline),
    /// Any other event: these have no long texts.
    Whole(Cow<'a, PromptEvent>),
}

/// `PromptDrafted` without its content.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct DraftedOutline {
    /// The number of this edit.
    pub edit: u32,
    /// The version that the draft began as a copy of, where it did.
    #[serde(default)]
    pub based_on: Option<u32>,
    /// When and by whom.
    pub act: Act,
}

/// `PromptPublished` without its content and its notes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct PublishedOutline {
    /// The version's number.
    pub version: u32,
    /// The content's identity.
    pub hash: ContentHash,
    /// When and by whom.
    pub act: Act,
}

/// `TestSetSaved` without its cases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestSetOutline {
    /// The set's number.
    pub number: u32,
    /// How many cases it has.
    pub cases: usize,
    /// When and by whom.
    pub act: Act,
}

/// `TestSetSaved` as it is read.
#[derive(Deserialize)]
struct SavedTestSet {
    test_set: CountedTestSet,
    act: Act,
}

#[derive(Deserialize)]
struct CountedTestSet {
    number: u32,
    cases: Vec<IgnoredAny>,
}

impl<'a> PromptOutline<'a> {
    /// The outline of an event.
    pub fn of(event: &'a PromptEvent) -> Self {
        match event {
            PromptEvent::PromptDrafted(drafted) => Self::Drafted(DraftedOutline {
                edit: drafted.edit,
                based_on: drafted.based_on,
                act: drafted.act.clone(),
            }),
            PromptEvent::PromptPublished(published) => Self::Published(PublishedOutline {
                version: published.version,
                hash: published.hash,
                act: published.act.clone(),
            }),
            PromptEvent::TestSetSaved(saved) => Self::TestSetSaved(TestSetOutline {
                number: saved.test_set.number,
                cases: saved.test_set.cases.len(),
                act: saved.act.clone(),
            }),
            PromptEvent::DraftDiscarded(_)
            | PromptEvent::LabelMoved(_)
            | PromptEvent::LabelRemoved(_)
            | PromptEvent::CanaryStarted(_)
            | PromptEvent::CanaryEnded(_)
            | PromptEvent::PromptTested(_)
            | PromptEvent::PromptShadowed(_)
            | PromptEvent::DeploymentPolicySet(_)
            | PromptEvent::PromptRetired(_)
            | PromptEvent::PromptRestored(_) => Self::Whole(Cow::Borrowed(event)),
        }
    }

    /// When it was done, and by whom.
    pub fn act(&self) -> &Act {
        match self {
            Self::Drafted(drafted) => &drafted.act,
            Self::Published(published) => &published.act,
            Self::TestSetSaved(saved) => &saved.act,
            Self::Whole(event) => event.act(),
        }
    }
}

impl PromptOutline<'static> {
    /// Reads a stored body of any schema version ever shipped, as [`PromptEvent::decode`] does, but
    /// without its texts. They are not looked at: a body may have an outline whose content cannot
    /// be read.
    ///
    /// # Errors
    /// When the type is unknown, its schema newer than this build, or the body does not fit.
    pub fn decode(kind: &str, version: u16, data: &str) -> Result<Self, DecodeError> {
        let current = PromptEvent::KINDS
            .iter()
            .find(|(known, _)| *known == kind)
            .map(|(_, current)| *current)
            .ok_or_else(|| DecodeError::UnknownKind(kind.to_owned()))?;
        match kind {
            "PromptDrafted" => read(UPCASTERS, kind, version, current, data).map(Self::Drafted),
            "PromptPublished" => read(UPCASTERS, kind, version, current, data).map(Self::Published),
            "TestSetSaved" => {
                let saved: SavedTestSet = read(UPCASTERS, kind, version, current, data)?;
                Ok(Self::TestSetSaved(TestSetOutline {
                    number: saved.test_set.number,
                    cases: saved.test_set.cases.len(),
                    act: saved.act,
                }))
            }
            _ => {
                PromptEvent::decode(kind, version, data).map(|event| Self::Whole(Cow::Owned(event)))
            }
        }
    }
}
