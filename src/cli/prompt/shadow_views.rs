//! Shadow runs and deployment policies as the API shows them. Fields that a newer server adds are passed
//! over here and kept by `--json`.

use punchcard_events::prompt::ShadowRunPolicy;
use punchcard_events::shadow_run::CaseVerdict;
use punchcard_events::{TaskName, TicketId, Timestamp};
use serde::Deserialize;
use uuid::Uuid;

use super::views::By;

/// Tokens, and US dollars where the model has a price.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct AmountView {
    pub(super) prompt_tokens: u64,
    pub(super) completion_tokens: u64,
    pub(super) cost_usd: Option<f64>,
}

/// What a run would be.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct PlanView {
    pub(super) matched: u32,
    pub(super) cases: u32,
    pub(super) seed: u32,
    #[serde(default)]
    pub(super) estimate: AmountView,
}

/// A page of runs.
#[derive(Debug, Deserialize)]
pub(super) struct ShadowRunPage {
    pub(super) shadow_runs: Vec<ShadowRunView>,
    #[serde(default)]
    pub(super) next_cursor: Option<Uuid>,
}

/// A run as it stands.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ShadowRunView {
    pub(super) run: Uuid,
    pub(super) task: TaskName,
    pub(super) candidate: CandidateView,
    pub(super) state: ShadowState,
    #[serde(default)]
    pub(super) reason: Option<String>,
    pub(super) by: By,
    pub(super) started_at: Timestamp,
    pub(super) cases_total: u32,
    pub(super) cases_done: u32,
    #[serde(default)]
    pub(super) cases_failed: u32,
    #[serde(default)]
    pub(super) spent: AmountView,
}

/// What a run tries.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct CandidateView {
    pub(super) version: u32,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum ShadowState {
    Running,
    Stopped,
    Finished,
}

/// What came of a run's cases, the worst first.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ReportView {
    pub(super) summary: SummaryView,
    #[serde(default)]
    pub(super) cases: Vec<ShadowCaseView>,
}

/// The sums.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct SummaryView {
    pub(super) cases: u32,
    pub(super) same: u32,
    pub(super) changed: u32,
    pub(super) failed: u32,
    pub(super) schema_failures: u32,
    #[serde(default)]
    pub(super) mean_similarity: Option<f64>,
    #[serde(default)]
    pub(super) answer_bytes: Pair<u64>,
    #[serde(default)]
    pub(super) tokens: TokensView,
    #[serde(default)]
    pub(super) cost_usd: Pair<f64>,
    #[serde(default)]
    pub(super) latency_ms: LatencyView,
}

/// A measure of the past tickets, and of the version that was tried.
#[derive(Debug, Clone, Copy, Deserialize)]
pub(super) struct Pair<T> {
    pub(super) before: Option<T>,
    pub(super) after: Option<T>,
}

impl<T> Default for Pair<T> {
    fn default() -> Self {
        Self {
            before: None,
            after: None,
        }
    }
}

/// Tokens in sum.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct TokensView {
    pub(super) prompt: Pair<u64>,
    pub(super) completion: Pair<u64>,
}

/// How long calls took.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(default)]
pub(super) struct LatencyView {
    pub(super) p50: Pair<u64>,
    pub(super) p95: Pair<u64>,
}

/// A case that ended.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ShadowCaseView {
    pub(super) case: u32,
    pub(super) parent: TicketId,
    #[serde(default)]
    pub(super) fork: Option<TicketId>,
    pub(super) verdict: CaseVerdict,
    pub(super) similarity: f64,
    #[serde(default)]
    pub(super) failure: Option<CaseFailureView>,
}

/// Why a case has no answer.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct CaseFailureView {
    pub(super) message: String,
}

/// What a deployment needs.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct PolicyView {
    #[serde(default)]
    pub(super) shadow_run: Option<ShadowRunPolicy>,
    #[serde(default)]
    pub(super) results: Vec<ResultView>,
}

/// What a finished run came to.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ResultView {
    pub(super) run: Uuid,
    pub(super) version: u32,
    #[serde(default)]
    pub(super) meets_policy: Option<bool>,
    pub(super) cases: u32,
    #[serde(default)]
    pub(super) schema_failed: u32,
    #[serde(default)]
    pub(super) failed: u32,
    pub(super) at: Timestamp,
}
