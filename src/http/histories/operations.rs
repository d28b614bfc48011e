//! What is said of the routes.

use punchcard_events::Revision;

use super::timeline::TimelineView;
use super::view::{HistoryView, StateView};
use crate::http::errors::Code;
use crate::http::openapi::{Area, Operation, get};

pub(in crate::http) fn area() -> Area {
    Area::new(
        "Histories",
        "What happened to a ticket: its states, timings and pictures.",
        [events(), state(), timeline(), waterfall(), path()],
    )
}

fn events() -> Operation {
    get(
        "/v1/tickets/{id}/events",
        "readTicketEvents",
        "Read a ticket's history",
    )
    .gives::<HistoryView>(
        200,
        "Every event of the ticket, in order, whole, with the state that it led to.",
    )
}

fn state() -> Operation {
    get(
        "/v1/tickets/{id}/state",
        "readTicketState",
        "Read a ticket as it was",
    )
    .about("Folded from its events up to there. Nothing is called and nothing is delivered by it.")
    .query::<Revision>(
        "at",
        "The revision of the event after which; without it, the newest.",
    )
    .gives::<StateView>(200, "The ticket as it was then.")
    .refuses(&[Code::InvalidParameter])
}

fn timeline() -> Operation {
    get(
        "/v1/tickets/{id}/timeline",
        "readTicketTimeline",
        "Read where a ticket's time went",
    )
    .about(
        "What went on from the request to the end, every attempt and every callback with its outcome, \
         and where the ticket came from. What was sent to the tenant's API and what that answered is \
         shown to issuers and planners.",
    )
    .gives::<TimelineView>(200, "The timeline as of now.")
    .refuses(&[Code::InvalidParameter])
}

fn waterfall() -> Operation {
    get(
        "/v1/tickets/{id}/pictures/waterfall.svg",
        "drawTicketWaterfall",
        "Draw where a ticket's time went",
    )
    .about("Of very many steps the first and the last are drawn. The picture has no script and no style sheet.")
    .gives_as::<String>(200, "The timeline as a picture.", "image/svg+xml")
    .refuses(&[Code::InvalidParameter])
}

fn path() -> Operation {
    get(
        "/v1/tickets/{id}/pictures/path.svg",
        "drawTicketPath",
        "Draw a ticket's way through its states",
    )
    .about("Of very many events the first and the last are listed. The picture has no script and no style sheet.")
    .gives_as::<String>(200, "The states and the ways between them as a picture.", "image/svg+xml")
    .refuses(&[Code::InvalidParameter])
}
