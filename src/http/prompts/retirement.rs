//! Prompts that take no new tickets.

use actix_web::HttpResponse;
use punchcard_events::prompt::Command;

use super::labels::ReasonBody;
use super::shown;
use crate::http::dispatch::PromptCall;
use crate::http::errors::Problem;

/// `POST /v1/prompts/{task}/retire`
pub(super) async fn retire(mut asked: PromptCall) -> Result<HttpResponse, Problem> {
    let body: ReasonBody = asked.call.json_or_default().await?;
    let PromptCall { call, task } = &asked;
    let tenant = &call.caller.tenant;
    let retire = Command::Retire {
        reason: body.reason,
        act: call.act(),
    };
    call.api.prompts.execute(tenant, task, retire).await?;
    Ok(HttpResponse::Ok().json(shown(&asked)?))
}

/// `POST /v1/prompts/{task}/restore`
pub(super) async fn restore(asked: PromptCall) -> Result<HttpResponse, Problem> {
    let PromptCall { call, task } = &asked;
    let restore = Command::Restore { act: call.act() };
    let tenant = &call.caller.tenant;
    call.api.prompts.execute(tenant, task, restore).await?;
    Ok(HttpResponse::Ok().json(shown(&asked)?))
}
