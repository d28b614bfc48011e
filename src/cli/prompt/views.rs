//! Prompts as the API shows them. Fields that a newer server adds are passed over here and kept by
//! `--json`.

use std::fmt;

use punchcard_events::Timestamp;
use punchcard_events::prompt::{CanaryBounds, CanaryTally, Content, TestCase, Tested};
use punchcard_events::ticket::Usage;
use serde::Deserialize;
use uuid::Uuid;

use super::when;
use crate::cli::style;

/// Who did something.
#[derive(Debug, Clone, Deserialize)]
pub(in crate::cli) struct By {
    kind: String,
    #[serde(default)]
    prefix: Option<String>,
    #[serde(default)]
    name: Option<String>,
}

impl fmt::Display for By {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.name.as_deref().or(self.prefix.as_deref());
        let who = match (self.kind.as_str(), key) {
            ("configuration", _) => "the configuration",
            ("runtime", _) => "the server itself",
            (_, Some(key)) => key,
            (kind, None) => kind,
        };
        f.write_str(&style::one_line(who))
    }
}

/// A page of prompts.
#[derive(Debug, Deserialize)]
pub(super) struct PromptPage {
    pub(super) prompts: Vec<PromptView>,
}

/// A prompt without its texts.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct PromptView {
    pub(super) task: String,
    #[serde(default)]
    pub(super) retired: Option<serde_json::Value>,
    #[serde(default)]
    pub(super) labels: Vec<LabelView>,
    #[serde(default)]
    pub(super) production: Option<u32>,
    #[serde(default)]
    pub(super) draft: Option<DraftLine>,
    #[serde(default)]
    pub(super) versions: u32,
    #[serde(default)]
    pub(super) latest: Option<u32>,
    #[serde(default)]
    pub(super) test_set: Option<TestSetLine>,
    #[serde(default)]
    pub(super) canary: Option<CanaryView>,
}

impl PromptView {
    /// What a label points to.
    pub(super) fn label(&self, label: &str) -> Option<&LabelView> {
        self.labels.iter().find(|view| view.label == label)
    }

    /// The canary's id: what a change of production says that its author saw.
    pub(super) fn canary_id(&self) -> Option<Uuid> {
        self.canary.as_ref().and_then(|canary| canary.canary)
    }

    /// Whether the task takes no tickets.
    pub(super) fn is_retired(&self) -> bool {
        !matches!(
            self.retired,
            None | Some(serde_json::Value::Null | serde_json::Value::Bool(false))
        )
    }
}

/// A label and what it points to.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct LabelView {
    pub(super) label: String,
    pub(super) version: u32,
    pub(super) since: Timestamp,
    pub(super) by: By,
}

/// A draft without its text.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct DraftLine {
    pub(super) edit: u32,
    #[serde(default)]
    pub(super) based_on: Option<u32>,
    pub(super) saved_at: Timestamp,
    pub(super) by: By,
}

/// A test set without its cases.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct TestSetLine {
    pub(super) number: u32,
    pub(super) cases: u32,
}

/// A canary.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CanaryView {
    #[serde(default)]
    pub(super) canary: Option<Uuid>,
    pub(super) version: u32,
    #[serde(default)]
    pub(super) beside: Option<u32>,
    pub(super) percent: u8,
    #[serde(default)]
    pub(super) bounds: Option<CanaryBounds>,
    pub(super) since: Timestamp,
    pub(super) by: By,
    #[serde(default)]
    pub(super) tally: Option<CanaryTally>,
}

/// A draft.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct DraftView {
    pub(super) edit: u32,
    pub(super) content: Content,
    #[serde(default)]
    pub(super) findings: Vec<FindingView>,
}

/// Something that is wrong, or may be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct FindingView {
    /// The task whose prompt it is in, where there are several.
    #[serde(default)]
    pub(super) prompt: Option<String>,
    #[serde(default)]
    pub(super) severity: String,
    #[serde(default)]
    pub(super) place: String,
    #[serde(default)]
    pub(super) line: Option<usize>,
    #[serde(default)]
    pub(super) column: Option<usize>,
    pub(super) message: String,
    #[serde(default)]
    pub(super) remedy: String,
}

impl FindingView {
    /// Whether it keeps the draft from being published.
    pub(super) fn is_error(&self) -> bool {
        self.severity != "warning"
    }
}

