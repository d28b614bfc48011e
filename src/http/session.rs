//! `GET /v1/session`: one user's WebSocket, as an actor. The only file that knows actix-web-actors.
//!
//! The actor is polled as the response's body, so a peer that stops reading freezes it, timers
//! included. Nothing here relies on the contrary: what is new waits in an inbox that holds the newest
//! news per ticket, and the session supervisor cuts the connection from outside.

mod greeting;
mod intake;
mod ledger;
mod protocol;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{
    Actor, ActorContext as _, ActorFutureExt as _, AsyncContext as _, StreamHandler,
    WrapFuture as _,
};
use actix_http::ws::{Codec, Message, ProtocolError};
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web_actors::ws::{CloseCode, CloseReason, WebsocketContext, WsResponseBuilder};
use futures_util::{Stream, stream};
use punchcard_actors::failpoint;
use punchcard_actors::feed::{Cursor, Frame, Taken, Watch};
use punchcard_actors::sessions::{Connection as _, Goodbye, Grant, Lease};
use punchcard_actors::tickets::TicketError;
use punchcard_events::TicketId;
use punchcard_events::ticket::{CancelMode, Channel};
use serde::Serialize;

use super::Api;
use super::auth;
use super::connection::Socket;
use super::dispatch::Visit;
use super::errors::{Code, Problem};
use greeting::{Greeted, Hello, greet, is_own};
use intake::{Intake, Received};
use ledger::Ledger;
use protocol::{ClientFrame, Close, ServerFrame};

/// How long a client has to answer a close frame before its connection is cut.
const CLOSE_GRACE: Duration = Duration::from_secs(2);
/// The most requests of one session that are being done at a time.
const MAX_IN_FLIGHT: usize = 32;

/// Upgrades to a session, if the origin may and the subprotocol is offered.
#[expect(clippy::unused_async, reason = "every handler has one shape")]
pub(super) async fn open(visit: Visit) -> Result<HttpResponse, Problem> {
    let origin = auth::origin(visit.request.headers())
        .filter(|origin| visit.api.origins.any_allows(origin))
        .ok_or_else(|| {
            let detail = "Sessions may not be opened from this origin. Add it to the tenant's allowed origins.";
            Problem::new(Code::ForbiddenOrigin, detail)
        })?;
    if !offers_protocol(&visit.request) {
        let detail = "Offer the subprotocol punchcard.v1.";
        return Err(Problem::new(Code::InvalidRequest, detail).field("Sec-WebSocket-Protocol"));
    }
    let socket = Socket::of(&visit.request)
        .ok_or_else(|| Problem::new(Code::Overloaded, "No connection to spare. Try again."))?;
    let options = &visit.api.options.session;
    let codec = Codec::new().max_size(options.max_message_bytes);
    let session = Session {
        intake: Intake::new(
            options.max_message_bytes,
            options.max_frames_per_second,
            Instant::now(),
        ),
        api: visit.api.clone(),
        origin,
        socket,
        phase: Phase::Greeting,
        in_flight: 0,
    };
    let response = WsResponseBuilder::new(session, &visit.request, visit.payload)
        .codec(codec)
        .protocols(&[protocol::NAME])
        .start();
    response.map_err(|_| Problem::new(Code::UpgradeRequired, "Open a WebSocket (RFC 6455) here."))
}

fn offers_protocol(request: &actix_web::HttpRequest) -> bool {
    let offers = request.headers().get_all(header::SEC_WEBSOCKET_PROTOCOL);
    let mut names = offers
        .filter_map(|offer| offer.to_str().ok())
        .flat_map(|offer| offer.split(','));
    names.any(|name| name.trim() == protocol::NAME)
}

/// One user's connection.
struct Session {
    api: Api,
    origin: String,
    socket: Socket,
    intake: Intake,
    phase: Phase,
    in_flight: usize,
}

enum Phase {
    /// Nobody has said hello yet.
    Greeting,
    /// Hello is being answered.
    Admitting,
    /// The user is known.
    Open(Box<Open>),
    /// A close frame was sent.
    Closed,
}

struct Open {
    lease: Arc<Lease>,
    grant: Grant,
    ledger: Ledger,
    /// Acknowledgements that wait until others are stored; the ledger bounds them.
    acks: BTreeSet<TicketId>,
    /// Dropping it ends the watch.
    _watch: Watch,
}

/// What reaches an open session from inside.
enum Happening {
    News(Taken),
    Goodbye(Goodbye),
}

type Context = WebsocketContext<Session>;

impl Actor for Session {
    type Context = Context;

    fn started(&mut self, ctx: &mut Context) {
        let options = &self.api.options.session;
        ctx.run_later(options.hello_timeout, |session, ctx| {
            if matches!(session.phase, Phase::Greeting) {
                session.close(ctx, Close::NoHello);
            }
        });
        ctx.run_interval(options.heartbeat, Self::beat);
    }
}

