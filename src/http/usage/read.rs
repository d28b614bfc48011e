//! `GET /v1/usage`

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderValue};
use punchcard_actors::ports::UsageTableError;
use punchcard_actors::usage::Day;

use super::view::UsageView;
use super::{csv, params};
use crate::http::dispatch::Call;
use crate::http::errors::{Code, Problem};

/// What the caller's tenant used, by day and whatever else is asked for.
pub(super) async fn read(call: Call) -> Result<HttpResponse, Problem> {
    let tickets = &call.api.tickets;
    let tenant = &call.caller.tenant;
    let today = Day::of(tickets.now());
    let (query, headers) = (call.request.query_string(), call.request.headers());
    let asked = params::parse(query, headers, tenant.clone(), today)?;
    let rows = call.api.usage.rows(asked.query.clone()).await?;
    if rows.len() > params::MAX_ROWS {
        let rule = format!(
            "That is more than {} rows. Ask for fewer days, or group by less.",
            params::MAX_ROWS
        );
        return Err(Problem::new(Code::TooManyRows, rule).field("group_by"));
    }
    if asked.csv {
        let kind = HeaderValue::from_static("text/csv; charset=utf-8; header=present");
        let named = HeaderValue::from_static("attachment; filename=\"usage.csv\"");
        return Ok(HttpResponse::Ok()
            .insert_header((header::CONTENT_TYPE, kind))
            .insert_header((header::CONTENT_DISPOSITION, named))
            .body(csv::write(&asked.query, &rows)));
    }
    let budgets = tickets.budgets(tenant, None);
    let complete = tickets.usage_is_counted();
    Ok(HttpResponse::Ok().json(UsageView::new(&asked.query, rows, budgets, complete)))
}

impl From<UsageTableError> for Problem {
    fn from(error: UsageTableError) -> Self {
        let detail = "The usage table does not answer. Repeat the request in a moment.";
        let after = std::time::Duration::from_secs(2);
        Self::later(Code::UsageUnavailable, detail, after, error.to_string())
    }
}
