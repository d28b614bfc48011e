//! One failed ticket opened again, and which there are.

use actix_web::HttpResponse;
use punchcard_actors::tickets::Redrive;
use punchcard_events::redrive::RedriveFilter;
use punchcard_events::ticket::RedriveFrom;
use schemars::JsonSchema;
use serde::Deserialize;

use super::parameters::dead_letters_of;
use super::view::DeadLettersView;
use crate::http::dispatch::{Call, TicketCall};
use crate::http::errors::Problem;
use crate::http::view::TicketView;

/// How a ticket is opened again; nothing: from the step that it failed in.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RedriveBody {
    from: Option<RedriveFrom>,
}

/// `POST /v1/tickets/{id}/redrive`
pub(super) async fn redrive(
    TicketCall { mut call, news }: TicketCall,
) -> Result<HttpResponse, Problem> {
    let body: RedriveBody = call.json_or_default().await?;
    let redrive = Redrive {
        by: call.caller.key_prefix,
        from: body.from,
        redrive: None,
    };
    let news = call.api.tickets.redrive(news.ticket, redrive).await?;
    Ok(HttpResponse::Ok().json(TicketView::of(&news)))
}

/// `GET /v1/dead-letters`
pub(super) async fn dead_letters(call: Call) -> Result<HttpResponse, Problem> {
    let filter = RedriveFilter {
        task: dead_letters_of(&call)?,
        ..RedriveFilter::default()
    };
    let redrives = &call.api.workplace.redrives;
    let groups = redrives.dead_letters(&call.caller.tenant, &filter).await?;
    Ok(HttpResponse::Ok().json(DeadLettersView::from(groups)))
}
