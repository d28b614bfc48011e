//! The draft of a prompt.

use std::sync::Arc;

use actix_web::HttpResponse;
use punchcard_actors::prompts::PromptError;
use punchcard_events::TaskName;
use punchcard_events::prompt::{Command, Content, Draft, PromptState, Rejection};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::view::DraftView;
use super::{diff, precondition, shown};
use crate::http::dispatch::{Call, PromptCall};
use crate::http::errors::{Code, Problem};

/// Names under `/v1/prompts/` that are routes, so that a prompt of that name could not be read.
/// Names that are routes of this API, and so no task's.
pub const RESERVED: [&str; 2] = ["import", "export"];

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DraftBody {
    content: Content,
    #[serde(default)]
    based_on: Option<u32>,
}

/// `GET /v1/prompts/{task}/draft`
pub(super) async fn read(PromptCall { call, task }: PromptCall) -> Result<HttpResponse, Problem> {
    let state = call.api.prompts.state(&call.caller.tenant, &task).await?;
    let state = state.ok_or_else(|| PromptError::NoSuchPrompt(task.clone()))?;
    let draft = state.draft.as_ref().ok_or(Rejection::NoDraft)?;
    let view = view(&call, &task, draft, &state).await?;
    Ok(HttpResponse::Ok()
        .insert_header(precondition::tag(draft.edit))
        .json(view))
}

/// `PUT /v1/prompts/{task}/draft`
pub(super) async fn save(
    PromptCall { mut call, task }: PromptCall,
) -> Result<HttpResponse, Problem> {
    let expected_edit = precondition::seen(call.request.headers())?;
    check_name(&task)?;
    let body: DraftBody = call.json().await?;
    let content = Arc::new(body.content);
    let save = Command::SaveDraft {
        expected_edit,
        based_on: body.based_on,
        content: Arc::clone(&content),
        act: call.act(),
    };
    let saved = call
        .api
        .prompts
        .execute(&call.caller.tenant, &task, save)
        .await;
    let (state, is_new) = match saved {
        Ok(executed) => {
            let is_new = expected_edit.is_none() && !executed.events.is_empty();
            (executed.state, is_new)
        }
        Err(PromptError::Rejected(rejection)) => {
            return Err(refused(&call, &task, &content, rejection).await);
        }
        Err(error) => return Err(error.into()),
    };
    let draft = state.draft.as_ref().ok_or(PromptError::Conflict)?;
    let mut response = if is_new {
        HttpResponse::Created()
    } else {
        HttpResponse::Ok()
    };
    let view = view(&call, &task, draft, &state).await?;
    Ok(response
        .insert_header(precondition::tag(draft.edit))
        .json(view))
}

/// `DELETE /v1/prompts/{task}/draft`
pub(super) async fn discard(call: PromptCall) -> Result<HttpResponse, Problem> {
    let PromptCall { call: asked, task } = &call;
    let expected_edit = precondition::seen_number(asked.request.headers())?;
    let act = asked.act();
    let discard = Command::DiscardDraft { expected_edit, act };
    let tenant = &asked.caller.tenant;
    match asked.api.prompts.execute(tenant, task, discard).await {
        Ok(_) => Ok(HttpResponse::Ok().json(shown(&call)?)),
        Err(PromptError::Rejected(rejection)) => {
            let problem = Problem::from(rejection.clone());
            Err(with_current(asked, task, problem, &rejection, None).await)
        }
        Err(error) => Err(error.into()),
    }
}

/// Refuses a name that the API needs for itself.
pub(super) fn check_name(task: &TaskName) -> Result<(), Problem> {
    if !RESERVED.contains(&task.as_str()) {
        return Ok(());
    }
    let detail = format!("`{task}` is a route of this API, so no prompt can have this name.");
    Err(Problem::new(Code::ReservedName, detail).remedy("Choose another name."))
}

async fn view(
    call: &Call,
    task: &TaskName,
    draft: &Draft,
    state: &PromptState,
) -> Result<DraftView, Problem> {
    let tenant = &call.caller.tenant;
    let checked = call.api.prompts.check(tenant, task, &draft.content).await?;
    Ok(DraftView::of(task.clone(), draft, checked, state))
}

async fn refused(call: &Call, task: &TaskName, content: &Content, rejection: Rejection) -> Problem {
    let problem = Problem::from(rejection.clone());
    with_current(call, task, problem, &rejection, Some(content)).await
}

/// Adds to a conflict the draft that stands in the way, and what differs from it in `content`. Where
/// the draft is gone again, or cannot be read now, the refusal stands without it.
async fn with_current(
    call: &Call,
    task: &TaskName,
    problem: Problem,
    rejection: &Rejection,
    content: Option<&Content>,
) -> Problem {
    if !matches!(rejection, Rejection::DraftConflict { .. }) {
        return problem;
    }
    let Ok(Some(state)) = call.api.prompts.state(&call.caller.tenant, task).await else {
        return problem;
    };
    let Some(draft) = &state.draft else {
        return problem;
    };
    let Ok(current) = view(call, task, draft, &state).await else {
        return problem;
    };
    let problem = problem.with("current", json!(current));
    match content {
        Some(content) => problem.with("diff", diff::between(&draft.content, content)),
        None => problem,
    }
}
