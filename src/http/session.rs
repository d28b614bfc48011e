//! `GET /v1/session`: one user's WebSocket, as an actor. The only file that knows actix-web-actors.
//!
//! The actor is polled as the response's body, so a peer that stops reading freezes it, timers
//! included. Nothing here relies on the contrary: what is new waits in an inbox that holds the newest
//! news per ticket, frames are made only when there is room for them, and the session supervisor cuts
//! the connection from outside.

mod gate;
mod greeting;
mod happenings;
mod intake;
mod ledger;
mod protocol;
mod requests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::{
    Actor, ActorContext as _, ActorFutureExt as _, AsyncContext as _, StreamHandler,
    WrapFuture as _,
};
use actix_http::ws::{Codec, Message, ProtocolError};
use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web_actors::ws::{self, CloseCode, CloseReason, WebsocketContext};
use punchcard_actors::failpoint;
use punchcard_actors::feed::{Cursor, Frame, Watch};
use punchcard_actors::sessions::{Connection as _, Grant, Lease};
use serde::Serialize;

use super::Api;
use super::auth;
use super::connection::Socket;
use super::dispatch::Visit;
use super::errors::{Code, Problem};
use super::outlet::{Flow, Outlet};
use crate::secret::Secret;
use gate::{Gate, Shut};
use greeting::{Greeted, Hello, greet};
use happenings::{Happening, Source, happenings};
use intake::{Intake, Received};
use ledger::Ledger;
use protocol::{ClientFrame, Close, ServerFrame};
use requests::Acks;

/// How long a client has to answer a close frame before its connection is cut.
const CLOSE_GRACE: Duration = Duration::from_secs(2);
/// How long the answer to a client's close frame has to leave before the connection is cut.
const ANSWER_GRACE: Duration = Duration::from_millis(100);

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
    let handshake = ws::handshake_with_protocols(&visit.request, &[protocol::NAME]);
    let mut response = handshake
        .map_err(|_| Problem::new(Code::UpgradeRequired, "Open a WebSocket (RFC 6455) here."))?;
    socket.lives_long(options.heartbeat_timeout);
    let (flow, shut) = (Flow::default(), Shut::default());
    let payload = Gate::new(visit.payload, options.max_message_bytes, shut.clone());
    let session = Session {
        intake: Intake::new(
            options.max_message_bytes,
            options.max_frames_per_second,
            Instant::now(),
        ),
        api: visit.api.clone(),
        origin,
        socket,
        flow: flow.clone(),
        shut,
        phase: Phase::Greeting,
        in_flight: 0,
    };
    let frames = WebsocketContext::with_codec(session, payload, codec);
    Ok(response.streaming(Outlet::new(Box::pin(frames), flow)))
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
    flow: Flow,
    shut: Shut,
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
    acks: Acks,
    /// Dropping it ends the watch.
    watch: Watch,
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
            Ok(Received::Closing) => self.answer_close(ctx),
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
            Happening::Overflowed => return self.close(ctx, Close::StartOver),
            Happening::Unavailable => return self.close(ctx, Close::Unavailable),
            Happening::News(news) => *news,
        };
        let told = open.ledger.tell(&news);
        if open.ledger.has_more(news.ticket) {
            open.watch.inbox().put_back(news);
        }
        match told {
            Ok(frames) => self.tell(ctx, &frames),
            Err(close) => self.close(ctx, close),
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
            (_, ClientFrame::Ping { nonce }) => self.say(ctx, &ServerFrame::Pong { nonce }),
            (_, ClientFrame::Ack { ticket }) => self.acknowledge(ticket, ctx),
            (_, ClientFrame::Cancel { ticket, mode }) => self.cancel(ticket, mode, ctx),
        }
    }

    fn hello(&mut self, token: Secret, cursors: Vec<Cursor>, ctx: &mut Context) {
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
        self.flow.watched_by(&greeted.lease);
        self.say(ctx, &greeted.welcome);
        self.tell(ctx, &greeted.lost);
        ctx.add_stream(happenings(Source {
            tickets: self.api.tickets.clone(),
            owed: greeted.owed,
            patience: self.api.options.session.hello_timeout,
            inbox: Arc::clone(greeted.watch.inbox()),
            lease: Arc::clone(&greeted.lease),
            flow: self.flow.clone(),
        }));
        let by = greeted.lease.id().to_string();
        let (acks, unstored) = Acks::open(self.api.tickets.clone(), by);
        ctx.add_stream(unstored);
        self.phase = Phase::Open(Box::new(Open {
            lease: greeted.lease,
            grant: greeted.grant,
            ledger: greeted.ledger,
            acks,
            watch: greeted.watch,
        }));
    }

    fn beat(&mut self, ctx: &mut Context) {
        if matches!(self.phase, Phase::Open(_)) {
            ctx.ping(b"");
        }
    }

    /// Says goodbye to a client that said it first. It says nothing more, so a moment to send the
    /// answer is enough; left alone, the HTTP server would linger for seconds.
    fn answer_close(&mut self, ctx: &mut Context) {
        ctx.close(None);
        self.phase = Phase::Closed;
        self.cut_after(ctx, ANSWER_GRACE);
    }

    fn cut_after(&self, ctx: &mut Context, grace: Duration) {
        ctx.run_later(grace, |session, ctx| {
            session.socket.cut();
            ctx.stop();
        });
    }

    /// Says why, and gives the client time to close.
    fn close(&mut self, ctx: &mut Context, why: Close) {
        self.farewell(ctx, why);
        self.phase = Phase::Closed;
        self.cut_after(ctx, CLOSE_GRACE);
    }

    /// Says why and stops at once: after a broken frame nothing more can be read. The HTTP server
    /// lingers for two seconds and drops what still comes, so that the client can read why.
    fn break_off(&mut self, ctx: &mut Context, error: &ProtocolError) {
        if !matches!(self.phase, Phase::Closed) {
            let too_big = matches!(error, ProtocolError::Overflow) || self.shut.is_shut();
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

    /// Tells what happened to tickets. Each answer asks for an acknowledgement, so that is let in.
    fn tell(&mut self, ctx: &mut Context, frames: &[Frame]) {
        for frame in frames {
            if !matches!(frame, Frame::Answer { .. }) {
                self.say(ctx, frame);
                continue;
            }
            self.intake.await_one();
            failpoint!("effect::deliver::before");
            self.say(ctx, frame);
            failpoint!("effect::deliver::after");
        }
    }

    fn say(&self, ctx: &mut Context, frame: &impl Serialize) {
        // Frames hold strings, numbers and parsed JSON, which always become JSON again.
        if let Ok(text) = serde_json::to_string(frame) {
            self.flow.made(text.len());
            ctx.text(text);
        }
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
