//! The labels of a prompt: deployments, and their way back.

use actix_web::HttpResponse;
use punchcard_events::LabelName;
use punchcard_events::prompt::{Command, Seen, SeenCanary};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use uuid::Uuid;

use super::params::invalid;
use super::routes::{ADMINS, PUBLISHERS};
use super::shown;
use crate::http::dispatch::{Call, PromptCall};
use crate::http::errors::{Code, Problem};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MoveBody {
    version: u32,
    /// Absent: whatever the label points to; `null`: nothing.
    #[serde(default, deserialize_with = "given")]
    expected: Option<Option<u32>>,
    /// Absent: whatever canary there is; `null`: none.
    #[serde(default, deserialize_with = "given")]
    expected_canary: Option<Option<Uuid>>,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    override_reason: Option<String>,
}

/// A field that is there, `null` or not.
fn given<'de, D, T>(input: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(input).map(Some)
}

/// What a rollback takes back is what its author saw: repeated, it is still one step.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RollBackBody {
    #[serde(default)]
    expected: Option<u32>,
    /// Absent or `null`: no canary was running.
    #[serde(default)]
    canary: Option<Uuid>,
    #[serde(default)]
    reason: Option<String>,
}

/// The canary that somebody saw, or that none was running.
fn seen_canary(canary: Option<Uuid>) -> SeenCanary {
    canary.map_or(SeenCanary::Nothing, SeenCanary::Running)
}

/// A body that may hold a reason, and may be left out.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReasonBody {
    #[serde(default)]
    pub(super) reason: Option<String>,
}

/// `PUT /v1/prompts/{task}/labels/{label}`
pub(super) async fn point(mut asked: PromptCall) -> Result<HttpResponse, Problem> {
    let label = label(&asked.call)?;
    let body: MoveBody = asked.call.json().await?;
    let PromptCall { call, task } = &asked;
    let tenant = &call.caller.tenant;
    if body.override_reason.is_some() {
        call.caller.must_be(ADMINS)?;
    }
    let point = Command::MoveLabel {
        label,
        version: body.version,
        expected: body
            .expected
            .map(|seen| seen.map_or(Seen::Nothing, Seen::Version)),
        expected_canary: body.expected_canary.map(seen_canary),
        reason: body.reason,
        override_reason: body.override_reason,
        act: call.act(),
    };
    call.api.prompts.execute(tenant, task, point).await?;
    Ok(HttpResponse::Ok().json(shown(&asked)?))
}

/// `DELETE /v1/prompts/{task}/labels/{label}`
pub(super) async fn remove(asked: PromptCall) -> Result<HttpResponse, Problem> {
    let PromptCall { call, task } = &asked;
    let remove = Command::RemoveLabel {
        label: label(call)?,
        act: call.act(),
    };
    let tenant = &call.caller.tenant;
    call.api.prompts.execute(tenant, task, remove).await?;
    Ok(HttpResponse::Ok().json(shown(&asked)?))
}

/// `POST /v1/prompts/{task}/labels/{label}/rollback`
pub(super) async fn roll_back(mut asked: PromptCall) -> Result<HttpResponse, Problem> {
    let label = label(&asked.call)?;
    let body: RollBackBody = asked.call.json_or_default().await?;
    let expected = body.expected.ok_or_else(unseen)?;
    let PromptCall { call, task } = &asked;
    let tenant = &call.caller.tenant;
    let roll_back = Command::RollBack {
        label,
        expected,
        expected_canary: seen_canary(body.canary),
        reason: body.reason,
        act: call.act(),
    };
    call.api.prompts.execute(tenant, task, roll_back).await?;
    Ok(HttpResponse::Ok().json(shown(&asked)?))
}

fn unseen() -> Problem {
    let detail = "Nothing says what you want to take back, so this might take back something else.";
    Problem::new(Code::PreconditionRequired, detail)
        .field("/expected")
        .remedy(
            "Send `expected`, the version that you saw the label point to, and `canary`, the id of \
             the canary if you saw one running.",
        )
}

/// The label in the path. Whoever would move `production` must be a publisher.
fn label(call: &Call) -> Result<LabelName, Problem> {
    let text = call.request.match_info().get("label").unwrap_or_default();
    let label =
        LabelName::new(text).map_err(|error| invalid("label", &format!("Use {}.", error.rule)))?;
    if label.is_production() {
        call.caller.must_be(PUBLISHERS)?;
    }
    Ok(label)
}
