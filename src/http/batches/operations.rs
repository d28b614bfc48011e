//! What is said of the batch routes in the OpenAPI document.

use punchcard_events::batch::BatchMode;
use punchcard_events::{BatchId, TaskName};
use serde_json::json;

use super::view::{BatchPage, BatchView};
use crate::http::errors::Code;
use crate::http::openapi::common::{IdempotencyKey, PageLimit};
use crate::http::openapi::{Area, Operation, Text, get, post};

/// Every operation on batches.
pub(in crate::http) fn area() -> Area {
    Area::new(
        "Batches",
        "Many tickets at a time: uploaded as JSON Lines, one request for a ticket on each line, and read \
         as JSON Lines. A batch yields to every other ticket of its tenant.",
        [
            create(),
            get("/v1/batches", "listBatches", "List batches")
                .query::<PageLimit>("limit", "How many.")
                .query::<BatchId>("cursor", "The `next_cursor` of the page before.")
                .gives::<BatchPage>(200, "A page, the newest first."),
            of_one(get("/v1/batches/{batch}", "readBatch", "Read a batch"))
                .gives::<BatchView>(200, "The batch as of now."),
            of_one(get(
                "/v1/batches/{batch}/results",
                "readBatchResults",
                "Read a batch's results",
            ))
            .gives_as::<Text>(
                200,
                "A line for each line, in their order.",
                "application/jsonl",
            )
            .refuses(&[
                Code::WrongBatchState,
                Code::TooManyRequests,
                Code::Overloaded,
            ]),
            of_one(post(
                "/v1/batches/{batch}/cancel",
                "cancelBatch",
                "Cancel a batch",
            ))
            .gives::<BatchView>(200, "The batch, cancelled.")
            .refuses(&[Code::WrongBatchState]),
        ],
    )
}

fn of_one(operation: Operation) -> Operation {
    operation.refuses(&[Code::NotFound, Code::InvalidParameter])
}

fn create() -> Operation {
    post("/v1/batches", "createBatch", "Upload a batch")
        .about("A bad line is rejected with its number and the others run, unless `mode` says otherwise.")
        .query::<TaskName>("task", "The task of lines that name none.")
        .query::<BatchMode>("mode", "What a bad line means for the others.")
        .header::<IdempotencyKey>("Idempotency-Key", "Names the upload: a repeat is the same batch.")
        .body_as::<Text>("application/jsonl")
        .example(json!("{\"custom_id\":\"1\",\"task\":\"writing-review\",\"input\":{\"essay\":\"…\"}}\n"))
        .gives::<BatchView>(202, "The batch, and the lines that were rejected.")
        .with_header::<Text>("Location", "Where the batch is.")
        .with_header::<Text>("Idempotency-Replayed", "`true` on the answer to a repeat.")
        .refuses(&[
            Code::BatchRejected,
            Code::TooManyBatches,
            Code::WrongBatchState,
            Code::InvalidIdempotencyKey,
            Code::IdempotencyKeyReused,
            Code::IdempotencyKeyInFlight,
        ])
}
