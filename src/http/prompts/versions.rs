//! The versions of a prompt: published, listed and read.

use std::borrow::Cow;

use actix_web::HttpResponse;
use actix_web::http::header;
use punchcard_actors::prompts::{ContentName, PromptError};
use punchcard_events::TaskName;
use punchcard_events::prompt::PromptState;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::drafts;
use super::params::{Params, REFERENCE, invalid};
use super::view::{VersionPage, VersionView};
use crate::http::dispatch::{Call, PromptCall};
use crate::http::errors::Problem;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PublishBody {
    edit: u32,
    #[serde(default)]
    notes: String,
}

/// `POST /v1/prompts/{task}/versions`
pub(super) async fn publish(
    PromptCall { mut call, task }: PromptCall,
) -> Result<HttpResponse, Problem> {
    let body: PublishBody = call.json().await?;
    let tenant = &call.caller.tenant;
    let (prompts, act) = (&call.api.prompts, call.act());
    let version = prompts
        .publish(tenant, &task, body.edit, body.notes, act)
        .await?;
    let state = existing(&call, &task).await?;
    let place = format!("/v1/prompts/{task}/versions/{}", version.number);
    Ok(HttpResponse::Created()
        .insert_header((header::LOCATION, place))
        .json(VersionView::whole(task, &version, &state)))
}

/// `GET /v1/prompts/{task}/versions`
pub(super) async fn list(PromptCall { call, task }: PromptCall) -> Result<HttpResponse, Problem> {
    let params = Params::of(call.request.query_string(), &["limit", "after"])?;
    let limit = params.limit()?;
    let after: Option<u32> = params.get("after", "Use the next_cursor of the page before.")?;
    let state = existing(&call, &task).await?;
    let newest_first = state.versions.iter().rev();
    let older = newest_first.filter(|version| after.is_none_or(|after| version.number < after));
    let mut found: Vec<_> = older.take(limit.saturating_add(1)).collect();
    let more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| more).map(|version| version.number);
    let lines = found.into_iter();
    let lines = lines.map(|version| VersionView::line(task.clone(), version, &state));
    Ok(HttpResponse::Ok().json(VersionPage {
        versions: lines.collect(),
        next_cursor,
    }))
}

/// `GET /v1/prompts/{task}/versions/{ref}`
pub(super) async fn read(asked: PromptCall) -> Result<HttpResponse, Problem> {
    let reference = asked
        .call
        .request
        .match_info()
        .get("ref")
        .unwrap_or_default();
    let name: ContentName = reference.parse().map_err(|_| invalid("ref", REFERENCE))?;
    if name == ContentName::Draft {
        return drafts::read(asked).await;
    }
    let PromptCall { call, task } = asked;
    let state = existing(&call, &task).await?;
    let number = match &name {
        ContentName::Draft => None,
        ContentName::Version(number) => Some(*number),
        ContentName::Label(label) => state.labelled(label),
    };
    let version = number.and_then(|number| state.version(number));
    let version = version.ok_or_else(|| PromptError::NoSuchContent {
        task: task.clone(),
        name,
    })?;
    let view = VersionView::whole(task.clone(), version, &state);
    Ok(HttpResponse::Ok().json(view))
}

/// A content by its name, in a body.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(in crate::http) struct Reference(pub(super) ContentName);

impl JsonSchema for Reference {
    fn schema_name() -> Cow<'static, str> {
        "Reference".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^(v?[0-9]{1,9}|[a-z]([a-z0-9-]{0,62}[a-z0-9])?)$",
            "examples": ["draft", "3", "production"],
            "description": "A content of a prompt: `draft`, a version such as `3` or `v3`, or a \
                            label such as `production`.",
        })
    }
}

impl TryFrom<String> for Reference {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        // The words behind `: use ` are what the sender is told.
        let wrong = |_| {
            "not a name: use `draft`, a version such as `3`, or a label such as `production`"
                .to_owned()
        };
        text.parse().map(Self).map_err(wrong)
    }
}

/// The prompt in full.
pub(super) async fn existing(call: &Call, task: &TaskName) -> Result<PromptState, Problem> {
    let state = call.api.prompts.state(&call.caller.tenant, task).await?;
    Ok(state.ok_or_else(|| PromptError::NoSuchPrompt(task.clone()))?)
}
