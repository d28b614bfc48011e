//! What is said of the routes of shadow runs in the OpenAPI document.

use punchcard_events::TaskName;
use serde_json::json;
use uuid::Uuid;

use super::ask::{NothingBody, ResumeBody, StartBody};
use super::view::{ReportView, ShadowRunPage, ShadowRunView};
use crate::http::errors::Code;
use crate::http::openapi::common::PageLimit;
use crate::http::openapi::{Area, Operation, Text, get, post};

/// Every operation on shadow runs.
pub(in crate::http) fn area() -> Area {
    Area::new(
        "Shadow runs",
        "A version of a prompt tried on real tickets of the past, without any effect outside: what a \
         change would do, before it does it.",
        [
            start(),
            get("/v1/shadow-runs", "listShadowRuns", "List shadow runs")
                .query::<TaskName>("task", "Only of this task.")
                .query::<PageLimit>("limit", "How many.")
                .query::<Uuid>("cursor", "The `next_cursor` of the page before.")
                .gives::<ShadowRunPage>(200, "A page, the newest first."),
            of_one(get(
                "/v1/shadow-runs/{shadow_run}",
                "readShadowRun",
                "Read a shadow run",
            ))
            .gives::<ShadowRunView>(200, "The run as of now."),
            of_one(get(
                "/v1/shadow-runs/{shadow_run}/report",
                "readShadowRunReport",
                "Read what came of a shadow run",
            ))
            .query::<PageLimit>("limit", "How many cases.")
            .query::<u32>("cursor", "The `next_cursor` of the page before.")
            .gives::<ReportView>(
                200,
                "The sums, and a page of the cases that ended, the worst first.",
            ),
            of_one(post(
                "/v1/shadow-runs/{shadow_run}/stop",
                "stopShadowRun",
                "Stop a shadow run",
            ))
            .about("No more cases begin; those that are under way end as they do.")
            .optional_body::<NothingBody>()
            .gives::<ShadowRunView>(200, "The run, stopped.")
            .refuses(&[Code::WrongShadowRunState]),
            of_one(post(
                "/v1/shadow-runs/{shadow_run}/resume",
                "resumeShadowRun",
                "Go on with a stopped shadow run",
            ))
            .optional_body::<ResumeBody>()
            .example(json!({ "max_cost_usd": 2.5 }))
            .gives::<ShadowRunView>(200, "The run, running.")
            .refuses(&[
                Code::WrongShadowRunState,
                Code::NoPrice,
                Code::TooManyShadowRuns,
            ]),
        ],
    )
}

fn of_one(operation: Operation) -> Operation {
    operation.refuses(&[Code::NotFound, Code::InvalidParameter])
}

fn start() -> Operation {
    post("/v1/shadow-runs", "startShadowRun", "Start a shadow run")
        .about(
            "With `dry_run` it is only told, with 200, how many tickets match, how many were drawn and \
             what they are thought to cost; the `seed` of that answer draws the same tickets again.",
        )
        .body::<StartBody>()
        .example(json!({
            "task": "writing-review", "version": 4, "limit": 100, "max_cost_usd": 1.5,
            "filter": { "requested_from": "2026-11-16T00:00:00.000Z" },
        }))
        .gives::<ShadowRunView>(202, "The run.")
        .with_header::<Text>("Location", "Where the run is.")
        .refuses(&[
            Code::NoPrompt,
            Code::PromptDamaged,
            Code::NoSuchVersion,
            Code::BrokenPrompt,
            Code::NoCases,
            Code::NoPrice,
            Code::TooManyShadowRuns,
            Code::InvalidParameter,
        ])
}
