//! Tenants: which there are, made, renamed, suspended.

use actix_web::HttpResponse;
use actix_web::http::header;
use punchcard_events::TenantId;
use punchcard_events::tenant::Command;
use serde::Deserialize;

use super::view::{TenantLine, TenantPage, TenantView};
use super::words::Words;
use crate::http::dispatch::OperatorCall;
use crate::http::errors::Problem;
use crate::http::prompts::params::Params;
use crate::http::prompts::precondition;

/// `GET /admin/v1/tenants`
pub(super) async fn list(call: OperatorCall) -> Result<HttpResponse, Problem> {
    let params = Params::of(call.request.query_string(), &["limit", "after"])?;
    let limit = params.limit()?;
    let after: Option<TenantId> = params.get("after", "Use the next_cursor of the page before.")?;
    let now = call.act().at;
    let rest = call.api.tenants.directory().all().into_iter();
    let rest = rest.filter(|(id, _)| after.as_ref().is_none_or(|after| id > after));
    // One more than asked for tells whether there is a next page.
    let mut found: Vec<_> = rest.take(limit.saturating_add(1)).collect();
    let more = found.len() > limit;
    found.truncate(limit);
    let next_cursor = found.last().filter(|_| more).map(|(id, _)| id.clone());
    let lines = found
        .into_iter()
        .map(|(id, tenant)| TenantLine::of(id, &tenant, now));
    Ok(HttpResponse::Ok().json(TenantPage {
        tenants: lines.collect(),
        next_cursor,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CreateBody {
    tenant: TenantId,
    name: Words,
}

/// `POST /admin/v1/tenants`
pub(super) async fn create(mut call: OperatorCall) -> Result<HttpResponse, Problem> {
    let body: CreateBody = call.json().await?;
    let create = Command::Create {
        name: body.name.0,
        act: call.act(),
    };
    call.api.tenants.execute(&body.tenant, create).await?;
    let location = format!("/admin/v1/tenants/{}", body.tenant);
    let mut response = shown(&call, &body.tenant)?;
    *response.status_mut() = actix_web::http::StatusCode::CREATED;
    if let Ok(location) = header::HeaderValue::from_str(&location) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// `GET /admin/v1/tenants/{tenant}`
pub(super) async fn read(call: OperatorCall) -> Result<HttpResponse, Problem> {
    shown(&call, &call.tenant()?)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NameBody {
    name: Words,
}

/// `PUT /admin/v1/tenants/{tenant}/name`
pub(super) async fn rename(mut call: OperatorCall) -> Result<HttpResponse, Problem> {
    let tenant = call.tenant()?;
    let body: NameBody = call.json().await?;
    let rename = Command::Rename {
        name: body.name.0,
        act: call.act(),
    };
    call.api.tenants.execute(&tenant, rename).await?;
    shown(&call, &tenant)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SuspendBody {
    reason: Words,
}

/// `POST /admin/v1/tenants/{tenant}/suspend`
pub(super) async fn suspend(mut call: OperatorCall) -> Result<HttpResponse, Problem> {
    let tenant = call.tenant()?;
    let body: SuspendBody = call.json().await?;
    let suspend = Command::Suspend {
        reason: body.reason.0,
        act: call.act(),
    };
    call.api.tenants.execute(&tenant, suspend).await?;
    shown(&call, &tenant)
}

/// A body that says nothing, and may be left out.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct NoBody {}

/// `POST /admin/v1/tenants/{tenant}/resume`
pub(super) async fn resume(mut call: OperatorCall) -> Result<HttpResponse, Problem> {
    let tenant = call.tenant()?;
    let NoBody {} = call.json_or_default().await?;
    let resume = Command::Resume { act: call.act() };
    call.api.tenants.execute(&tenant, resume).await?;
    shown(&call, &tenant)
}

/// The tenant as it is in the directory, which has what was done before this was asked.
pub(super) fn shown(call: &OperatorCall, tenant: &TenantId) -> Result<HttpResponse, Problem> {
    let view = TenantView::of(tenant.clone(), &*call.state(tenant)?, call.act().at);
    Ok(HttpResponse::Ok()
        .insert_header(precondition::text_tag(view.etag()))
        .json(view))
}
