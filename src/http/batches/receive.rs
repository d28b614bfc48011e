//! Receiving an upload: read piece by piece, checked line by line, stored chunk by chunk.
//!
//! What one upload holds in memory is a piece of the body, a line and a chunk, whatever its size. An
//! upload that breaks off drops its [`Upload`], and with it the batch.

use actix_web::http::header;
use actix_web::{HttpMessage as _, HttpResponse, web};
use bytes::Bytes;
use futures_util::StreamExt as _;
use punchcard_actors::batches::{Batches, Begun, NewBatch, Upload};
use punchcard_events::batch::{BatchMode, Discard, Phase, RefusedLine};
use punchcard_events::{BatchId, TaskName};
use sha2::{Digest as _, Sha256};

use super::line::Checker;
use super::splitter::{Line, Splitter};
use super::view::{BatchView, Refused};
use super::{invalid, parameters};
use crate::http::dispatch::Call;
use crate::http::errors::{Code, Problem};
use crate::http::idempotency;

/// What an upload may hold beyond its longest line: pieces of the body and a chunk, read and written.
const ROOM_BYTES: usize = 1024 * 1024;

/// Rejected lines that the answer lists; the results have all.
const SHOWN: usize = 100;

/// What is asked for beside the lines.
struct Asked {
    task: Option<TaskName>,
    mode: BatchMode,
}

impl Asked {
    fn of(call: &Call) -> Result<Self, Problem> {
        let given = parameters(call, &["task", "mode"])?;
        let task = given.get("task").map(|name| {
            let rule = |error: punchcard_events::InvalidName| {
                invalid("task", &format!("A task's name has {}.", error.rule))
            };
            TaskName::new(name).map_err(rule)
        });
        let mode = match given.get("mode").map(AsRef::as_ref) {
            None | Some("partial") => BatchMode::Partial,
            Some("all_or_nothing") => BatchMode::AllOrNothing,
            Some(_) => return Err(invalid("mode", "Use partial or all_or_nothing.")),
        };
        Ok(Self {
            task: task.transpose()?,
            mode,
        })
    }
}

/// `POST /v1/batches`
pub(super) async fn create(mut call: Call) -> Result<HttpResponse, Problem> {
    let asked = Asked::of(&call)?;
    check_media_type(&call)?;
    let key = idempotency::key(call.request.headers())?;
    let batches = call.api.batches.clone();
    let options = batches.options();
    let declared = call.request.headers().get(header::CONTENT_LENGTH);
    let declared = declared.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if declared.is_some_and(|length| length > options.max_bytes) {
        return Err(too_large(options.max_bytes));
    }
    let room = ROOM_BYTES + options.max_line_bytes;
    let room = call.api.bounds.bodies.take(&call.caller.tenant, room);
    let _room = room.map_err(Problem::too_many_bodies)?;
    let payload = call.payload.take();
    let payload = payload.ok_or_else(|| Problem::internal("no body is left to read".into()))?;
    let begun = batches.begin(NewBatch {
        tenant: call.caller.tenant.clone(),
        task: asked.task.clone(),
        mode: asked.mode,
        idempotency_key: key,
        by: call.caller.author(),
    });
    let within = options.upload_within;
    let body = Body {
        payload,
        hash: Sha256::new(),
        bytes: 0,
        limit: options.max_bytes,
        patience: call.api.options.body_timeout,
    };
    let begun = begun.await?;
    let received = async {
        match begun {
            Begun::Earlier(earlier) => repeat(&call, earlier, body).await,
            Begun::New(upload) => receive(&call, asked.task.as_ref(), *upload, body).await,
        }
    };
    let received = tokio::time::timeout(within, received).await;
    received.unwrap_or_else(|_| {
        let detail = format!("An upload may take at most {} seconds.", within.as_secs());
        Err(Problem::new(Code::RequestTimeout, detail))
    })
}

/// Takes an upload in. Whatever ends it early drops it, which gives the batch up.
async fn receive(
    call: &Call,
    task: Option<&TaskName>,
    mut upload: Upload,
    mut body: Body,
) -> Result<HttpResponse, Problem> {
    let options = call.api.batches.options();
    let checker = Checker {
        tickets: &call.api.tickets,
        tenant: &call.caller.tenant,
        task,
        limit: options.max_line_bytes,
    };
    let mut rejected = Vec::new();
    let mut splitter = Splitter::new(options.max_line_bytes);
    while let Some(mut piece) = body.next().await? {
        while !piece.is_empty() {
            if let Some(line) = splitter.next(&mut piece) {
                add(&checker, &mut upload, &line, &mut rejected).await?;
            }
        }
    }
    if let Some(line) = splitter.last() {
        add(&checker, &mut upload, &line, &mut rejected).await?;
    }
    finish(call, upload, body, rejected).await
}

