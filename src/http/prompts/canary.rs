//! The canary of a prompt: a version that a share of the users gets.

use actix_web::HttpResponse;
use punchcard_events::TaskName;
use punchcard_events::prompt::{CanaryBounds, CanaryEnd, CanaryStarted, Command};
use schemars::JsonSchema;
use serde::Deserialize;

use super::labels::ReasonBody;
use super::routes::ADMINS;
use super::shown;
use super::view::CanaryView;
use crate::http::dispatch::{Call, PromptCall};
use crate::http::errors::{Code, Problem};

/// A canary is taken back when more than one ticket of ten fails or breaks the schema.
const PERCENT: u8 = 10;
/// Shares are taken of at least so many tickets.
const TICKETS: u32 = 20;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CanaryBody {
    version: u32,
    percent: u8,
    #[serde(default)]
    bounds: Bounds,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    override_reason: Option<String>,
}

/// [`CanaryBounds`], of which each may be left out.
#[derive(Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(rename = "CanaryBoundsBody")]
struct Bounds {
    max_failed_percent: u8,
    max_schema_violation_percent: u8,
    min_tickets: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            max_failed_percent: PERCENT,
            max_schema_violation_percent: PERCENT,
            min_tickets: TICKETS,
        }
    }
}

/// `GET /v1/prompts/{task}/canary`
pub(super) async fn read(PromptCall { call, task }: PromptCall) -> Result<HttpResponse, Problem> {
    let canary = running(&call, &task)?;
    let tally = call.api.tally(canary.canary);
    Ok(HttpResponse::Ok().json(CanaryView::of(&canary, tally)))
}

/// `PUT /v1/prompts/{task}/canary`
pub(super) async fn start(mut asked: PromptCall) -> Result<HttpResponse, Problem> {
    let body: CanaryBody = asked.call.json().await?;
    let PromptCall { call, task } = &asked;
    let tenant = &call.caller.tenant;
    if body.override_reason.is_some() {
        call.caller.must_be(ADMINS)?;
    }
    let start = Command::StartCanary {
        canary: call.api.prompts.clock().id(),
        version: body.version,
        percent: body.percent,
        bounds: CanaryBounds {
            max_failed_percent: body.bounds.max_failed_percent,
            max_schema_violation_percent: body.bounds.max_schema_violation_percent,
            min_tickets: body.bounds.min_tickets,
        },
        reason: body.reason,
        override_reason: body.override_reason,
        act: call.act(),
    };
    call.api.prompts.execute(tenant, task, start).await?;
    Ok(HttpResponse::Ok().json(shown(&asked)?))
}

/// `DELETE /v1/prompts/{task}/canary`
pub(super) async fn stop(mut asked: PromptCall) -> Result<HttpResponse, Problem> {
    let body: ReasonBody = asked.call.json_or_default().await?;
    let PromptCall { call, task } = &asked;
    let tenant = &call.caller.tenant;
    let canary = running(call, task)?.canary;
    let stop = Command::EndCanary {
        canary,
        end: CanaryEnd::Stopped,
        tally: call.api.tally(canary).unwrap_or_default(),
        reason: body.reason,
        act: call.act(),
    };
    call.api.prompts.execute(tenant, task, stop).await?;
    Ok(HttpResponse::Ok().json(shown(&asked)?))
}

fn running(call: &Call, task: &TaskName) -> Result<CanaryStarted, Problem> {
    let summary = call.api.prompts.summary(&call.caller.tenant, task)?;
    summary.canary.clone().ok_or_else(|| {
        let detail = format!("No canary of `{task}` is running.");
        Problem::new(Code::CanaryNotRunning, detail)
            .remedy("See in the history how the last one ended, or start one.")
    })
}
