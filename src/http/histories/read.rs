//! The handlers.

use actix_web::HttpResponse;
use punchcard_actors::feed::News;
use punchcard_actors::tickets::Past;
use punchcard_events::Revision;

use super::timeline::TimelineView;
use super::view::{HistoryView, StateView};
use crate::http::dispatch::{Call, TicketCall};
use crate::http::errors::{Code, Problem};
use crate::http::prompts::params::{self, Params};

/// `GET /v1/tickets/{id}/events`
pub(super) async fn events(TicketCall { call, news }: TicketCall) -> Result<HttpResponse, Problem> {
    let past = call.api.tickets.past(news.ticket).await?;
    Ok(HttpResponse::Ok().json(HistoryView::of(news.ticket, past)?))
}

/// `GET /v1/tickets/{id}/state`
pub(super) async fn state(TicketCall { call, news }: TicketCall) -> Result<HttpResponse, Problem> {
    let asked = revision(&call)?;
    let past = call.api.tickets.past(news.ticket).await?;
    let last = last(&past)?;
    let at = asked.unwrap_or(last);
    let then = as_of(&past, news, at).ok_or_else(|| no_such_revision(at, last))?;
    Ok(HttpResponse::Ok().json(StateView::of(&then, last)))
}

/// `GET /v1/tickets/{id}/timeline`
pub(super) async fn timeline(
    TicketCall { call, news }: TicketCall,
) -> Result<HttpResponse, Problem> {
    params::none(&call)?;
    let past = call.api.tickets.past(news.ticket).await?;
    let view = TimelineView::of(&call, &news, &past).ok_or_else(Problem::no_such_ticket)?;
    Ok(HttpResponse::Ok().json(view))
}

/// The revision that is asked for.
fn revision(call: &Call) -> Result<Option<Revision>, Problem> {
    const RULE: &str = "Use the revision of one of the ticket's events: a whole number, from 0.";
    let params = Params::of(call.request.query_string(), &["at"])?;
    Ok(params.get("at", RULE)?.map(Revision))
}

/// The newest revision. A ticket that was found has one.
fn last(past: &Past) -> Result<Revision, Problem> {
    let last = past.recorded.last().map(|recorded| recorded.revision);
    last.ok_or_else(Problem::no_such_ticket)
}

/// The ticket as it was after its event `at`; `None` where it has no such event. Of the text that
/// streamed meanwhile nothing is stored, so none is told.
fn as_of(past: &Past, news: News, at: Revision) -> Option<News> {
    let place = past.recorded.iter().position(|r| r.revision == at)?;
    let happened = past.happened.get(place)?;
    Some(News {
        ticket: news.ticket,
        revision: at,
        state: happened.state.clone(),
        changed_at: happened.at,
        live: None,
    })
}

fn no_such_revision(at: Revision, last: Revision) -> Problem {
    let (at, last) = (at.0, last.0);
    let detail = format!("The ticket has no revision {at}. Its newest is {last}.");
    Problem::new(Code::NotFound, detail).field("at")
}