async fn add(
    checker: &Checker<'_>,
    upload: &mut Upload,
    line: &Line,
    rejected: &mut Vec<RefusedLine>,
) -> Result<(), Problem> {
    // Empty lines count: a line's number is its place in the file.
    let most = punchcard_events::batch::MAX_LINES;
    if line.number > most {
        let detail = format!("A batch has at most {most} lines.");
        return Err(Problem::new(Code::BodyTooLarge, detail));
    }
    let Some(checked) = checker.check(line) else {
        return Ok(());
    };
    if let Err(refused) = &checked
        && rejected.len() < SHOWN
    {
        rejected.push(refused.clone());
    }
    let bytes = line.text.as_ref().map_or(0, Bytes::len);
    Ok(upload.add(checked, bytes).await?)
}

/// The upload is complete: what runs is accepted, and what does not is said.
async fn finish(
    call: &Call,
    upload: Upload,
    body: Body,
    rejected: Vec<RefusedLine>,
) -> Result<HttpResponse, Problem> {
    let id = upload.id();
    let (bytes, sha256) = body.end();
    let state = upload.seal(bytes, sha256, call.caller.author()).await?;
    match &state.phase {
        Phase::Discarded(discarded) => Err(not_run(discarded.why, &rejected)),
        Phase::Receiving | Phase::Running | Phase::Cancelling | Phase::Finished(_) => {
            accepted(&call.api.batches, id, &rejected, false).await
        }
    }
}

fn not_run(why: Discard, rejected: &[RefusedLine]) -> Problem {
    match why {
        Discard::BadLines => {
            let detail = "Lines are wrong, and all or nothing was asked for: nothing runs.";
            let lines: Vec<_> = rejected.iter().map(Refused::of).collect();
            let lines = serde_json::to_value(lines).unwrap_or_default();
            Problem::new(Code::BatchRejected, detail).with("rejected", lines)
        }
        Discard::Empty => Problem::new(Code::BatchRejected, "The upload has no line."),
        Discard::BrokenOff | Discard::TooLarge => {
            Problem::new(Code::BatchRejected, "The upload was not complete.")
        }
    }
}

async fn accepted(
    batches: &Batches,
    id: BatchId,
    rejected: &[RefusedLine],
    is_repeat: bool,
) -> Result<HttpResponse, Problem> {
    let view = batches.view(id).await?;
    let view = view.ok_or_else(|| Problem::internal(format!("batch {id} is gone")))?;
    let mut response = HttpResponse::Accepted();
    response.insert_header((header::LOCATION, format!("/v1/batches/{id}")));
    if is_repeat {
        response.insert_header((idempotency::REPLAYED, "true"));
    }
    Ok(response.json(BatchView::of(&view).listing(rejected)))
}

/// Reads an upload whose key was used before, and keeps nothing of it but what tells it from another.
async fn repeat(call: &Call, earlier: BatchId, mut body: Body) -> Result<HttpResponse, Problem> {
    while body.next().await?.is_some() {}
    let (_, sha256) = body.end();
    let state = call.api.batches.state(earlier);
    let sealed = state.as_ref().and_then(|state| state.sealed.as_ref());
    if sealed.is_some_and(|sealed| sealed.sha256 == sha256) {
        return accepted(&call.api.batches, earlier, &[], true).await;
    }
    Err(Problem::new(
        Code::IdempotencyKeyReused,
        "This idempotency key was used for another upload. Use a new key.",
    ))
}

/// A request's body, bounded in size, and in how long each piece may take.
struct Body {
    payload: web::Payload,
    hash: Sha256,
    bytes: u64,
    limit: u64,
    patience: std::time::Duration,
}

impl Body {
    async fn next(&mut self) -> Result<Option<Bytes>, Problem> {
        let piece = tokio::time::timeout(self.patience, self.payload.next()).await;
        let piece = piece.map_err(|_| {
            let seconds = self.patience.as_secs();
            let detail = format!("Nothing of the body arrived within {seconds} seconds.");
            Problem::new(Code::RequestTimeout, detail)
        })?;
        let broken = |_| {
            let detail = "The body ended before it was complete.";
            Problem::new(Code::InvalidRequest, detail)
        };
        let Some(piece) = piece.transpose().map_err(broken)? else {
            return Ok(None);
        };
        self.bytes += piece.len() as u64;
        if self.bytes > self.limit {
            return Err(too_large(self.limit));
        }
        self.hash.update(&piece);
        Ok(Some(piece))
    }

    /// Its size in bytes and its SHA-256 in hexadecimal.
    fn end(self) -> (u64, String) {
        let digest = self.hash.finalize();
        let digest = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        (self.bytes, digest)
    }
}

fn too_large(limit: u64) -> Problem {
    let detail = format!("An upload may have at most {limit} bytes. Make several batches of it.");
    Problem::new(Code::BodyTooLarge, detail)
}

fn check_media_type(call: &Call) -> Result<(), Problem> {
    const TAKEN: [&str; 2] = ["application/jsonl", "application/x-ndjson"];
    let refused = |detail| Err(Problem::new(Code::UnsupportedMediaType, detail));
    let kind = call.request.mime_type().ok().flatten();
    if kind.is_none_or(|kind| !TAKEN.contains(&kind.essence_str())) {
        return refused("Send the lines as `Content-Type: application/jsonl`.");
    }
    let encoding = call.request.headers().get(header::CONTENT_ENCODING);
    if encoding.is_some_and(|encoding| encoding != "identity") {
        return refused("Send the lines without a content encoding.");
    }
    Ok(())
}
