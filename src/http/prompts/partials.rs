//! The partials of a tenant: texts that its prompts share.

use actix_web::HttpResponse;
use punchcard_actors::prompts::PromptError;
use punchcard_events::partial::{Partial, PartialRejection, Partials};
use punchcard_events::{PartialName, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::params::{Params, invalid};
use super::precondition;
use super::view::ByView;
use crate::http::dispatch::Call;
use crate::http::errors::Problem;

#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PartialView<'a> {
    name: &'a PartialName,
    edit: u32,
    text: &'a str,
    saved_at: Timestamp,
    by: ByView,
}

impl<'a> From<Partial<'a>> for PartialView<'a> {
    fn from(partial: Partial<'a>) -> Self {
        Self {
            name: partial.name,
            edit: partial.edit,
            text: partial.text,
            saved_at: partial.act.at,
            by: (&partial.act.by).into(),
        }
    }
}

/// All partials of a tenant.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct PartialList<'a> {
    partials: Vec<PartialView<'a>>,
}

/// `GET /v1/partials`. All of them: their number and size have limits.
pub(super) async fn list(call: Call) -> Result<HttpResponse, Problem> {
    Params::of(call.request.query_string(), &[])?;
    let partials = call.api.prompts.partials(&call.caller.tenant).await?;
    let partials = partials.list().map(PartialView::from).collect();
    Ok(HttpResponse::Ok().json(PartialList { partials }))
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PartialBody {
    text: String,
}

/// `PUT /v1/partials/{name}`
pub(super) async fn save(mut call: Call) -> Result<HttpResponse, Problem> {
    let name = name(&call)?;
    let expected = precondition::seen(call.request.headers())?;
    let body: PartialBody = call.json().await?;
    let tenant = &call.caller.tenant;
    let (prompts, act) = (&call.api.prompts, call.act());
    let saved = prompts
        .save_partial(tenant, &name, expected, &body.text, act)
        .await;
    let partials = match saved {
        Ok(partials) => partials,
        Err(error) => return Err(refused(&call, &name, error).await),
    };
    let partial = partials.get(&name).ok_or(PromptError::Conflict)?;
    Ok(HttpResponse::Ok()
        .insert_header(precondition::tag(partial.edit))
        .json(PartialView::from(partial)))
}

/// `DELETE /v1/partials/{name}`
pub(super) async fn remove(call: Call) -> Result<HttpResponse, Problem> {
    let name = name(&call)?;
    let expected = precondition::seen_number(call.request.headers())?;
    let (tenant, act) = (&call.caller.tenant, call.act());
    let removed = call
        .api
        .prompts
        .remove_partial(tenant, &name, expected, act);
    match removed.await {
        Ok(_) => Ok(HttpResponse::NoContent().finish()),
        Err(error) => Err(refused(&call, &name, error).await),
    }
}

fn name(call: &Call) -> Result<PartialName, Problem> {
    let text = call.request.match_info().get("name").unwrap_or_default();
    PartialName::new(text).map_err(|error| invalid("name", &format!("Use {}.", error.rule)))
}

/// A conflict shows the partial that stands in the way, where it can be read.
async fn refused(call: &Call, name: &PartialName, error: PromptError) -> Problem {
    let conflict = matches!(
        error,
        PromptError::PartialRejected(PartialRejection::Conflict { .. })
    );
    let problem = Problem::from(error);
    let partials = call.api.prompts.partials(&call.caller.tenant);
    let partials = match conflict {
        true => partials.await.unwrap_or_default(),
        false => Partials::default(),
    };
    match partials.get(name) {
        Some(current) => problem.with("current", json!(PartialView::from(current))),
        None => problem,
    }
}
