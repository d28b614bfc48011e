//! A prompt without its texts: a smaller fold than the state, for lists, for what tickets run, and
//! for what they ran at a time. One of these stays in memory for every prompt.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use uuid::Uuid;

use super::content::ContentHash;
use super::event::{
    Act, CanaryEnded, CanaryStarted, DeploymentPolicy, LabelMoved, PromptEvent, PromptShadowed,
    PromptTested,
};
use super::limits;
use super::outline::{PromptOutline, PublishedOutline};
use super::state::{self, LabelState};
use super::timeline::{LabelMove, Timeline};
use crate::ids::LabelName;
use crate::recorded::Revision;
use crate::time::Timestamp;

/// What is known of a prompt without reading its texts. Rebuilt from the events at any time; never
/// asked whether a command fits.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PromptSummary {
    /// The revision of the newest event; absent before the first.
    pub revision: Option<Revision>,
    /// When and by whom that event was done.
    pub changed: Option<Act>,
    /// What is being edited.
    pub draft: Option<DraftLine>,
    /// The highest edit number ever given; 0 before the first.
    pub last_edit: u32,
    /// All versions, the first of them number 1.
    pub versions: Vec<VersionLine>,
    /// Where the labels point to.
    pub labels: BTreeMap<LabelName, LabelState>,
    /// The running canary.
    pub canary: Option<CanaryStarted>,
    /// The present test set.
    pub test_set: Option<TestSetLine>,
    /// Results of test runs in the order they were recorded, as in
    /// [`PromptState::tests`](super::PromptState::tests).
    pub tests: Vec<PromptTested>,
    /// Results of shadow runs in the order they were recorded, as in
    /// [`PromptState::shadows`](super::PromptState::shadows).
    pub shadows: Vec<PromptShadowed>,
    /// What a deployment needs besides a passed test run.
    pub policy: DeploymentPolicy,
    /// Since when, and by whom, no new tickets are taken; absent while they are.
    pub retired: Option<Act>,
    /// Where labels pointed to.
    pub timeline: Timeline,
    /// The canaries there were, the running one last; the newest [`limits::CANARIES`].
    pub canaries: VecDeque<CanarySpan>,
}

/// What is being edited, without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DraftLine {
    /// The newest edit's number.
    pub edit: u32,
    /// The version it began as a copy of, where it did.
    pub based_on: Option<u32>,
    /// When and by whom it was last saved.
    pub act: Act,
}

/// A version without its text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionLine {
    /// Its number, from 1.
    pub number: u32,
    /// Its content's identity.
    pub hash: ContentHash,
    /// When and by whom it was published.
    pub act: Act,
    /// Where its content stands: the `PromptPublished` at this revision of the prompt's stream.
    pub revision: Revision,
}

/// The present test set, without its cases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TestSetLine {
    /// Its number.
    pub number: u32,
    /// How many cases it has.
    pub cases: usize,
}

/// A canary, and how long it ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CanarySpan {
    /// The canary.
    pub canary: Uuid,
    /// The version that its share of the users got.
    pub version: u32,
    /// How many of a hundred users that were.
    pub percent: u8,
    /// Since when.
    pub since: Timestamp,
    /// Until when; absent while it runs.
    pub until: Option<Timestamp>,
}

impl PromptSummary {
    /// Folds in the event at `revision` of the prompt's stream. Events come in their order; one
    /// that was folded in already changes nothing, so two sources may hand over the same events.
    pub fn apply(&mut self, event: &PromptEvent, revision: Revision) {
        self.apply_outline(&PromptOutline::of(event), revision);
    }

    /// As [`apply`](Self::apply), for an event that was read without its texts.
    pub fn apply_outline(&mut self, event: &PromptOutline<'_>, revision: Revision) {
        if self.revision >= Some(revision) {
            return;
        }
        self.revision = Some(revision);
        self.changed = Some(event.act().clone());
        match event {
            PromptOutline::Drafted(drafted) => {
                self.last_edit = drafted.edit;
                self.draft = Some(DraftLine {
                    edit: drafted.edit,
                    based_on: drafted.based_on,
                    act: drafted.act.clone(),
                });
            }
            PromptOutline::Published(published) => self.published(published, revision),
            PromptOutline::TestSetSaved(saved) => {
                self.test_set = Some(TestSetLine {
                    number: saved.number,
                    cases: saved.cases,
                });
            }
            PromptOutline::Whole(event) => self.whole(event),
        }
    }

    /// The revision that the next event of the prompt's stream has.
    pub fn next_revision(&self) -> Revision {
        self.revision.map_or(Revision::FIRST, Revision::next)
    }

    /// The version that a label points to. For `production` that is what tickets run, but for the
    /// canary's share of the users. It holds for a retired prompt too: tickets that were taken
    /// before still run it.
    pub fn effective(&self, label: &LabelName) -> Option<u32> {
        self.labels.get(label).map(|label| label.version)
    }

