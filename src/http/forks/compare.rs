//! `GET /v1/tickets/{id}/compare`

use actix_web::{HttpResponse, web};
use punchcard_actors::feed::News;
use punchcard_actors::tickets::Tickets;
use punchcard_events::TicketId;
use url::form_urlencoded;

use crate::compare::{Comparison, Side};
use crate::http::dispatch::TicketCall;
use crate::http::errors::{Code, Problem};

pub(super) async fn compare(
    TicketCall { call, news }: TicketCall,
) -> Result<HttpResponse, Problem> {
    let with = with(call.request.query_string())?;
    let tickets = &call.api.tickets;
    let owned = |other: &News| {
        let request = other.state.request();
        request.is_some_and(|request| request.tenant == call.caller.tenant)
    };
    // What is another tenant's is told like what is not there.
    let other = tickets.look(with).await?.filter(owned);
    let other = other.ok_or_else(|| Problem::no_such_ticket().field("with"))?;
    if tickets.is_expired(&other) {
        return Err(Problem::result_expired().field("with"));
    }
    let (left, right) = (side(tickets, &news), side(tickets, &other));
    // Long texts take a while, and others wait on this thread.
    let compared = web::block(move || Comparison::between(left, right)).await;
    let compared = compared.map_err(|error| Problem::internal(error.to_string()))?;
    Ok(HttpResponse::Ok().json(compared))
}

fn side(tickets: &Tickets, news: &News) -> Side {
    Side::of(news.ticket, &news.state, |model, usage| {
        tickets.cost(model, usage.into())
    })
}

/// The other ticket: the one parameter that there is.
fn with(query: &str) -> Result<TicketId, Problem> {
    let invalid = |name: &str, rule: &str| {
        let name: String = name.chars().take(64).collect();
        Problem::new(Code::InvalidParameter, rule).field(name)
    };
    let mut with = None;
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if name != "with" {
            return Err(invalid(&name, "There is no such parameter."));
        }
        if with.is_some() {
            return Err(invalid(&name, "Give this parameter once."));
        }
        let id = value.parse();
        with = Some(id.map_err(|_| invalid(&name, "Use the id of a ticket."))?);
    }
    with.ok_or_else(|| invalid("with", "Say which ticket to compare with, as `?with=ID`."))
}
