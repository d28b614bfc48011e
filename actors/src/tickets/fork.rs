//! Issuing a fork: a ticket whose prompt is rendered before it exists. It needs a place, a line and a
//! budget like any other.

use punchcard_events::TicketId;
use punchcard_events::ticket::{Fork, TicketRequested};

use super::Tickets;
use super::issue::{ACCEPT_WITHIN, Claim, Grant, Issued, refused};
use crate::errors::IssueError;
use crate::ports::{Asked, Lane};
use crate::usage::{Account, Estimate};

impl Tickets {
    /// Issues a fork. Where its id is known before, ask [`Self::issued_before`] first.
    ///
    /// # Errors
    /// As [`Self::issue`].
    pub(crate) async fn issue_fork(
        &self,
        ticket: Option<TicketId>,
        request: TicketRequested,
        fork: &Fork,
        lane: &Lane,
    ) -> Result<Issued, IssueError> {
        if self.registry.is_stopping() {
            return Err(IssueError::Stopping);
        }
        let ticket = ticket.unwrap_or_else(|| TicketId(self.ports.clock.id()));
        let accepted = self.accept_fork(ticket, request, fork, lane);
        let accepted = tokio::time::timeout(ACCEPT_WITHIN, accepted).await;
        accepted.unwrap_or_else(|_| {
            let reason = "the store did not take the ticket in time";
            Err(IssueError::Unavailable(reason.to_owned()))
        })
    }

    async fn accept_fork(
        &self,
        ticket: TicketId,
        request: TicketRequested,
        fork: &Fork,
        lane: &Lane,
    ) -> Result<Issued, IssueError> {
        let jitter = self.ports.clock.jitter();
        let (tenant, task) = (&request.tenant, &request.task);
        let claim = Claim::of(tenant, request.idempotency.as_ref());
        let limits = self.ports.limits.limits(tenant);
        let door = self.admission.door(tenant, jitter).map_err(refused)?;
        let line = self.line(lane, tenant, task, request.priority);
        let asked = Asked::in_production(tenant, task);
        let admitted = self.admission.admit(asked, &limits, line, door, jitter);
        let place = match admitted {
            Ok(place) => place,
            Err((refusal, _door)) => return self.earlier(claim, refused(refusal)).await,
        };
        let account = Account {
            tenant,
            task,
            limits: &limits,
        };
        let prepared = &fork.prepared;
        let call = || Estimate::of_call(&prepared.messages, &prepared.parameters);
        let call = (call, prepared.parameters.max_tokens);
        let reservation = match self.reserve(ticket, account, &prepared.model, call, jitter) {
            Ok(reservation) => reservation,
            Err(refusal) => return self.earlier(claim, refusal).await,
        };
        self.issue_granted(ticket, request, Grant { place, reservation })
            .await
    }
}
