//! What a tenant may see and do of itself. Its limits, its suspension and its settings are its
//! operators' to change.

use actix_web::HttpResponse;

use super::keys::{Keeper, prefix};
use super::view::OwnView;
use crate::http::dispatch::Call;
use crate::http::errors::Problem;

/// `GET /v1/tenant`
pub(super) async fn read(call: Call) -> Result<HttpResponse, Problem> {
    let tenant = &call.caller.tenant;
    let state = call.api.tenants.directory().tenant(tenant);
    let state = state.ok_or_else(Problem::no_such_tenant)?;
    Ok(HttpResponse::Ok().json(OwnView::of(tenant.clone(), &state)))
}

/// `GET /v1/keys`
pub(super) async fn list(call: Call) -> Result<HttpResponse, Problem> {
    keeper(&call).list(&call.request)
}

/// `POST /v1/keys`
pub(super) async fn issue(mut call: Call) -> Result<HttpResponse, Problem> {
    let body = call.json().await?;
    keeper(&call).issue(body).await
}

/// `POST /v1/keys/{prefix}/rotate`
pub(super) async fn rotate(mut call: Call) -> Result<HttpResponse, Problem> {
    let body = call.json().await?;
    keeper(&call).rotate(prefix(&call.request), body).await
}

/// `POST /v1/keys/{prefix}/revoke`
pub(super) async fn revoke(mut call: Call) -> Result<HttpResponse, Problem> {
    let body = call.json_or_default().await?;
    keeper(&call).revoke(prefix(&call.request), body).await
}

fn keeper(call: &Call) -> Keeper<'_> {
    Keeper {
        api: &call.api,
        tenant: &call.caller.tenant,
        act: call.act(),
    }
}