/// A page of versions.
#[derive(Debug, Deserialize)]
pub(super) struct VersionPage {
    pub(super) versions: Vec<VersionLine>,
}

/// A version without its text.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct VersionLine {
    pub(super) version: u32,
    #[serde(default)]
    pub(super) notes: String,
    pub(super) published_at: Timestamp,
    pub(super) by: By,
    #[serde(default)]
    pub(super) labels: Vec<String>,
    #[serde(default)]
    pub(super) tests: Vec<TestLine>,
}

/// A test run's result.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct TestLine {
    pub(super) passed: bool,
    pub(super) cases: u32,
    pub(super) failed: u32,
    pub(super) test_set: u32,
    pub(super) at: Timestamp,
}

impl fmt::Display for TestLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cases, at) = (self.cases, when::said(self.at));
        match (self.passed, self.failed) {
            (true, _) => write!(
                f,
                "passed all {cases} cases of test set {}, {at}",
                self.test_set
            ),
            (false, failed) => write!(
                f,
                "{failed} of {cases} cases of test set {} failed, {at}",
                self.test_set
            ),
        }
    }
}

/// A content by its name: of a version or of the draft.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ContentView {
    #[serde(default)]
    pub(super) version: Option<u32>,
    #[serde(default)]
    pub(super) edit: Option<u32>,
    #[serde(default)]
    pub(super) hash: Option<String>,
    pub(super) content: Content,
    #[serde(default)]
    pub(super) notes: String,
    #[serde(default)]
    pub(super) tests: Vec<TestLine>,
}

/// A test set.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct TestSetView {
    #[serde(default)]
    pub(super) number: Option<u32>,
    #[serde(default)]
    pub(super) cases: Vec<TestCase>,
    #[serde(default)]
    pub(super) findings: Vec<FindingView>,
}

/// One thing that happened to a prompt.
#[derive(Debug, Deserialize)]
pub(super) struct HistoryEntry {
    pub(super) revision: u64,
    pub(super) at: Timestamp,
    /// What happened, and by whom.
    pub(super) sentence: String,
}

/// What was in use at a time.
#[derive(Debug, Deserialize)]
pub(super) struct AtView {
    #[serde(default)]
    pub(super) forgotten: bool,
    #[serde(default)]
    pub(super) version: Option<u32>,
    #[serde(default)]
    pub(super) since: Option<Timestamp>,
    #[serde(default)]
    pub(super) until: Option<Timestamp>,
    #[serde(default)]
    pub(super) canary: Option<AtCanary>,
}

/// A canary that was running at a time.
#[derive(Debug, Deserialize)]
pub(super) struct AtCanary {
    pub(super) version: u32,
    pub(super) percent: u8,
}

/// A test run.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct RunView {
    pub(super) run: Uuid,
    #[serde(default)]
    pub(super) tested: Option<Tested>,
    pub(super) state: RunState,
    #[serde(default)]
    pub(super) reason: Option<String>,
    pub(super) cases_total: u32,
    pub(super) cases_done: u32,
    #[serde(default)]
    pub(super) baseline: Option<BaselineView>,
    #[serde(default)]
    pub(super) cases: Vec<CaseView>,
}

/// What a run is compared with.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct BaselineView {
    pub(super) version: u32,
}

/// How far a run has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RunState {
    /// It runs.
    Running,
    /// All cases passed.
    Passed,
    /// Cases failed.
    Failed,
    /// Somebody stopped it.
    Stopped,
    /// The server was stopped while it ran.
    Interrupted,
}

/// One case of a run.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CaseView {
    pub(super) case: String,
    #[serde(flatten)]
    pub(super) tried: ArmView,
    #[serde(default)]
    pub(super) baseline: Option<ArmView>,
    #[serde(default)]
    pub(super) compared: Option<String>,
}

/// What one content did with a case.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ArmView {
    #[serde(default)]
    pub(super) failures: Vec<String>,
    #[serde(default)]
    pub(super) usage: Option<Usage>,
    #[serde(default)]
    pub(super) cost_usd: Option<f64>,
    #[serde(default)]
    pub(super) latency_ms: u64,
}

/// A message as the model would be sent it.
#[derive(Debug, Deserialize)]
pub(super) struct MessageView {
    pub(super) role: String,
    pub(super) content: String,
}