    /// The version in production.
    pub fn production(&self) -> Option<u32> {
        self.effective(&LabelName::production())
    }

    /// The versions that tickets may run now: those with a label, and the canary's.
    pub fn in_effect(&self) -> BTreeSet<u32> {
        let labelled = self.labels.values().map(|label| label.version);
        labelled
            .chain(self.canary.as_ref().map(|canary| canary.version))
            .collect()
    }

    /// The version of this number.
    pub fn version(&self, number: u32) -> Option<&VersionLine> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        self.versions.get(index)
    }

    /// The newest version.
    pub fn latest(&self) -> Option<&VersionLine> {
        self.versions.last()
    }

    /// The labels that point to a version.
    pub fn labels_of(&self, version: u32) -> impl Iterator<Item = &LabelName> {
        let here = move |(_, state): &(&LabelName, &LabelState)| state.version == version;
        self.labels.iter().filter(here).map(|(label, _)| label)
    }

    /// The newest result of a content under the present test set.
    pub fn newest_test(&self, hash: ContentHash) -> Option<&PromptTested> {
        state::newest(&self.tests, hash, self.test_set?.number)
    }

    /// The version that a label pointed to at `time`, and since when it did. `None`: it pointed
    /// nowhere, or that is [forgotten](Timeline::is_forgotten).
    ///
    /// Times are those of the writers' clocks. The order of the events counts, so of two moves with
    /// one time the later is meant.
    pub fn at(&self, label: &LabelName, time: Timestamp) -> Option<(u32, Timestamp)> {
        let mut newest_first = self.timeline.of(label).rev();
        let moved = newest_first.find(|moved| moved.at <= time)?;
        Some((moved.to?, moved.at))
    }

    /// When the label was next moved or taken away after `time`; `None`: not yet.
    pub fn until(&self, label: &LabelName, time: Timestamp) -> Option<Timestamp> {
        let mut newest_first = self.timeline.of(label).enumerate().rev();
        let stood = newest_first.find(|(_, moved)| moved.at <= time);
        let after = stood.map_or(0, |(index, _)| index.saturating_add(1));
        let mut later = self.timeline.of(label).skip(after);
        later.next().map(|moved| moved.at)
    }

    /// The canary that ran at `time`.
    pub fn canary_at(&self, time: Timestamp) -> Option<&CanarySpan> {
        let ran =
            |span: &&CanarySpan| span.since <= time && span.until.is_none_or(|until| time < until);
        self.canaries.iter().rev().find(ran)
    }

    fn whole(&mut self, event: &PromptEvent) {
        match event {
            // These have outlines.
            PromptEvent::PromptDrafted(_)
            | PromptEvent::PromptPublished(_)
            | PromptEvent::TestSetSaved(_) => {}
            PromptEvent::DraftDiscarded(_) => self.draft = None,
            PromptEvent::LabelMoved(moved) => self.moved(moved),
            PromptEvent::LabelRemoved(removed) => {
                self.labels.remove(&removed.label);
                self.remember(&removed.label, None, removed.act.at);
            }
            PromptEvent::CanaryStarted(canary) => self.canary_started(canary),
            PromptEvent::CanaryEnded(ended) => self.canary_ended(ended),
            PromptEvent::PromptTested(tested) => state::record(&mut self.tests, tested),
            PromptEvent::PromptShadowed(shadowed) => {
                state::record_shadow(&mut self.shadows, shadowed);
            }
            PromptEvent::DeploymentPolicySet(set) => self.policy = set.policy,
            PromptEvent::PromptRetired(retired) => self.retired = Some(retired.act.clone()),
            PromptEvent::PromptRestored(_) => self.retired = None,
        }
    }

    fn published(&mut self, published: &PublishedOutline, revision: Revision) {
        self.draft = None;
        self.versions.push(VersionLine {
            number: published.version,
            hash: published.hash,
            act: published.act.clone(),
            revision,
        });
    }

    fn moved(&mut self, moved: &LabelMoved) {
        let before = self.labels.remove(&moved.label);
        let after = LabelState::after(before, moved);
        self.labels.insert(moved.label.clone(), after);
        self.remember(&moved.label, Some(moved.to), moved.act.at);
    }

    fn remember(&mut self, label: &LabelName, to: Option<u32>, at: Timestamp) {
        self.timeline.remember(label, LabelMove { to, at });
    }

    fn canary_started(&mut self, canary: &CanaryStarted) {
        if self.canaries.len() >= limits::CANARIES {
            self.canaries.pop_front();
        }
        self.canaries.push_back(CanarySpan {
            canary: canary.canary,
            version: canary.version,
            percent: canary.percent,
            since: canary.act.at,
            until: None,
        });
        self.canary = Some(canary.clone());
    }

    fn canary_ended(&mut self, ended: &CanaryEnded) {
        self.canary = None;
        let mut newest_first = self.canaries.iter_mut().rev();
        if let Some(span) = newest_first.find(|span| span.canary == ended.canary) {
            span.until = Some(ended.act.at);
        }
    }
}
