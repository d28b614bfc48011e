//! `GET /v1/tickets/{id}/forks`

use actix_web::HttpResponse;
use punchcard_actors::ports::{TicketFilter, WhichForks};

use crate::http::dispatch::TicketCall;
use crate::http::errors::Problem;
use crate::http::{query, tickets};

pub(super) async fn list(TicketCall { call, news }: TicketCall) -> Result<HttpResponse, Problem> {
    let filter = TicketFilter {
        tenant: Some(call.caller.tenant),
        forks: WhichForks::Of(news.ticket),
        ..TicketFilter::default()
    };
    let query = query::parse_page(call.request.query_string(), filter)?;
    tickets::page(call.api.tickets.index().as_ref(), &query).await
}
