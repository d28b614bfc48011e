//! Messages that are sent again: one, or those of a time range, counted first.

use actix_web::HttpResponse;
use punchcard_events::Timestamp;
use punchcard_events::endpoint::{Command, Rejection, Resend};
use schemars::JsonSchema;
use serde::Deserialize;

use super::call::EndpointCall;
use super::problems;
use super::view::ResendView;
use crate::http::errors::{Code, Problem};

/// The most messages of one resending.
const MOST: u32 = 10_000;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RangeBody {
    from: Timestamp,
    until: Timestamp,
    /// Those that were taken, too.
    #[serde(default)]
    acknowledged_too: bool,
    #[serde(default)]
    limit: Option<u32>,
    /// Only count them.
    dry_run: bool,
}

/// `POST /v1/webhooks/{endpoint}/deliveries/{delivery}/resend`
pub(super) async fn one(asked: EndpointCall) -> Result<HttpResponse, Problem> {
    let delivery = asked.delivery()?;
    let webhooks = &asked.call.api.webhooks.webhooks;
    let found = webhooks.delivery(asked.id, delivery).await?;
    if found.is_none() {
        return Err(problems::no_such_delivery());
    }
    resend(&asked, Resend::One { delivery }, 1).await
}

/// `POST /v1/webhooks/{endpoint}/resend`
pub(super) async fn range(mut asked: EndpointCall) -> Result<HttpResponse, Problem> {
    let body: RangeBody = asked.call.json().await?;
    let limit = body.limit.unwrap_or(MOST);
    if !(1..=MOST).contains(&limit) {
        let detail = format!("`limit` is a number from 1 to {MOST}.");
        return Err(Problem::new(Code::InvalidRequest, detail).field("/limit"));
    }
    if body.from >= body.until {
        return Err(Rejection::EmptyRange.into());
    }
    let which = Resend::Range {
        from: body.from,
        until: body.until,
        acknowledged_too: body.acknowledged_too,
        limit,
    };
    let webhooks = &asked.call.api.webhooks.webhooks;
    let count = webhooks.count_resend(asked.id, which).await?;
    if body.dry_run {
        return Ok(HttpResponse::Ok().json(ResendView {
            messages: count,
            dry_run: true,
        }));
    }
    resend(&asked, which, count).await
}

async fn resend(asked: &EndpointCall, which: Resend, count: u64) -> Result<HttpResponse, Problem> {
    let act = asked.act();
    asked.execute(Command::Resend { which, act }).await?;
    Ok(HttpResponse::Accepted().json(ResendView {
        messages: count,
        dry_run: false,
    }))
}
