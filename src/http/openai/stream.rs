//! A completion in chunks: server-sent events without names, `[DONE]` at the end (API reference,
//! *Streaming*).
//!
//! As with `GET /v1/tickets/{id}/stream`, the response pulls: nothing is queued for a slow reader, and
//! the session supervisor cuts the connection of one that stopped reading. A reader that leaves
//! cancels nothing.

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderName};
use bytes::Bytes;
use futures_util::stream;
use punchcard_actors::feed::{News, Taken, Watch};
use punchcard_actors::sessions::{Admission, Goodbye, Lease};
use punchcard_actors::tickets::{Issued, Tickets};
use serde::Serialize;
use serde_json::json;

use super::answer::{End, Title};
use super::problems;
use super::tell::{Piece, Teller};
use crate::http::connection::Socket;
use crate::http::dispatch::Call;
use crate::http::errors::{Code, Problem};
use crate::http::outcome;
use crate::http::outlet::{Flow, Outlet};

/// Keeps proxies from holding events back.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// A place for a stream, taken before its ticket is issued: whoever is not let in issues nothing.
pub(super) struct Seat {
    lease: Arc<Lease>,
    flow: Flow,
}

impl Seat {
    /// Takes one for `call`.
    pub(super) async fn take(call: &Call) -> Result<Self, Problem> {
        let socket = Socket::of(&call.request)
            .ok_or_else(|| Problem::new(Code::Overloaded, "No connection to spare. Try again."))?;
        socket.lives_long(call.api.options.stream.patience);
        let lease = call.api.sessions.admit(Admission {
            tenant: call.caller.tenant.clone(),
            user: None,
            key_prefix: call.caller.key_prefix.clone(),
            connection: Box::new(socket),
        });
        let lease = lease.await?;
        let flow = Flow::default();
        flow.watched_by(&lease);
        Ok(Self { lease, flow })
    }

    /// Streams the answer of a ticket.
    pub(super) async fn stream(
        self,
        call: &Call,
        issued: &Issued,
        title: Title,
        with_usage: bool,
    ) -> HttpResponse {
        let tickets = call.api.tickets.clone();
        // Watched first, looked at second: nothing can fall in between. What cannot be looked at now is
        // as old as it was a moment ago, and news come.
        let watch = tickets.watch_ticket(issued.ticket);
        let looked = tickets.look(issued.ticket).await.ok().flatten();
        let reader = Reader {
            lease: self.lease,
            tickets,
            watch,
            teller: Teller::default(),
            chunks: Chunks { title, with_usage },
            issuer: call.caller.taker(),
            heartbeat: call.api.options.stream.heartbeat,
            first: Some(looked.unwrap_or_else(|| issued.news.clone())),
        };
        let events = stream::unfold(Step::Begin(reader), |step| async {
            let (events, next) = step.take().await?;
            Some((Ok::<_, actix_web::Error>(events), next))
        });
        HttpResponse::Ok()
            .content_type("text/event-stream")
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((NO_BUFFERING, "no"))
            .streaming(Outlet::new(Box::pin(events), self.flow))
    }
}

/// How far a response is.
enum Step {
    Begin(Reader),
    Going(Reader),
    Over,
}

impl Step {
    /// The next piece of the response; `None` after the last.
    async fn take(self) -> Option<(Bytes, Self)> {
        match self {
            Self::Begin(reader) => {
                let first = reader.chunks.role();
                Some((first.into(), Self::Going(reader)))
            }
            Self::Going(mut reader) => {
                let events = reader.next().await;
                let ended = reader.teller.has_ended() || events.is_none();
                let next = if ended {
                    Self::Over
                } else {
                    Self::Going(reader)
                };
                let events = events.unwrap_or_else(|| Chunks::error(&going_away()));
                Some((events.into(), next))
            }
            Self::Over => None,
        }
    }
}

/// One reader's place in one ticket.
struct Reader {
    lease: Arc<Lease>,
    tickets: Tickets,
    watch: Watch,
    teller: Teller,
    chunks: Chunks,
    /// Whose reading is the answer's delivery.
    issuer: Option<String>,
    heartbeat: Duration,
    /// What the ticket was when the stream was opened.
    first: Option<News>,
}

impl Reader {
    /// The next events, at least one; `None` when the reader has to leave.
    async fn next(&mut self) -> Option<String> {
        // To be asked for more is the sign that the peer takes what it is sent.
        self.lease.hear();
        if let Some(first) = self.first.take() {
            let events = self.tell(first).await;
            if !events.is_empty() {
                return Some(events);
            }
        }
        loop {
            let taken = tokio::select! {
                Goodbye::GoingAway(_) | Goodbye::SessionLimit | Goodbye::Revoked | Goodbye::Renew =
                    self.lease.goodbye() => return None,
                taken = self.watch.inbox().take() => taken,
                () = tokio::time::sleep(self.heartbeat) => return Some(": still here\n\n".to_owned()),
            };
            // One ticket never overflows an inbox.
            let Taken::News(all) = taken else { continue };
            for news in all {
                let events = self.tell(news).await;
                if !events.is_empty() {
                    return Some(events);
                }
            }
        }
    }

    async fn tell(&mut self, news: News) -> String {
        let mut events = String::new();
        for piece in self.teller.advance(&news) {
            match piece {
                Piece::Text(text) => events.push_str(&self.chunks.text(&text)),
                Piece::End(end) => {
                    let issuer = self.issuer.clone();
                    outcome::taken_by_issuer(&self.tickets, news.clone(), issuer).await;
                    events.push_str(&self.chunks.end(&end));
                }
                Piece::Broken(problem) => {
                    let ticket = news.ticket.to_string();
                    events.push_str(&Chunks::error(&problem.with("ticket", ticket)));
                }
            }
        }
        if self.teller.has_more() {
            self.watch.inbox().put_back(news);
        }
        events
    }
}

/// Writes the events.
struct Chunks {
    title: Title,
    with_usage: bool,
}

impl Chunks {
    fn role(&self) -> String {
        let delta = json!({ "role": "assistant", "content": "", "refusal": null });
        event(&self.title.chunk(&delta, None, self.with_usage))
    }

    fn text(&self, text: &str) -> String {
        let delta = json!({ "content": text });
        event(&self.title.chunk(&delta, None, self.with_usage))
    }

    fn end(&self, end: &End) -> String {
        let reason = Some(end.finish_reason);
        let mut events = event(&self.title.chunk(&json!({}), reason, self.with_usage));
        if self.with_usage {
            events.push_str(&event(&self.title.usage_chunk(end.usage)));
        }
        events.push_str("data: [DONE]\n\n");
        events
    }

    /// The official clients raise what they find in `error`. No `[DONE]` follows: nothing was done.
    fn error(problem: &Problem) -> String {
        event(&json!({ "error": problems::error(problem) }))
    }
}

fn event(chunk: &impl Serialize) -> String {
    // Strings, numbers and values always become JSON, and JSON has no line breaks of its own.
    let json = serde_json::to_string(chunk).unwrap_or_default();
    format!("data: {json}\n\n")
}

fn going_away() -> Problem {
    let detail = "This connection has to be given up here. The ticket goes on: fetch the answer by its \
                  id, or repeat the request with the same Idempotency-Key.";
    Problem::new(Code::Stopping, detail)
}
