//! Looking at batches, and cancelling one.

use actix_web::HttpResponse;
use punchcard_events::BatchId;

use super::view::{BatchLineView, BatchPage, BatchView};
use super::{invalid, no_parameters, own_batch, parameters};
use crate::http::dispatch::Call;
use crate::http::errors::Problem;

const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// `GET /v1/batches`
#[expect(clippy::unused_async, reason = "a handler")]
pub(super) async fn list(call: Call) -> Result<HttpResponse, Problem> {
    let given = parameters(&call, &["limit", "cursor"])?;
    let limit = match given.get("limit") {
        None => DEFAULT_LIMIT,
        Some(text) => {
            let limit = text
                .parse()
                .ok()
                .filter(|limit| (1..=MAX_LIMIT).contains(limit));
            limit.ok_or_else(|| invalid("limit", "Use a number from 1 to 200."))?
        }
    };
    let after: Option<BatchId> = match given.get("cursor") {
        None => None,
        Some(text) => {
            let rule = "Use the next_cursor of the page before.";
            Some(text.parse().map_err(|_| invalid("cursor", rule))?)
        }
    };
    let mut found = call.api.batches.list(&call.caller.tenant, after, limit + 1);
    let more = found.len() > limit;
    found.truncate(limit);
    let last = found.last().filter(|_| more);
    Ok(HttpResponse::Ok().json(BatchPage {
        next_cursor: last.map(|(id, _)| id.to_string()),
        batches: found
            .iter()
            .map(|(id, state)| BatchLineView::of(*id, state))
            .collect(),
    }))
}

/// `GET /v1/batches/{batch}`
pub(super) async fn show(call: Call) -> Result<HttpResponse, Problem> {
    no_parameters(&call)?;
    let (id, _) = own_batch(&call)?;
    shown(&call, id).await
}

/// `POST /v1/batches/{batch}/cancel`
pub(super) async fn cancel(call: Call) -> Result<HttpResponse, Problem> {
    no_parameters(&call)?;
    let (id, _) = own_batch(&call)?;
    call.api.batches.cancel(id, call.caller.author()).await?;
    shown(&call, id).await
}

async fn shown(call: &Call, id: BatchId) -> Result<HttpResponse, Problem> {
    let view = call.api.batches.view(id).await?;
    let view = view.ok_or_else(|| Problem::internal(format!("batch {id} is gone")))?;
    Ok(HttpResponse::Ok().json(BatchView::of(&view)))
}
