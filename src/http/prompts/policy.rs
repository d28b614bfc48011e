//! What a deployment needs besides a passed test run, and the shadow runs that there were.

use actix_web::HttpResponse;
use punchcard_events::prompt::{
    Command, ContentHash, DeploymentPolicy, PromptShadowed, PromptSummary, ShadowRunPolicy,
};
use punchcard_events::shadow_run::Tally;
use punchcard_events::{TaskName, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::view::ByView;
use crate::http::dispatch::{Call, PromptCall};
use crate::http::errors::Problem;

/// The most shadow runs that are shown.
const MOST_SHOWN: usize = 20;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PolicyBody {
    /// `null`: no shadow run is needed. It has to be said, so that nothing is undone by leaving it out.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schemars(required)]
    shadow_run: Option<ShadowRunPolicy>,
}

/// What a deployment needs.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PolicyView {
    task: TaskName,
    /// The shadow run that a deployment needs; `null`: none.
    shadow_run: Option<ShadowRunPolicy>,
    /// The newest results of shadow runs, the newest first; at most 20.
    results: Vec<ShadowResult>,
}

/// What a finished shadow run came to.
#[derive(Debug, Serialize, JsonSchema)]
struct ShadowResult {
    run: Uuid,
    version: u32,
    hash: ContentHash,
    /// Whether it is one that the policy asks for; `null`: the policy asks for none.
    meets_policy: Option<bool>,
    #[serde(flatten)]
    tally: Tally,
    at: Timestamp,
    by: ByView,
}

impl PolicyView {
    fn of(task: TaskName, summary: &PromptSummary) -> Self {
        let policy = summary.policy.shadow_run;
        let newest_first = summary.shadows.iter().rev().take(MOST_SHOWN);
        Self {
            task,
            shadow_run: policy,
            results: newest_first
                .map(|shadow| ShadowResult::of(shadow, policy))
                .collect(),
        }
    }
}

impl ShadowResult {
    fn of(shadow: &PromptShadowed, policy: Option<ShadowRunPolicy>) -> Self {
        Self {
            run: shadow.run,
            version: shadow.version,
            hash: shadow.hash,
            meets_policy: policy.map(|policy| policy.is_met_by(shadow)),
            tally: shadow.tally,
            at: shadow.act.at,
            by: (&shadow.act.by).into(),
        }
    }
}

/// `GET /v1/prompts/{task}/deployment-policy`
pub(super) async fn read(PromptCall { call, task }: PromptCall) -> Result<HttpResponse, Problem> {
    shown(&call, task)
}

/// `PUT /v1/prompts/{task}/deployment-policy`
pub(super) async fn set(
    PromptCall { mut call, task }: PromptCall,
) -> Result<HttpResponse, Problem> {
    let body: PolicyBody = call.json().await?;
    let set = Command::SetDeploymentPolicy {
        policy: DeploymentPolicy {
            shadow_run: body.shadow_run,
        },
        act: call.act(),
    };
    let tenant = &call.caller.tenant;
    call.api.prompts.execute(tenant, &task, set).await?;
    shown(&call, task)
}

fn shown(call: &Call, task: TaskName) -> Result<HttpResponse, Problem> {
    let summary = call.api.prompts.summary(&call.caller.tenant, &task)?;
    Ok(HttpResponse::Ok().json(PolicyView::of(task, &summary)))
}
