//! Looking at shadow runs, and at what came of their cases.

use actix_web::HttpResponse;
use punchcard_events::TaskName;
use uuid::Uuid;

use super::view::{ReportView, ShadowRunPage, ShadowRunView};
use super::{no_such_run, own_run};
use crate::http::dispatch::Call;
use crate::http::errors::Problem;
use crate::http::prompts::params::Params;

/// What a cursor is.
const CURSOR: &str = "Use the next_cursor of the page before.";

/// `GET /v1/shadow-runs`
pub(super) async fn list(call: Call) -> Result<HttpResponse, Problem> {
    let params = Params::of(call.request.query_string(), &["task", "limit", "cursor"])?;
    let limit = params.limit()?;
    let task: Option<TaskName> = params.get("task", "Use the name of a task.")?;
    let after: Option<Uuid> = params.get("cursor", CURSOR)?;
    let runs = &call.api.workplace.shadow_runs;
    let tenant = &call.caller.tenant;
    let mut found = runs
        .list(tenant, task.as_ref(), after, limit.saturating_add(1))
        .await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| more).map(|run| run.run);
    Ok(HttpResponse::Ok().json(ShadowRunPage {
        shadow_runs: found.iter().map(ShadowRunView::of).collect(),
        next_cursor,
    }))
}

/// `GET /v1/shadow-runs/{shadow_run}`
pub(super) async fn show(call: Call) -> Result<HttpResponse, Problem> {
    Params::of(call.request.query_string(), &[])?;
    let run = own_run(&call).await?;
    Ok(HttpResponse::Ok().json(ShadowRunView::of(&run)))
}

/// `GET /v1/shadow-runs/{shadow_run}/report`
pub(super) async fn report(call: Call) -> Result<HttpResponse, Problem> {
    let params = Params::of(call.request.query_string(), &["limit", "cursor"])?;
    let limit = params.limit()?;
    let after: Option<u32> = params.get("cursor", CURSOR)?;
    let run = own_run(&call).await?.run;
    let cases = call.api.workplace.shadow_runs.cases(run).await?;
    let cases = cases.ok_or_else(no_such_run)?;
    Ok(HttpResponse::Ok().json(ReportView::of(run, &cases, after, limit)))
}
