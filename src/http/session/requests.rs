//! What a client may ask of an open session: to note an acknowledgement, to cancel a ticket.

use actix::{ActorFutureExt as _, AsyncContext as _, StreamHandler, WrapFuture as _};
use futures_util::{Stream, StreamExt as _, stream};
use punchcard_actors::tickets::{TicketError, Tickets};
use punchcard_events::TicketId;
use punchcard_events::ticket::{CancelMode, Channel};
use tokio::sync::mpsc;

use super::greeting::is_own;
use super::ledger::Acknowledged;
use super::protocol::ServerFrame;
use super::{Context, Phase, Session};

/// The most requests of one session that are being done at a time, acknowledgements by themselves.
const MAX_IN_FLIGHT: usize = 32;

/// The way to the store for what a session's user has acknowledged. It is no part of the session's actor:
/// what was acknowledged before the connection ended is stored all the same. The ledger bounds what is
/// on its way, since an answer is acknowledged once.
#[derive(Clone)]
pub(super) struct Acks(mpsc::UnboundedSender<TicketId>);

/// An acknowledgement that was not stored.
pub(super) struct Unstored {
    ticket: TicketId,
    error: TicketError,
}

impl Acks {
    /// Stores acknowledgements by the session `by` until the last is stored and the session gone, a few
    /// at a time. The second part says which were not stored.
    pub(super) fn open(tickets: Tickets, by: String) -> (Self, impl Stream<Item = Unstored>) {
        let (acks, acknowledged) = mpsc::unbounded_channel();
        let (tell, unstored) = mpsc::unbounded_channel();
        let store = all_of(acknowledged).for_each_concurrent(MAX_IN_FLIGHT, move |ticket| {
            let (tickets, by, tell) = (tickets.clone(), by.clone(), tell.clone());
            async move {
                let stored = tickets.acknowledge(ticket, Channel::Session, by).await;
                if let Err(error) = stored {
                    // A client that is gone sees the answer again when it is back.
                    let _ = tell.send(Unstored { ticket, error });
                }
            }
        });
        actix::spawn(store);
        (Self(acks), all_of(unstored))
    }
}

/// Everything that comes, up to the end of the last sender.
fn all_of<T>(from: mpsc::UnboundedReceiver<T>) -> impl Stream<Item = T> {
    stream::unfold(from, |mut from| async {
        let next = from.recv().await?;
        Some((next, from))
    })
}

impl StreamHandler<Unstored> for Session {
    fn handle(&mut self, unstored: Unstored, ctx: &mut Context) {
        if let Phase::Open(open) = &mut self.phase {
            let Unstored { ticket, error } = unstored;
            open.ledger.unacknowledged(ticket);
            let (code, detail) = refusal(&error);
            self.complain(ctx, ticket, code, detail);
        }
    }

    fn finished(&mut self, _: &mut Context) {
        // Nothing is acknowledged any more; the session goes on without.
    }
}

impl Session {
    pub(super) fn acknowledge(&mut self, ticket: TicketId, ctx: &mut Context) {
        let Phase::Open(open) = &mut self.phase else {
            return;
        };
        match open.ledger.acknowledge(ticket) {
            Acknowledged::First => {
                // The other end is there as long as this session holds its own.
                let _ = open.acks.0.send(ticket);
            }
            Acknowledged::Again => {}
            Acknowledged::NotShown => self.complain(
                ctx,
                ticket,
                "not_shown",
                "This session was not shown an answer of this ticket.",
            ),
        }
    }

    pub(super) fn cancel(&mut self, ticket: TicketId, mode: CancelMode, ctx: &mut Context) {
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
            return self.complain(
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
                        session.complain(ctx, ticket, code, detail);
                    }
                }),
        );
    }

    fn complain(
        &self,
        ctx: &mut Context,
        ticket: TicketId,
        code: &'static str,
        detail: &'static str,
    ) {
        let ticket = Some(ticket);
        let error = ServerFrame::Error {
            code,
            detail,
            ticket,
        };
        self.say(ctx, &error);
    }
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