impl StreamHandler<Result<Message, ProtocolError>> for Session {
    fn handle(&mut self, frame: Result<Message, ProtocolError>, ctx: &mut Context) {
        if let Phase::Open(open) = &self.phase {
            open.lease.hear();
        }
        let frame = match frame {
            Ok(frame) => frame,
            Err(error) => return self.break_off(ctx, &error),
        };
        if matches!(self.phase, Phase::Closed) {
            if matches!(frame, Message::Close(_)) {
                // Both have said goodbye. Left alone, the HTTP server would linger for seconds, and
                // so would the client's close event and a stop of this process.
                self.socket.cut();
                ctx.stop();
            }
            return;
        }
        match self.intake.take(frame, Instant::now()) {
            Ok(Received::Text(text)) => self.receive(&text, ctx),
            Ok(Received::Ping(payload)) => ctx.pong(&payload),
            Ok(Received::Nothing) => {}
            Ok(Received::Closing) => {
                ctx.close(None);
                ctx.stop();
            }
            Err(close) => self.close(ctx, close),
        }
    }
}

impl StreamHandler<Happening> for Session {
    fn handle(&mut self, happening: Happening, ctx: &mut Context) {
        let Phase::Open(open) = &mut self.phase else {
            return;
        };
        let news = match happening {
            Happening::Goodbye(goodbye) => return self.close(ctx, goodbye.into()),
            Happening::News(Taken::Overflowed) => return self.close(ctx, Close::StartOver),
            Happening::News(Taken::News(news)) => news,
        };
        for news in news {
            match open.ledger.tell(&news) {
                Ok(frames) => tell(ctx, &mut self.intake, &frames),
                Err(close) => return self.close(ctx, close),
            }
        }
    }

    fn finished(&mut self, _: &mut Context) {
        // News never end; only a goodbye does, and that closes by itself.
    }
}

impl Session {
    fn receive(&mut self, text: &[u8], ctx: &mut Context) {
        let Ok(frame) = serde_json::from_slice(text) else {
            return self.close(ctx, Close::BadFrame);
        };
        match (&self.phase, frame) {
            (Phase::Greeting, ClientFrame::Hello { token, cursors }) => {
                self.hello(token, cursors, ctx);
            }
            (Phase::Greeting, _) => self.close(ctx, Close::NoHello),
            (_, ClientFrame::Hello { .. }) => self.close(ctx, Close::BadFrame),
            (_, ClientFrame::Ping { nonce }) => say(ctx, &ServerFrame::Pong { nonce }),
            (_, ClientFrame::Ack { ticket }) => self.acknowledge(ticket, ctx),
            (_, ClientFrame::Cancel { ticket, mode }) => self.cancel(ticket, mode, ctx),
        }
    }

    fn hello(&mut self, token: String, cursors: Vec<Cursor>, ctx: &mut Context) {
        if cursors.len() > self.api.options.session.max_cursors {
            return self.close(ctx, Close::BadFrame);
        }
        self.phase = Phase::Admitting;
        let hello = Hello {
            token,
            cursors,
            origin: self.origin.clone(),
            socket: self.socket.clone(),
        };
        // Everything else waits until the welcome is out, so frames are in order.
        let greeted = Box::pin(greet(self.api.clone(), hello)).into_actor(self);
        ctx.wait(greeted.map(|greeted, session, ctx| match greeted {
            Ok(greeted) => session.welcome(greeted, ctx),
            Err(close) => session.close(ctx, close),
        }));
    }

    fn welcome(&mut self, greeted: Greeted, ctx: &mut Context) {
        greeted.lease.hear();
        say(ctx, &greeted.welcome);
        tell(ctx, &mut self.intake, &greeted.frames);
        ctx.add_stream(happenings(&greeted.watch, &greeted.lease));
        self.phase = Phase::Open(Box::new(Open {
            lease: greeted.lease,
            grant: greeted.grant,
            ledger: greeted.ledger,
            acks: BTreeSet::new(),
            _watch: greeted.watch,
        }));
    }

    fn acknowledge(&mut self, ticket: TicketId, ctx: &mut Context) {
        let Phase::Open(open) = &mut self.phase else {
            return;
        };
        if !open.ledger.has_answer(ticket) {
            return complain(
                ctx,
                ticket,
                "not_shown",
                "This session was not shown an answer of this ticket.",
            );
        }
        if self.in_flight >= MAX_IN_FLIGHT {
            open.acks.insert(ticket);
            return;
        }
        let (tickets, by) = (self.api.tickets.clone(), open.lease.id().to_string());
        self.spawn(ctx, ticket, async move {
            tickets
                .acknowledge(ticket, Channel::Session, by)
                .await
                .map(drop)
        });
    }

    fn cancel(&mut self, ticket: TicketId, mode: CancelMode, ctx: &mut Context) {
        let Phase::Open(open) = &self.phase else {
            return;
        };
        let (tickets, grant) = (self.api.tickets.clone(), open.grant.clone());
        let by = open.lease.id().to_string();
        self.spawn(ctx, ticket, async move {
            let looked = tickets.look(ticket).await;
            let found = looked.map_err(|error| TicketError::Unavailable(error.to_string()))?;
            if !found.is_some_and(|news| is_own(&news, &grant)) {
                return Err(TicketError::NotFound);
            }
            tickets.cancel(ticket, mode, by).await.map(drop)
        });
    }

