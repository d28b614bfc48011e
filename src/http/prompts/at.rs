//! What was in effect at a time.

use actix_web::HttpResponse;
use punchcard_events::prompt::{CanarySpan, ContentHash, PromptSummary};
use punchcard_events::{LabelName, TaskName, Timestamp};
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::params::Params;
use crate::http::dispatch::PromptCall;
use crate::http::errors::Problem;

const TIME: &str = "Use an RFC 3339 time in UTC, such as 2026-11-23T10:44:30Z.";

/// What a label pointed to at a time. Where it pointed nowhere, `version` and what belongs to it are
/// `null`.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct AtView {
    task: TaskName,
    label: LabelName,
    time: Timestamp,
    version: Option<u32>,
    hash: Option<ContentHash>,
    since: Option<Timestamp>,
    /// Whether it is not known here any more where the label pointed: older moves are in the history
    /// alone.
    forgotten: bool,
    /// `null`: it still does.
    until: Option<Timestamp>,
    /// The canary beside it; only of `production`.
    canary: Option<CanaryAtView>,
}

#[derive(Debug, Serialize, JsonSchema)]
struct CanaryAtView {
    canary: Uuid,
    version: u32,
    percent: u8,
    since: Timestamp,
    until: Option<Timestamp>,
}

impl From<&CanarySpan> for CanaryAtView {
    fn from(span: &CanarySpan) -> Self {
        Self {
            canary: span.canary,
            version: span.version,
            percent: span.percent,
            since: span.since,
            until: span.until,
        }
    }
}

/// `GET /v1/prompts/{task}/at`
pub(super) async fn read(PromptCall { call, task }: PromptCall) -> Result<HttpResponse, Problem> {
    let params = Params::of(call.request.query_string(), &["time", "label"])?;
    let time = params.need("time", TIME)?;
    let label = params.get("label", "Use a label's name, such as `production`.")?;
    let summary = call.api.prompts.summary(&call.caller.tenant, &task)?;
    let label = label.unwrap_or_else(LabelName::production);
    Ok(HttpResponse::Ok().json(view(task, &summary, label, time)))
}

fn view(task: TaskName, summary: &PromptSummary, label: LabelName, time: Timestamp) -> AtView {
    let stood = summary.at(&label, time);
    let version = stood.and_then(|(version, _)| summary.version(version));
    let canary = summary.canary_at(time).filter(|_| label.is_production());
    AtView {
        task,
        time,
        version: stood.map(|(version, _)| version),
        hash: version.map(|version| version.hash),
        since: stood.map(|(_, since)| since),
        forgotten: summary.timeline.is_forgotten(&label, time),
        until: stood.and_then(|_| summary.until(&label, time)),
        canary: canary.map(CanaryAtView::from),
        label,
    }
}
