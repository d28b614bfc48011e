//! Prompts as the API shows them.

use std::sync::Arc;

use punchcard_actors::ports::{Checked, Finding};
use punchcard_events::prompt::{
    Act, Author, CanaryBounds, CanaryStarted, CanaryTally, Content, ContentHash, Draft, LabelState,
    MoveCause, PromptState, PromptSummary, PromptTested, Version,
};
use punchcard_events::{LabelName, TaskName, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

/// Who did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(in crate::http) struct ByView {
    kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

impl From<&Author> for ByView {
    fn from(author: &Author) -> Self {
        let by = |kind| Self {
            kind,
            prefix: None,
            name: None,
        };
        match author {
            Author::Key { prefix, name } => Self {
                prefix: Some(prefix.clone()),
                name: name.clone(),
                ..by("key")
            },
            Author::Configuration => by("configuration"),
            Author::Runtime => by("runtime"),
        }
    }
}

/// A page of prompts.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PromptPage {
    pub(super) prompts: Vec<PromptView>,
    /// What `after` is for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<TaskName>,
}

/// A prompt without its texts. What there is not is `null`, so that its fields are always the same.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PromptView {
    task: TaskName,
    retired: Option<DoneView>,
    production: Option<u32>,
    labels: Vec<LabelView>,
    draft: Option<DraftLineView>,
    versions: usize,
    latest: Option<u32>,
    test_set: Option<TestSetLineView>,
    canary: Option<CanaryView>,
    changed_at: Option<Timestamp>,
}

impl PromptView {
    /// `tally` is what was seen of the running canary.
    pub(super) fn of(
        task: TaskName,
        summary: &PromptSummary,
        tally: impl Fn(Uuid) -> Option<CanaryTally>,
    ) -> Self {
        let labels = summary.labels.iter();
        let canary = summary.canary.as_ref();
        Self {
            task,
            retired: summary.retired.as_ref().map(DoneView::from),
            production: summary.production(),
            labels: labels.map(LabelView::from).collect(),
            draft: summary.draft.as_ref().map(|draft| DraftLineView {
                edit: draft.edit,
                based_on: draft.based_on,
                saved_at: draft.act.at,
                by: (&draft.act.by).into(),
            }),
            versions: summary.versions.len(),
            latest: summary.latest().map(|version| version.number),
            test_set: summary.test_set.map(|set| TestSetLineView {
                number: set.number,
                cases: set.cases,
            }),
            canary: canary.map(|canary| CanaryView::of(canary, tally(canary.canary))),
            changed_at: summary.changed.as_ref().map(|act| act.at),
        }
    }
}

/// When something was done, and by whom.
#[derive(Debug, Serialize, JsonSchema)]
struct DoneView {
    at: Timestamp,
    by: ByView,
}

impl From<&Act> for DoneView {
    fn from(act: &Act) -> Self {
        Self {
            at: act.at,
            by: (&act.by).into(),
        }
    }
}

/// A label and the version it points to.
#[derive(Debug, Serialize, JsonSchema)]
struct LabelView {
    label: LabelName,
    version: u32,
    since: Timestamp,
    by: ByView,
    cause: MoveCause,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl From<(&LabelName, &LabelState)> for LabelView {
    fn from((label, state): (&LabelName, &LabelState)) -> Self {
        Self {
            label: label.clone(),
            version: state.version,
            since: state.act.at,
            by: (&state.act.by).into(),
            cause: state.cause,
            reason: state.reason.clone(),
        }
    }
}

#[derive(Debug, Serialize, JsonSchema)]
struct DraftLineView {
    edit: u32,
    based_on: Option<u32>,
    saved_at: Timestamp,
    by: ByView,
}

#[derive(Debug, Serialize, JsonSchema)]
struct TestSetLineView {
    number: u32,
    cases: usize,
}

/// A running canary, and what was seen of it.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct CanaryView {
    canary: Uuid,
    version: u32,
    beside: u32,
    percent: u8,
    bounds: CanaryBounds,
    since: Timestamp,
    by: ByView,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// `null` as long as nobody has counted.
    tally: Option<CanaryTally>,
}

impl CanaryView {
    pub(super) fn of(canary: &CanaryStarted, tally: Option<CanaryTally>) -> Self {
        Self {
            canary: canary.canary,
            version: canary.version,
            beside: canary.beside,
            percent: canary.percent,
            bounds: canary.bounds,
            since: canary.act.at,
            by: (&canary.act.by).into(),
            reason: canary.reason.clone(),
            tally,
        }
    }
}

/// The draft, whole.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct DraftView {
    task: TaskName,
    edit: u32,
    based_on: Option<u32>,
    /// Of the content with the partials as they are now: that of the version it would become.
    hash: ContentHash,
    content: Arc<Content>,
    findings: Vec<Finding>,
    tests: Vec<TestView>,
    saved_at: Timestamp,
    by: ByView,
}

impl DraftView {
    pub(super) fn of(task: TaskName, draft: &Draft, checked: Checked, state: &PromptState) -> Self {
        let hash = checked.content.hash();
        Self {
            task,
            edit: draft.edit,
            based_on: draft.based_on,
            hash,
            content: Arc::clone(&draft.content),
            findings: checked.findings,
            tests: tests_of(state, hash),
            saved_at: draft.act.at,
            by: (&draft.act.by).into(),
        }
    }
}

/// A page of versions, the newest first.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct VersionPage {
    pub(super) versions: Vec<VersionView>,
    /// What `after` is for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<u32>,
}

/// A version; in a list without its content.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct VersionView {
    task: TaskName,
    version: u32,
    hash: ContentHash,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Arc<Content>>,
    notes: String,
    published_at: Timestamp,
    by: ByView,
    labels: Vec<LabelName>,
    tests: Vec<TestView>,
}

impl VersionView {
    /// A version of a list.
    pub(super) fn line(task: TaskName, version: &Version, state: &PromptState) -> Self {
        let labels = state.labels.iter();
        let here = labels.filter(|(_, label)| label.version == version.number);
        Self {
            task,
            version: version.number,
            hash: version.hash,
            content: None,
            notes: version.notes.clone(),
            published_at: version.act.at,
            by: (&version.act.by).into(),
            labels: here.map(|(label, _)| label.clone()).collect(),
            tests: tests_of(state, version.hash),
        }
    }

    /// A version with its content.
    pub(super) fn whole(task: TaskName, version: &Version, state: &PromptState) -> Self {
        Self {
            content: Some(Arc::clone(&version.content)),
            ..Self::line(task, version, state)
        }
    }
}

/// The result of a test run.
#[derive(Debug, Serialize, JsonSchema)]
struct TestView {
    run: Uuid,
    passed: bool,
    cases: u32,
    failed: u32,
    test_set: u32,
    at: Timestamp,
}

impl From<&PromptTested> for TestView {
    fn from(tested: &PromptTested) -> Self {
        Self {
            run: tested.run,
            passed: tested.passed(),
            cases: tested.cases,
            failed: tested.failed,
            test_set: tested.test_set,
            at: tested.act.at,
        }
    }
}

/// The results of a content, the newest first.
fn tests_of(state: &PromptState, hash: ContentHash) -> Vec<TestView> {
    let newest_first = state.tests.iter().rev();
    let of_content = newest_first.filter(|tested| tested.hash == hash);
    of_content.map(TestView::from).collect()
}
