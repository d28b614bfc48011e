//! A batch's results as JSON Lines, in the order of its lines. Made as they are taken: a chunk of
//! lines is in memory at a time, and the answers to a few of them.

use std::collections::VecDeque;

use actix_web::HttpResponse;
use actix_web::http::header;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use punchcard_actors::admission::Share;
use punchcard_actors::batches::{LineEnd, Lines};
use punchcard_actors::feed::News;
use punchcard_actors::ports::ReadError;
use punchcard_actors::tickets::Tickets;
use punchcard_events::batch::{RefusedLine, RequestLine};
use punchcard_events::ticket::{StateName, TicketState, Usage};
use punchcard_events::{BatchId, TicketId};
use serde::Serialize;
use serde_json::Value;

use super::{no_parameters, own_batch};
use crate::http::dispatch::Call;
use crate::http::errors::{Code, Problem};
use crate::http::outcome;

/// Tickets that are looked up at a time, and whose answers are one piece of the body.
const AT_ONCE: usize = 16;

/// One line of the results.
#[derive(Serialize)]
struct ResultLine {
    line: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    custom_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ticket: Option<TicketId>,
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<std::sync::Arc<Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Usage>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<LineError>,
}

#[derive(Serialize)]
struct LineError {
    code: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

/// `GET /v1/batches/{batch}/results`
#[expect(clippy::unused_async, reason = "a handler")]
pub(super) async fn stream(call: Call) -> Result<HttpResponse, Problem> {
    no_parameters(&call)?;
    let (id, _) = own_batch(&call)?;
    let Some(lines) = call.api.batches.lines(id) else {
        let detail = "The batch has no results: its upload was never complete.";
        return Err(Problem::new(Code::WrongBatchState, detail));
    };
    // A reader may take its time, so there are not too many.
    let place = call.api.bounds.waiting.take(&call.caller.tenant, 1);
    let reader = Reader {
        lines,
        chunk: VecDeque::new(),
        batch: id,
        tickets: call.api.tickets.clone(),
        taker: call.caller.taker(),
        _place: place.map_err(Problem::too_many_bodies)?,
    };
    let lines = stream::unfold(Some(reader), |reader| async {
        let mut reader = reader?;
        match reader.next().await {
            Ok(Some(bytes)) => Some((Ok(bytes), Some(reader))),
            Ok(None) => None,
            // A body that breaks off is not taken for a whole one.
            Err(error) => {
                tracing::warn!(batch.id = %reader.batch, %error, "results break off");
                let broken = actix_web::error::ErrorInternalServerError("results break off");
                Some((Err(broken), None))
            }
        }
    });
    Ok(HttpResponse::Ok()
        .content_type("application/jsonl")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .streaming(Box::pin(lines)))
}

struct Reader {
    lines: Lines,
    /// Lines that are read and not given out.
    chunk: VecDeque<LineEnd>,
    batch: BatchId,
    tickets: Tickets,
    /// Whose reading is an answer's delivery.
    taker: Option<String>,
    _place: Share,
}

impl Reader {
    /// The next piece; `None` after the last line.
    async fn next(&mut self) -> Result<Option<Bytes>, ReadError> {
        loop {
            if self.chunk.is_empty() {
                match self.lines.next().await? {
                    Some(lines) => self.chunk = lines.into(),
                    None => return Ok(None),
                }
            }
            let few = self.chunk.len().min(AT_ONCE);
            let lines: Vec<_> = self.chunk.drain(..few).collect();
            let this = &*self;
            let ends = stream::iter(lines)
                .map(|line| this.end(line))
                .buffered(AT_ONCE);
            let ends: Vec<_> = ends.collect().await;
            let mut out = Vec::new();
            for end in ends {
                if let Some(line) = end? {
                    // Strings, numbers and stored JSON always become JSON.
                    let _ = serde_json::to_writer(&mut out, &line);
                    out.push(b'\n');
                }
            }
            if !out.is_empty() {
                return Ok(Some(Bytes::from(out)));
            }
        }
    }

    /// What became of a line; `None` where that is not known yet.
    async fn end(&self, line: LineEnd) -> Result<Option<ResultLine>, ReadError> {
        let line = match line {
            LineEnd::Refused(refused) => return Ok(Some(rejected(refused))),
            LineEnd::Runs(line) => line,
        };
        let ticket = self.batch.ticket(line.line);
        let Some(news) = self.tickets.look(ticket).await? else {
            return Ok(None);
        };
        if !outcome::is_concluded(&news.state) {
            return Ok(None);
        }
        if self.tickets.is_expired(&news) {
            return Ok(Some(expired(&line, &news)));
        }
        let news = outcome::taken_by_issuer(&self.tickets, news, self.taker.clone()).await;
        Ok(Some(concluded(&line, &news)))
    }
}

fn rejected(refused: RefusedLine) -> ResultLine {
    ResultLine {
        line: refused.line,
        custom_id: refused.custom_id,
        ticket: None,
        state: "rejected",
        answer: None,
        usage: None,
        error: Some(LineError {
            code: refused.code,
            message: refused.message,
            field: refused.field,
        }),
    }
}

fn expired(line: &RequestLine, news: &News) -> ResultLine {
    let error = LineError {
        code: Code::ResultExpired.as_str().to_owned(),
        message: "The texts of this ticket are kept no longer.".to_owned(),
        field: None,
    };
    ResultLine {
        answer: None,
        error: Some(error),
        ..concluded(line, news)
    }
}

fn concluded(line: &RequestLine, news: &News) -> ResultLine {
    let error = match &news.state {
        TicketState::Failed(failed) => {
            Some((failed.failure.code.clone(), failed.failure.message.clone()))
        }
        TicketState::Cancelled(_) => Some((
            "cancelled".to_owned(),
            "The ticket was cancelled.".to_owned(),
        )),
        TicketState::Unrequested
        | TicketState::Requested(_)
        | TicketState::PreProcessed(_)
        | TicketState::Sent(_)
        | TicketState::Answered(_)
        | TicketState::Persisted(_)
        | TicketState::Delivered(_) => None,
    };
    let state: StateName = news.state.name();
    ResultLine {
        line: line.line,
        custom_id: line.custom_id.clone(),
        ticket: Some(news.ticket),
        state: state.as_str(),
        answer: news.state.final_answer(),
        usage: news.state.answered().and_then(|answered| answered.usage),
        error: error.map(|(code, message)| LineError {
            code,
            message,
            field: None,
        }),
    }
}
