//! Shadow runs as the API shows them. What there is not is `null`, so that fields are always the same.

use punchcard_actors::shadow_runs::{NewShadowRun, Plan, RunView};
use punchcard_events::shadow_run::{
    BeforeAfter, Candidate, CaseFailure, CaseVerdict, Cases, Estimate, Measured, Percentiles,
    Phase, ReportSummary, ShadowCaseEnded, Share, Spent, StopReason, TicketPeriod,
};
use punchcard_events::{TaskName, TicketId, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use crate::http::prompts::problems::sentence;
use crate::http::prompts::view::ByView;

/// What a run would be.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ShadowRunPlan")]
pub(super) struct PlanView {
    task: TaskName,
    candidate: Candidate,
    /// How many answered tickets match the filter.
    matched: u32,
    /// How many of them were drawn.
    cases: u32,
    /// Start the run with this seed to try these very tickets.
    seed: u32,
    estimate: Estimate,
}

impl PlanView {
    pub(super) fn of(new: &NewShadowRun, plan: &Plan) -> Self {
        Self {
            task: new.task.clone(),
            candidate: plan.candidate,
            matched: plan.matched,
            cases: u32::try_from(plan.tickets.len()).unwrap_or(u32::MAX),
            seed: new.choice.seed,
            estimate: plan.estimate,
        }
    }
}

/// A page of runs.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ShadowRunPage {
    pub(super) shadow_runs: Vec<ShadowRunView>,
    /// What `cursor` is for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) next_cursor: Option<Uuid>,
}

/// A shadow run as it stands.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct ShadowRunView {
    run: Uuid,
    task: TaskName,
    candidate: Candidate,
    state: RunStateView,
    /// Why it stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    by: ByView,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    filter: TicketPeriod,
    sample: Share,
    seed: u32,
    /// How many answered tickets matched the filter.
    matched: u32,
    cases_total: u32,
    cases_done: u32,
    /// Of these, those without an answer that could be used.
    cases_failed: u32,
    estimate: Estimate,
    spent: Spent,
    max_cost_usd: Option<f64>,
}

/// How a run stands.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(rename = "ShadowRunState")]
enum RunStateView {
    Running,
    Stopped,
    Finished,
}

impl ShadowRunView {
    pub(super) fn of(view: &RunView) -> Self {
        let (state, reason, ended_at) = match &view.phase {
            Phase::Running => (RunStateView::Running, None, None),
            Phase::Stopped(stopped) => (
                RunStateView::Stopped,
                Some(why(&stopped.reason)),
                Some(stopped.act.at),
            ),
            Phase::Finished(end) => (RunStateView::Finished, None, Some(end.act.at)),
        };
        Self {
            run: view.run,
            task: view.task.clone(),
            candidate: view.candidate,
            state,
            reason,
            by: (&view.by).into(),
            started_at: view.started_at,
            ended_at,
            filter: view.choice.filter.clone(),
            sample: view.choice.sample,
            seed: view.choice.seed,
            matched: view.matched,
            cases_total: view.cases,
            cases_done: view.tally.cases,
            cases_failed: view.tally.without_answer(),
            estimate: view.estimate,
            spent: view.spent,
            max_cost_usd: view.max_cost_usd,
        }
    }
}

/// Why a run stopped, as a sentence that says what to do next.
fn why(reason: &StopReason) -> String {
    match reason {
        StopReason::Asked => "Somebody stopped it. Resume it to go on.".to_owned(),
        StopReason::MaxCost => {
            "One more case might have cost more than the run may. Resume it with a \
                                higher `max_cost_usd` to go on."
                .to_owned()
        }
        StopReason::Budget => {
            "The budget has no room for a case. Have it raised, and resume the run.".to_owned()
        }
        StopReason::Candidate(reason) => {
            let reason = sentence(reason);
            format!("The version cannot be run any more. {reason}")
        }
    }
}

/// What came of a run's cases.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ShadowRunReport")]
pub(super) struct ReportView {
    run: Uuid,
    summary: SummaryView,
    /// Those that ended, the worst first.
    cases: Vec<CaseView>,
    /// What `cursor` is for the next page; absent on the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<u32>,
}

/// The sums. Lengths, tokens, cost and times are of the cases that were answered on both sides.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ShadowRunSummary")]
struct SummaryView {
    cases: u32,
    same: u32,
    changed: u32,
    failed: u32,
    schema_failures: u32,
    mean_similarity: Option<f64>,
    /// Of an answer, on average.
    answer_bytes: BeforeAfter<Option<u64>>,
    tokens: TokensView,
    cost_usd: BeforeAfter<Option<f64>>,
    latency_ms: Percentiles,
}

/// Tokens in sum.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ShadowRunTokens")]
struct TokensView {
    prompt: BeforeAfter<Option<u64>>,
    completion: BeforeAfter<Option<u64>>,
}

/// A case that ended.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ShadowCase")]
struct CaseView {
    case: u32,
    /// The past ticket.
    parent: TicketId,
    /// The ticket that ran it again; compare the two for their answers.
    fork: Option<TicketId>,
    verdict: CaseVerdict,
    similarity: f64,
    before: Measured,
    after: Option<Measured>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<CaseFailure>,
}

impl ReportView {
    pub(super) fn of(run: Uuid, cases: &Cases, after: Option<u32>, limit: usize) -> Self {
        let mut page = cases.worst_first(after, limit.saturating_add(1));
        let more = page.len() > limit;
        page.truncate(limit);
        Self {
            run,
            summary: SummaryView::of(&ReportSummary::of(cases)),
            next_cursor: page.last().filter(|_| more).map(|case| case.case),
            cases: page.into_iter().map(CaseView::of).collect(),
        }
    }
}

impl SummaryView {
    const fn of(sum: &ReportSummary) -> Self {
        Self {
            cases: sum.cases,
            same: sum.same,
            changed: sum.changed,
            failed: sum.failed,
            schema_failures: sum.schema_failures,
            mean_similarity: sum.mean_similarity,
            answer_bytes: sum.answer_bytes,
            tokens: TokensView {
                prompt: sum.prompt_tokens,
                completion: sum.completion_tokens,
            },
            cost_usd: sum.cost_usd,
            latency_ms: sum.latency_ms,
        }
    }
}

impl CaseView {
    fn of(case: &ShadowCaseEnded) -> Self {
        Self {
            case: case.case,
            parent: case.parent,
            fork: case.fork,
            verdict: case.verdict,
            similarity: case.similarity,
            before: case.before,
            after: case.after,
            failure: case.failure.clone(),
        }
    }
}
