//! Redrives of many tickets: started after a look at how many there are, watched, and stopped.

use actix_web::HttpResponse;
use actix_web::http::header;
use punchcard_actors::redrives::NewRedrive;
use punchcard_events::redrive::{MAX_PER_SECOND, MAX_TICKETS, RedriveFilter, RedriveState};
use punchcard_events::ticket::{RedriveFrom, Stage};
use punchcard_events::{TaskName, Timestamp, UserId};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;

use super::parameters::{no_parameters, page};
use super::view::{PreviewView, RedrivePage, RedriveView};
use crate::http::dispatch::Call;
use crate::http::errors::{Code, Problem};
use crate::http::openapi::common::FailureCode;
use crate::http::query;

/// Which failed tickets, and how they are opened.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "RedriveManyBody")]
pub(super) struct StartBody {
    #[serde(deserialize_with = "crate::http::body::object")]
    filter: FilterBody,
    #[serde(default)]
    from: Option<RedriveFrom>,
    /// The most tickets; 100,000 where nothing is said.
    #[serde(default)]
    #[schemars(range(min = 1, max = 100_000))]
    limit: Option<u64>,
    /// The most tickets a second; 10 where nothing is said.
    #[serde(default)]
    #[schemars(range(min = 1, max = 500))]
    per_second: Option<u32>,
    /// Only say how many there are.
    #[serde(default)]
    dry_run: bool,
}

/// Which failed tickets; an empty filter means all.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct FilterBody {
    task: Option<TaskName>,
    stage: Option<Stage>,
    #[schemars(with = "Option<FailureCode>")]
    code: Option<String>,
    user: Option<UserId>,
    requested_from: Option<Timestamp>,
    requested_before: Option<Timestamp>,
    failed_before: Option<Timestamp>,
}

impl TryFrom<FilterBody> for RedriveFilter {
    type Error = Problem;

    fn try_from(body: FilterBody) -> Result<Self, Problem> {
        let wrong = || {
            let rule = "Use a failure's code, such as deadline_exceeded.";
            Problem::new(Code::InvalidRequest, rule).field("/filter/code")
        };
        let code = body.code.map(|code| query::code(&code).ok_or_else(wrong));
        Ok(Self {
            task: body.task,
            stage: body.stage,
            code: code.transpose()?,
            user: body.user,
            requested_from: body.requested_from,
            requested_before: body.requested_before,
            failed_before: body.failed_before,
        })
    }
}

/// `POST /v1/redrives`
pub(super) async fn start(mut call: Call) -> Result<HttpResponse, Problem> {
    no_parameters(&call)?;
    let body: StartBody = call.json().await?;
    let out_of_range = |field: &str, most: u64| {
        let rule = format!("Use a number from 1 to {most}.");
        Err(Problem::new(Code::InvalidRequest, rule).field(field))
    };
    if body.limit.is_some_and(|n| !(1..=MAX_TICKETS).contains(&n)) {
        return out_of_range("/limit", MAX_TICKETS);
    }
    if body
        .per_second
        .is_some_and(|n| !(1..=MAX_PER_SECOND).contains(&n))
    {
        return out_of_range("/per_second", MAX_PER_SECOND.into());
    }
    let filter = RedriveFilter::try_from(body.filter)?;
    let redrives = &call.api.workplace.redrives;
    let tenant = call.caller.tenant.clone();
    if body.dry_run {
        let preview = redrives.preview(&tenant, &filter, body.limit).await?;
        return Ok(HttpResponse::Ok().json(PreviewView::from(preview)));
    }
    let new = NewRedrive {
        tenant,
        filter,
        from: body.from,
        limit: body.limit,
        per_second: body.per_second,
        by: call.caller.author(),
    };
    let (id, state) = redrives.start(new).await?;
    Ok(HttpResponse::Accepted()
        .insert_header((header::LOCATION, format!("/v1/redrives/{id}")))
        .json(RedriveView::of(id, &state)))
}

/// `GET /v1/redrives`
#[expect(clippy::unused_async, reason = "a handler")]
pub(super) async fn list(call: Call) -> Result<HttpResponse, Problem> {
    let (after, limit) = page(&call)?;
    let redrives = &call.api.workplace.redrives;
    let mut found = redrives.list(&call.caller.tenant, after, limit + 1);
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more);
    Ok(HttpResponse::Ok().json(RedrivePage {
        next_cursor: last.map(|(id, _)| id.to_string()),
        redrives: found
            .iter()
            .filter_map(|(id, state)| RedriveView::of(*id, state))
            .collect(),
    }))
}

/// `GET /v1/redrives/{redrive}`
#[expect(clippy::unused_async, reason = "a handler")]
pub(super) async fn show(call: Call) -> Result<HttpResponse, Problem> {
    no_parameters(&call)?;
    let (id, state) = own_redrive(&call)?;
    Ok(HttpResponse::Ok().json(RedriveView::of(id, &state)))
}

/// `POST /v1/redrives/{redrive}/stop`
pub(super) async fn stop(call: Call) -> Result<HttpResponse, Problem> {
    no_parameters(&call)?;
    let (id, _) = own_redrive(&call)?;
    let redrives = &call.api.workplace.redrives;
    let state = redrives.stop(id, call.caller.author()).await?;
    Ok(HttpResponse::Ok().json(RedriveView::of(id, &state)))
}

/// The redrive in the path. Malformed ids, unknown redrives and other tenants' cannot be told apart.
fn own_redrive(call: &Call) -> Result<(Uuid, std::sync::Arc<RedriveState>), Problem> {
    let unknown = || Problem::new(Code::NotFound, "There is no such redrive.");
    let id = call.request.match_info().get("redrive").unwrap_or_default();
    let id: Uuid = id.parse().map_err(|_| unknown())?;
    let state = call.api.workplace.redrives.get(id).ok_or_else(unknown)?;
    let started = state.started.as_ref();
    if started.is_some_and(|started| started.tenant == call.caller.tenant) {
        Ok((id, state))
    } else {
        Err(unknown())
    }
}
