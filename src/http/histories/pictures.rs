//! The pictures of a ticket's past.

use actix_web::HttpResponse;
use actix_web::http::header;

use super::timeline::told;
use crate::http::dispatch::TicketCall;
use crate::http::errors::Problem;
use crate::http::prompts::params;
use crate::pictures;

/// What a picture may do where it is opened by itself: nothing. It loads nothing, runs nothing and is framed
/// nowhere.
const POLICY: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";

/// `GET /v1/tickets/{id}/pictures/waterfall.svg`
pub(super) async fn waterfall(
    TicketCall { call, news }: TicketCall,
) -> Result<HttpResponse, Problem> {
    params::none(&call)?;
    let past = call.api.tickets.past(news.ticket).await?;
    let timeline = told(&call.api.tickets, &news, &past).ok_or_else(Problem::no_such_ticket)?;
    Ok(picture(pictures::waterfall(news.ticket, &timeline)))
}

/// `GET /v1/tickets/{id}/pictures/path.svg`
pub(super) async fn path(TicketCall { call, news }: TicketCall) -> Result<HttpResponse, Problem> {
    params::none(&call)?;
    let past = call.api.tickets.past(news.ticket).await?;
    Ok(picture(pictures::path(news.ticket, &past.happened)))
}

/// That it is not to be taken for anything else is said of every answer.
fn picture(svg: String) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("image/svg+xml")
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
        .body(svg)
}
