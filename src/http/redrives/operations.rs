//! What is said of the routes.

use punchcard_events::TaskName;
use serde_json::json;
use uuid::Uuid;

use super::many::StartBody;
use super::one::RedriveBody;
use super::view::{DeadLettersView, PreviewView, RedrivePage, RedriveView};
use crate::http::errors::Code;
use crate::http::openapi::common::PageLimit;
use crate::http::openapi::{Area, Operation, Text, get, post};
use crate::http::view::TicketView;

pub(in crate::http) fn area() -> Area {
    Area::new(
        "Redrives",
        "Failed tickets by their reason, and how they are opened again: one, or many at a pace. A \
         redriven ticket has as much time as it had at first, and the same limits hold for it.",
        [
            one(),
            get(
                "/v1/dead-letters",
                "listDeadLetters",
                "Count failed tickets",
            )
            .about("By task, stage and code. `GET /v1/tickets?state=failed` lists them.")
            .query::<TaskName>("task", "Only tickets of this task.")
            .gives::<DeadLettersView>(200, "The failed tickets as of now."),
            start(),
            get("/v1/redrives", "listRedrives", "List redrives")
                .query::<PageLimit>("limit", "How many.")
                .query::<Uuid>("cursor", "The `next_cursor` of the page before.")
                .gives::<RedrivePage>(200, "A page, the newest first."),
            get("/v1/redrives/{redrive}", "readRedrive", "Read a redrive")
                .gives::<RedriveView>(200, "The redrive as of now.")
                .refuses(&[Code::NotFound, Code::InvalidParameter]),
            post(
                "/v1/redrives/{redrive}/stop",
                "stopRedrive",
                "Stop a redrive",
            )
            .about("No more tickets are opened. Those that are open stay open.")
            .gives::<RedriveView>(200, "The redrive, stopped.")
            .refuses(&[
                Code::NotFound,
                Code::InvalidParameter,
                Code::RedriveEnded,
                Code::Overloaded,
            ]),
        ],
    )
}

fn one() -> Operation {
    post(
        "/v1/tickets/{id}/redrive",
        "redriveTicket",
        "Open a failed ticket again",
    )
    .about(
        "It goes on from the step that failed, or, with `from`, is prepared anew: the prompt that is in \
         production now is rendered, and the model is asked again.",
    )
    .optional_body::<RedriveBody>()
    .example(json!({ "from": "requested" }))
    .gives::<TicketView>(200, "The ticket, open again.")
    .refuses(&OF_OPENING)
    .refuses(&[Code::NotFailed, Code::ResultExpired])
}

fn start() -> Operation {
    post("/v1/redrives", "startRedrive", "Open failed tickets again")
        .about(
            "With `dry_run` it only says how many there are. Tickets that fail after the start are left \
             alone, and none is opened twice.",
        )
        .body::<StartBody>()
        .example(json!({
            "filter": { "task": "writing-review", "stage": "model", "code": "attempts_exhausted" },
            "per_second": 5,
        }))
        .gives::<PreviewView>(200, "What it would do; only with `dry_run`.")
        .gives::<RedriveView>(202, "The redrive as it was started.")
        .with_header::<Text>("Location", "Where the redrive is.")
        .refuses(&[
            Code::InvalidParameter,
            Code::RedriveRunning,
            Code::NoDeadLetters,
            Code::RedriveEnded,
            Code::NotFound,
            Code::Overloaded,
        ])
}

/// Why a ticket that was accepted once is not taken now.
const OF_OPENING: [Code; 7] = [
    Code::WrongState,
    Code::TooManyOpenTickets,
    Code::TooManyRequests,
    Code::BudgetExhausted,
    Code::StillCounting,
    Code::Overloaded,
    Code::Stopping,
];
