//! What is said of the routes.

use serde_json::json;
use uuid::Uuid;

use super::ask::ForkBody;
use super::view::PreviewView;
use crate::compare::Comparison;
use crate::http::errors::Code;
use crate::http::openapi::common::{IdempotencyKey, PageLimit};
use crate::http::openapi::{Area, Operation, Text, get, post};
use crate::http::view::{TicketPage, TicketView};

pub(in crate::http) fn area() -> Area {
    Area::new(
        "Forks",
        "Past tickets run again with another prompt, model or parameters, without effects outside: no \
         callback, no delivery, no webhook. What the model costs is counted.",
        [fork(), list(), compare()],
    )
}

fn fork() -> Operation {
    post("/v1/tickets/{id}/forks", "forkTicket", "Fork a ticket")
        .about(
            "A ticket of its own that names its parent. From `requested` the input is rendered again, with \
             the version it ran unless another is named; from `pre_processed` its messages are sent word \
             for word. With `dry_run` nothing is issued: it is shown what would be sent.",
        )
        .header::<IdempotencyKey>(
            "Idempotency-Key",
            "Names the request: a repeat is the same fork.",
        )
        .optional_body::<ForkBody>()
        .example(json!({ "version": 4, "parameters": { "temperature": 0.2 } }))
        .gives::<TicketView>(202, "The fork as it was accepted.")
        .with_header::<Text>("Location", "Where the fork is.")
        .with_header::<Text>(
            "RateLimit-Policy",
            "The limits that can refuse a ticket, where there are.",
        )
        .with_header::<Text>("RateLimit", "How these limits stand.")
        .with_header::<Text>("Idempotency-Replayed", "`true` on the answer to a repeat.")
        .gives::<PreviewView>(200, "What would be sent; only with `dry_run`.")
        .refuses(&[
            Code::NotPrepared,
            Code::UnknownModel,
            Code::UnknownTask,
            Code::TaskNotDeployed,
            Code::NoSuchVersion,
            Code::BrokenPrompt,
            Code::InvalidInput,
            Code::ResultExpired,
            Code::InvalidIdempotencyKey,
            Code::IdempotencyKeyReused,
            Code::IdempotencyKeyInFlight,
            Code::TooManyOpenTickets,
            Code::BudgetExhausted,
            Code::StillCounting,
            Code::TooManyRequests,
            Code::Overloaded,
            Code::Stopping,
        ])
}

fn list() -> Operation {
    get(
        "/v1/tickets/{id}/forks",
        "listForks",
        "List a ticket's forks",
    )
    .about("The newest first.")
    .query::<PageLimit>("limit", "How many.")
    .query::<Text>("cursor", "The `next_cursor` of the page before.")
    .gives::<TicketPage>(200, "A page.")
    .refuses(&[Code::InvalidCursor, Code::ResultExpired])
}

fn compare() -> Operation {
    get(
        "/v1/tickets/{id}/compare",
        "compareTickets",
        "Compare two tickets",
    )
    .about(
        "Answers as the models gave them: texts line by line, documents place by place, with tokens, \
         cost and time on both sides.",
    )
    .query::<Uuid>("with", "The ticket on the right.")
    .required()
    .gives::<Comparison>(200, "Both, and where they differ.")
    .refuses(&[Code::ResultExpired])
}