    /// Does what the client asked for beside everything else. What comes of it is told by the
    /// ticket's news; only a refusal is answered here.
    fn spawn(
        &mut self,
        ctx: &mut Context,
        ticket: TicketId,
        work: impl Future<Output = Result<(), TicketError>> + 'static,
    ) {
        if self.in_flight >= MAX_IN_FLIGHT {
            return complain(
                ctx,
                ticket,
                "overloaded",
                "Too many requests at once. Repeat it in a moment.",
            );
        }
        self.in_flight += 1;
        ctx.spawn(
            Box::pin(work)
                .into_actor(self)
                .map(move |done, session, ctx| {
                    session.in_flight -= 1;
                    if let Err(error) = done
                        && matches!(session.phase, Phase::Open(_))
                    {
                        let (code, detail) = refusal(&error);
                        complain(ctx, ticket, code, detail);
                    }
                    session.acknowledge_next(ctx);
                }),
        );
    }

    /// Goes on with the acknowledgements that had to wait.
    fn acknowledge_next(&mut self, ctx: &mut Context) {
        if let Phase::Open(open) = &mut self.phase
            && let Some(ticket) = open.acks.pop_first()
        {
            self.acknowledge(ticket, ctx);
        }
    }

    fn beat(&mut self, ctx: &mut Context) {
        let Phase::Open(open) = &self.phase else {
            return;
        };
        if open.lease.silence() > self.api.options.session.heartbeat_timeout {
            // A dead peer answers no close frame either.
            self.socket.cut();
            ctx.stop();
        } else {
            ctx.ping(b"");
        }
    }

    /// Says why, and gives the client time to close.
    fn close(&mut self, ctx: &mut Context, why: Close) {
        self.farewell(ctx, why);
        self.phase = Phase::Closed;
        ctx.run_later(CLOSE_GRACE, |session, ctx| {
            session.socket.cut();
            ctx.stop();
        });
    }

    /// Says why and stops at once: after a broken frame nothing more can be read.
    fn break_off(&mut self, ctx: &mut Context, error: &ProtocolError) {
        if !matches!(self.phase, Phase::Closed) {
            let too_big = matches!(error, ProtocolError::Overflow);
            self.farewell(
                ctx,
                if too_big {
                    Close::TooBig
                } else {
                    Close::BadFrame
                },
            );
            self.phase = Phase::Closed;
        }
        ctx.stop();
    }

    fn farewell(&self, ctx: &mut Context, why: Close) {
        metrics::counter!("sessions_closed_total", "reason" => why.as_str()).increment(1);
        tracing::debug!(reason = why.as_str(), "session closed");
        ctx.close(Some(CloseReason {
            code: CloseCode::from(why.code()),
            description: Some(why.reason()),
        }));
    }
}

/// What reaches the session from inside, pulled when it has time for it.
fn happenings(watch: &Watch, lease: &Arc<Lease>) -> impl Stream<Item = Happening> + use<> {
    let inside = (Arc::clone(watch.inbox()), Arc::clone(lease), false);
    Box::pin(stream::unfold(inside, |(inbox, lease, over)| async move {
        if over {
            return None;
        }
        let happening = tokio::select! {
            biased;
            goodbye = lease.goodbye() => Happening::Goodbye(goodbye),
            taken = inbox.take() => Happening::News(taken),
        };
        let over = matches!(happening, Happening::Goodbye(_));
        Some((happening, (inbox, lease, over)))
    }))
}

/// Tells what happened to tickets. Each answer asks for an acknowledgement, so that is let in.
fn tell(ctx: &mut Context, intake: &mut Intake, frames: &[Frame]) {
    for frame in frames {
        if !matches!(frame, Frame::Answer { .. }) {
            say(ctx, frame);
            continue;
        }
        intake.await_one();
        failpoint!("effect::deliver::before");
        say(ctx, frame);
        failpoint!("effect::deliver::after");
    }
}

fn say(ctx: &mut Context, frame: &impl Serialize) {
    // Frames hold strings, numbers and parsed JSON, which always become JSON again.
    if let Ok(text) = serde_json::to_string(frame) {
        ctx.text(text);
    }
}

fn complain(ctx: &mut Context, ticket: TicketId, code: &'static str, detail: &'static str) {
    let ticket = Some(ticket);
    say(
        ctx,
        &ServerFrame::Error {
            code,
            detail,
            ticket,
        },
    );
}

fn refusal(error: &TicketError) -> (&'static str, &'static str) {
    match error {
        TicketError::NotFound => ("unknown_ticket", "There is no such ticket."),
        TicketError::Rejected(_) => ("ticket_already_ended", "The ticket has already ended."),
        TicketError::Busy => ("overloaded", "The ticket is busy. Repeat it in a moment."),
        TicketError::Unavailable(_) => (
            "unavailable",
            "The store does not answer. Repeat it in a moment.",
        ),
    }
}
