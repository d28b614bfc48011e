//! What is said of the ticket routes.

use punchcard_events::ticket::{Stage, StateName};
use punchcard_events::{TaskName, Timestamp, UserId};
use serde_json::json;

use super::common::{FailureCode, IdempotencyKey, PageLimit, Preference};
use super::operation::{Area, Operation, get, post};
use super::schemas::Text;
use crate::http::errors::Code;
use crate::http::tickets::{CancelBody, IssueBody};
use crate::http::view::{TicketPage, TicketView};

pub(super) fn area() -> Area {
    Area::new(
        "Tickets",
        "A ticket is one piece of work for a language model: issued once, done for sure, and kept \
         with its whole history.",
        [issue(), list(), read(), cancel(), stream()],
    )
}

fn issue() -> Operation {
    post("/v1/tickets", "issueTicket", "Issue a ticket")
        .about(
            "The ticket is on disk before the answer is sent. With an `Idempotency-Key`, a repeat \
             of the same request gets the first answer byte for byte.",
        )
        .header::<IdempotencyKey>(
            "Idempotency-Key",
            "Names the request: a repeat is the same ticket.",
        )
        .header::<Preference>(
            "Prefer",
            "`wait=25` (RFC 7240): answer with the whole ticket, 200, if it concludes within so \
             many seconds.",
        )
        .header::<Text>(
            "traceparent",
            "The W3C trace context; passed on to callbacks and the model.",
        )
        .body::<IssueBody>()
        .example(json!({
            "task": "writing-review", "user": "student-17", "input": { "essay": "…" },
            "metadata": { "essay": "17" },
        }))
        .gives::<TicketView>(202, "The ticket as it was accepted.")
        .with_header::<Text>("Location", "Where the ticket is.")
        .with_header::<Text>(
            "RateLimit-Policy",
            "The limits that can refuse a ticket, where there are.",
        )
        .with_header::<Text>("RateLimit", "How these limits stand.")
        .with_header::<Text>("Idempotency-Replayed", "`true` on the answer to a repeat.")
        .with_header::<Text>("Preference-Applied", "How long was waited for.")
        .gives::<TicketView>(
            200,
            "The ticket as it was concluded; only with `Prefer: wait`.",
        )
        .with_header::<Text>("Location", "Where the ticket is.")
        .with_header::<Text>(
            "RateLimit-Policy",
            "The limits that can refuse a ticket, where there are.",
        )
        .with_header::<Text>("RateLimit", "How these limits stand.")
        .with_header::<Text>("Idempotency-Replayed", "`true` on the answer to a repeat.")
        .with_header::<Text>("Preference-Applied", "How long was waited for.")
        .refuses(&[
            Code::UnknownTask,
            Code::TaskNotDeployed,
            Code::TaskRetired,
            Code::InvalidInput,
            Code::InputTooLarge,
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
    get("/v1/tickets", "listTickets", "List tickets")
        .about("The newest first.")
        .query_list_of_states()
        .query::<TaskName>("task", "Only tickets of this task.")
        .query::<UserId>("user", "Only tickets of this user.")
        .query::<Timestamp>("from", "Only tickets issued at this time or after.")
        .query::<Timestamp>("before", "Only tickets issued before this time.")
        .query::<Stage>("stage", "Only tickets that failed in this stage.")
        .query::<FailureCode>("code", "Only tickets that failed with this code.")
        .query::<Timestamp>(
            "failed_from",
            "Only tickets that failed at this time or after.",
        )
        .query::<Timestamp>(
            "failed_before",
            "Only tickets that failed before this time.",
        )
        .query::<Forks>(
            "forks",
            "Whether forks are listed too (`with`) or alone (`only`). Without this they are left out.",
        )
        .query::<PageLimit>("limit", "How many.")
        .query::<Text>(
            "cursor",
            "The `next_cursor` of the page before; with the same filters.",
        )
        .gives::<TicketPage>(200, "A page.")
        .refuses(&[Code::InvalidCursor])
}

impl Operation {
    fn query_list_of_states(self) -> Self {
        self.query::<States>(
            "state",
            "Only tickets in this state, or in one of these, separated by commas.",
        )
    }
}

/// Whether forks are listed.
struct Forks;

impl schemars::JsonSchema for Forks {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Forks".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "enum": ["with", "only"] })
    }
}

/// States, separated by commas.
struct States;

impl schemars::JsonSchema for States {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "States".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let names: Vec<_> = StateName::ALL.iter().map(|state| state.as_str()).collect();
        let one = format!("({})", names.join("|"));
        schemars::json_schema!({
            "type": "string", "pattern": format!("^{one}(,{one})*$"), "examples": ["failed,sent"],
        })
    }
}

fn read() -> Operation {
    get("/v1/tickets/{id}", "readTicket", "Read a ticket")
        .about(
            "A ticket without a user is delivered by being shown to its issuer: when its persisted \
             answer is given here, that is recorded.",
        )
        .gives::<TicketView>(200, "The ticket as of now.")
}

fn cancel() -> Operation {
    post("/v1/tickets/{id}/cancel", "cancelTicket", "Cancel a ticket")
        .body::<CancelBody>()
        .example(json!({ "mode": "stop" }))
        .gives::<TicketView>(200, "The ticket, cancelled.")
        .refuses(&[Code::TicketAlreadyEnded, Code::WrongState])
}

fn stream() -> Operation {
    get("/v1/tickets/{id}/stream", "streamTicket", "Follow a ticket")
        .about(
            "Server-sent events: `state`, `text`, `generation`, `answer`, `failed`, `cancelled` and \
             `lost`, with the data of the session protocol's frames. It ends after the outcome.",
        )
        .header::<Text>("Last-Event-ID", "The id of the last event that was read, to go on there.")
        .gives_as::<Text>(200, "The events.", "text/event-stream")
        .gives_nothing(204, "The outcome was read already: do not come back.")
        .refuses(&[Code::InvalidParameter, Code::Overloaded, Code::Stopping])
}
