//! Test runs of a prompt: started, watched, stopped.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header;
use punchcard_actors::prompts::PromptError;
use punchcard_actors::test_runs::{
    ArmTotals, BaselineView, CaseView, RunLine, RunState, RunView, TestRunError,
};
use punchcard_events::prompt::{ContentHash, Tested};
use punchcard_events::{TaskName, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::labels::ReasonBody;
use super::params::Params;
use super::versions::Reference;
use super::view::ByView;
use crate::http::dispatch::{Call, PromptCall};
use crate::http::errors::{Code, Problem, stopping, store_unavailable};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StartBody {
    #[serde(rename = "ref")]
    reference: Reference,
}

/// A run, its author as everywhere in the API.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TestRunView {
    run: Uuid,
    task: TaskName,
    tested: Tested,
    hash: ContentHash,
    test_set: u32,
    state: RunState,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    by: ByView,
    started_at: Timestamp,
    ended_at: Option<Timestamp>,
    cases_total: u32,
    cases_done: u32,
    baseline: Option<BaselineView>,
    cases: Vec<CaseView>,
    totals: ArmTotals,
}

impl From<RunView> for TestRunView {
    fn from(run: RunView) -> Self {
        Self {
            run: run.run,
            task: run.task,
            tested: run.tested,
            hash: run.hash,
            test_set: run.test_set,
            state: run.state,
            reason: run.reason,
            by: (&run.by).into(),
            started_at: run.started_at,
            ended_at: run.ended_at,
            cases_total: run.cases_total,
            cases_done: run.cases_done,
            baseline: run.baseline,
            cases: run.cases,
            totals: run.totals,
        }
    }
}

/// The newest runs.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct TestRunList {
    test_runs: Vec<TestRunLine>,
}

/// A run in a list.
#[derive(Debug, Serialize, JsonSchema)]
struct TestRunLine {
    run: Uuid,
    tested: Tested,
    hash: ContentHash,
    test_set: u32,
    state: RunState,
    cases: u32,
    failed: u32,
    at: Timestamp,
    by: ByView,
}

impl From<RunLine> for TestRunLine {
    fn from(line: RunLine) -> Self {
        Self {
            run: line.run,
            tested: line.tested,
            hash: line.hash,
            test_set: line.test_set,
            state: line.state,
            cases: line.cases,
            failed: line.failed,
            at: line.at,
            by: (&line.by).into(),
        }
    }
}

/// `GET /v1/prompts/{task}/test-runs`
pub(super) async fn list(PromptCall { call, task }: PromptCall) -> Result<HttpResponse, Problem> {
    let params = Params::of(call.request.query_string(), &["limit"])?;
    let limit = params.limit()?;
    let tenant = &call.caller.tenant;
    if !call.api.prompts.book().knows(tenant, &task) {
        return Err(PromptError::NoSuchPrompt(task).into());
    }
    let runs = call.api.test_runs.list(tenant, &task, limit).await?;
    let test_runs = runs.into_iter().map(TestRunLine::from).collect();
    Ok(HttpResponse::Ok().json(TestRunList { test_runs }))
}

/// `POST /v1/prompts/{task}/test-runs`
pub(super) async fn start(
    PromptCall { mut call, task }: PromptCall,
) -> Result<HttpResponse, Problem> {
    let body: StartBody = call.json().await?;
    let (tenant, by) = (&call.caller.tenant, call.caller.author());
    let runs = &call.api.test_runs;
    let run = runs.start(tenant, &task, &body.reference.0, by).await?;
    let place = format!("/v1/prompts/{task}/test-runs/{run}");
    let view = own(&call, &task, run, runs.status(tenant, run).await?)?;
    Ok(HttpResponse::Accepted()
        .insert_header((header::LOCATION, place))
        .json(view))
}

/// `GET /v1/prompts/{task}/test-runs/{run}`
pub(super) async fn read(PromptCall { call, task }: PromptCall) -> Result<HttpResponse, Problem> {
    let run = id(&call)?;
    let params = Params::of(call.request.query_string(), &["wait", "seen"])?;
    let wait: Option<u64> = params.get("wait", "Use a number of seconds.")?;
    let seen: Option<usize> = params.get("seen", "Use a number of cases.")?;
    let (tenant, runs) = (&call.caller.tenant, &call.api.test_runs);
    let wait = wait.map(|wait| Duration::from_secs(wait).min(call.api.options.max_wait));
    // Whoever finds no place to wait is told at once how far the run is.
    let place = wait.and_then(|_| call.api.bounds.waiting.take(tenant, 1).ok());
    let view = match (wait.filter(|_| place.is_some()), seen) {
        (None, _) => runs.status(tenant, run).await?,
        (Some(wait), None) => runs.wait(tenant, run, wait).await?,
        (Some(wait), Some(seen)) => runs.progress(tenant, run, seen, wait).await?,
    };
    Ok(HttpResponse::Ok().json(own(&call, &task, run, view)?))
}

/// `DELETE /v1/prompts/{task}/test-runs/{run}`
pub(super) async fn stop(
    PromptCall { mut call, task }: PromptCall,
) -> Result<HttpResponse, Problem> {
    let run = id(&call)?;
    let body: ReasonBody = call.json_or_default().await?;
    let (tenant, runs) = (&call.caller.tenant, &call.api.test_runs);
    own(&call, &task, run, runs.status(tenant, run).await?)?;
    let by = call.caller.author();
    let view = runs.stop(tenant, run, by, body.reason).await?;
    Ok(HttpResponse::Ok().json(TestRunView::from(view)))
}

/// The run in the path. What cannot be a run's id is no run's.
fn id(call: &Call) -> Result<Uuid, Problem> {
    let text = call.request.match_info().get("run").unwrap_or_default();
    Uuid::parse_str(text).map_err(|_| no_such_run(text))
}

/// A run, if there is one and it is this prompt's.
fn own(
    call: &Call,
    task: &TaskName,
    run: Uuid,
    view: Option<RunView>,
) -> Result<TestRunView, Problem> {
    if !call.api.prompts.book().knows(&call.caller.tenant, task) {
        return Err(PromptError::NoSuchPrompt(task.clone()).into());
    }
    let own = view.filter(|view| view.task == *task);
    own.map(TestRunView::from)
        .ok_or_else(|| no_such_run(&run.to_string()))
}

fn no_such_run(run: &str) -> Problem {
    let run: String = run.chars().take(64).collect();
    Problem::new(
        Code::NoSuchTestRun,
        format!("There is no test run `{run}`."),
    )
    .remedy("See the results of test runs at the prompt's versions, or start a run.")
}

impl From<TestRunError> for Problem {
    fn from(error: TestRunError) -> Self {
        let detail = super::problems::sentence(&error);
        match error {
            TestRunError::Prompt(error) => error.into(),
            TestRunError::NoTestCases(_) => Self::new(Code::NoTestCases, detail)
                .remedy("Save a test set with at least one case first."),
            TestRunError::Unusable(_) => {
                Self::new(Code::BrokenPrompt, detail).remedy("Mend the draft, and test it again.")
            }
            TestRunError::TooManyOfTenant(_) | TestRunError::TooMany(_) => Self::later(
                Code::TooManyTestRuns,
                &detail,
                Duration::from_secs(10),
                String::new(),
            )
            .remedy("Wait until one is done, or stop one."),
            TestRunError::NoSuchRun(run) => no_such_run(&run.to_string()),
            TestRunError::Unavailable(cause) => store_unavailable(cause),
            TestRunError::Damaged(cause) => PromptError::Damaged(cause).into(),
            TestRunError::Stopping => stopping(),
        }
    }
}
