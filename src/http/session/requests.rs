//! What a client may ask of an open session: to note an acknowledgement, to cancel a ticket.

use actix::{ActorFutureExt as _, AsyncContext as _, WrapFuture as _};
use punchcard_actors::tickets::TicketError;
use punchcard_events::TicketId;
use punchcard_events::ticket::{CancelMode, Channel};

use super::greeting::is_own;
use super::protocol::ServerFrame;
use super::{Context, Phase, Session};

/// The most requests of one session that are being done at a time.
const MAX_IN_FLIGHT: usize = 32;

impl Session {
    pub(super) fn acknowledge(&mut self, ticket: TicketId, ctx: &mut Context) {
        let Phase::Open(open) = &mut self.phase else {
            return;
        };
        if !open.ledger.has_answer(ticket) {
            return self.complain(
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
