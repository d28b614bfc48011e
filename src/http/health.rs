//! Whether the process lives, and whether it can do its work.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use async_trait::async_trait;
use schemars::JsonSchema;
use serde::Serialize;

use super::dispatch::Visit;
use super::errors::{Code, Problem};

/// Tells whether the process can do its work.
#[async_trait]
pub trait Readiness: Send + Sync {
    /// Looks at everything the work needs. Quick, and bounded in time.
    async fn checks(&self) -> Vec<Check>;
}

/// One thing the work needs.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct Check {
    /// What was looked at, such as `store`.
    pub name: &'static str,
    /// Whether it is well.
    pub ok: bool,
    /// What is wrong with it. Public: no addresses, no secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Report {
    status: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    checks: Vec<Check>,
}

/// `GET /livez`: the process answers.
#[expect(clippy::unused_async, reason = "every handler has one shape")]
pub(super) async fn live(_: Visit) -> Result<HttpResponse, Problem> {
    Ok(HttpResponse::Ok().json(Report {
        status: "ok",
        checks: vec![],
    }))
}

/// `GET /readyz`: 200 when every check is well, else 503.
pub(super) async fn ready(visit: Visit) -> Result<HttpResponse, Problem> {
    let checks = visit.api.readiness.checks().await;
    let (status, code) = if checks.iter().all(|check| check.ok) {
        ("ok", StatusCode::OK)
    } else {
        ("not_ready", StatusCode::SERVICE_UNAVAILABLE)
    };
    Ok(HttpResponse::build(code).json(Report { status, checks }))
}

/// `GET /metrics`: the Prometheus text format.
#[expect(clippy::unused_async, reason = "every handler has one shape")]
pub(super) async fn metrics(visit: Visit) -> Result<HttpResponse, Problem> {
    let Some(metrics) = &visit.api.metrics else {
        return Err(Problem::new(Code::NotFound, "Metrics are not kept."));
    };
    Ok(HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(metrics.render()))
}
