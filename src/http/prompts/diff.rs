//! What differs between two contents.

use std::sync::Arc;

use actix_web::HttpResponse;
use punchcard_actors::prompts::ContentName;
use punchcard_events::TaskName;
use punchcard_events::prompt::{Content, Tested};
use serde_json::{Value, json};

use super::params::{Params, REFERENCE};
use crate::http::dispatch::{Call, PromptCall};
use crate::http::errors::Problem;
use crate::prompts::DiffView;

/// `GET /v1/prompts/{task}/diff`
pub(super) async fn read(PromptCall { call, task }: PromptCall) -> Result<HttpResponse, Problem> {
    let params = Params::of(call.request.query_string(), &["from", "to"])?;
    let from = params.need("from", REFERENCE)?;
    let to = params.need("to", REFERENCE)?;
    let from = with_partials(&call, &task, &from).await?;
    let to = with_partials(&call, &task, &to).await?;
    Ok(HttpResponse::Ok().json(between(&from, &to)))
}

/// What is in `to` and not in `from`, and the other way round.
pub(super) fn between(from: &Content, to: &Content) -> Value {
    json!(DiffView::between(from, to))
}

/// A content with its partials written in, which versions have and drafts have not: without them, a
/// draft would seem to lack what it includes.
async fn with_partials(
    call: &Call,
    task: &TaskName,
    name: &ContentName,
) -> Result<Arc<Content>, Problem> {
    let (tenant, prompts) = (&call.caller.tenant, &call.api.prompts);
    let named = prompts.content(tenant, task, name).await?;
    match named.which {
        Tested::Version(_) => Ok(named.content),
        Tested::Draft(_) => Ok(prompts.check(tenant, task, &named.content).await?.content),
    }
}
