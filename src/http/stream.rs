//! `GET /v1/tickets/{id}/stream`: one ticket as server-sent events.
//!
//! The response pulls: nothing is queued for a slow reader but the newest news. A reader that stops
//! reading is no longer polled, and the session supervisor cuts its connection.

mod resume;

use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderName};
use bytes::Bytes;
use futures_util::stream;
use punchcard_actors::feed::{Frame, News, Progress, Taken, Watch};
use punchcard_actors::sessions::{Admission, Goodbye, Lease};
use punchcard_actors::tickets::Tickets;

use super::connection::Socket;
use super::dispatch::TicketCall;
use super::errors::{Code, Problem};
use super::outcome;
use super::outlet::{Flow, Outlet};
use resume::EventId;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Keeps proxies from holding events back.
const NO_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// Opens the stream.
pub(super) async fn open(TicketCall { call, news }: TicketCall) -> Result<HttpResponse, Problem> {
    let resume = last_event_id(&call.request)?;
    let socket = Socket::of(&call.request)
        .ok_or_else(|| Problem::new(Code::Overloaded, "No connection to spare. Try again."))?;
    // Watched first, looked at second: nothing can fall in between.
    let watch = call.api.tickets.watch_ticket(news.ticket);
    let looked = call.api.tickets.look(news.ticket).await?;
    let news = looked.ok_or_else(Problem::no_such_ticket)?;
    if resume.is_some_and(|id| id.saw_the_end_of(&news)) {
        // To an EventSource this says: do not come back.
        return Ok(HttpResponse::NoContent().finish());
    }
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
    let reader = Reader {
        lease,
        tickets: call.api.tickets.clone(),
        watch,
        progress: resume.map_or_else(Progress::default, EventId::progress),
        issuer: call.caller.taker(),
        heartbeat: call.api.options.stream.heartbeat,
        first: Some(news),
        ended: false,
    };
    let events = stream::unfold(reader, |mut reader| async {
        let events = reader.next().await?;
        Some((Ok::<_, actix_web::Error>(events), reader))
    });
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((NO_BUFFERING, "no"))
        .streaming(Outlet::new(Box::pin(events), flow)))
}

fn last_event_id(request: &actix_web::HttpRequest) -> Result<Option<EventId>, Problem> {
    let Some(value) = request.headers().get(LAST_EVENT_ID) else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default();
    if text.is_empty() {
        return Ok(None);
    }
    let wrong = || {
        let detail = "Send the id of the last event received, or no such header.";
        Problem::new(Code::InvalidParameter, detail).field("Last-Event-ID")
    };
    text.parse().map(Some).map_err(|_| wrong())
}

/// One reader's place in one ticket.
struct Reader {
    lease: Arc<Lease>,
    tickets: Tickets,
    watch: Watch,
    progress: Progress,
    /// Whose reading is the answer's delivery.
    issuer: Option<String>,
    heartbeat: Duration,
    /// What the ticket was when the stream was opened.
    first: Option<News>,
    ended: bool,
}

impl Reader {
    /// The next piece of the response; `None` after the outcome.
    async fn next(&mut self) -> Option<Bytes> {
        // To be asked for more is the sign that the peer takes what it is sent.
        self.lease.hear();
        if self.ended {
            return None;
        }
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
                () = tokio::time::sleep(self.heartbeat) => {
                    return Some(Bytes::from_static(b": still here\n\n"));
                }
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

    async fn tell(&mut self, news: News) -> Bytes {
        let revision = news.revision;
        let (generation, offset) = self.progress.text();
        let mut id = EventId::at(revision, generation, offset);
        let mut events = String::new();
        for frame in self.progress.advance(&news) {
            id = id.after(&frame);
            resume::write(&mut events, id, &frame);
            if matches!(frame, Frame::Answer { .. }) {
                outcome::taken_by_issuer(&self.tickets, news.clone(), self.issuer.clone()).await;
            }
        }
        self.ended = self.progress.is_concluded();
        if self.progress.has_more() {
            self.watch.inbox().put_back(news);
        }
        Bytes::from(events)
    }
}
