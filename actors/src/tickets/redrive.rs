//! Opening a failed ticket again: a place and a budget as for a new one, new deadlines, and the event.

use std::sync::Arc;
use std::time::Duration;

use punchcard_events::ticket::{
    Deadlines, RedriveFrom, Rejection, Stage, TicketEvent, TicketPreProcessed, TicketRequested,
    TicketState,
};
use punchcard_events::{Revision, TicketId, Timestamp};
use uuid::Uuid;

use super::Tickets;
use super::issue::{estimate, max_tokens, refused};
use crate::admission::Place;
use crate::errors::{IssueError, RedriveError, TicketError};
use crate::feed::News;
use crate::ports::{Asked, Direction, ReadError};
use crate::ticket::Ask;
use crate::usage::{Account, Estimate, Reservation};

/// The shortest time that a redriven ticket has, whatever it had at first.
const LEAST_TIME: Duration = Duration::from_secs(1);

/// How a failed ticket is to be opened again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redrive {
    /// Who asks: a key's prefix.
    pub by: String,
    /// The step that it goes on from; `None`: the one that it failed in.
    pub from: Option<RedriveFrom>,
    /// The redrive of many that it is a part of.
    pub redrive: Option<Uuid>,
}

impl Tickets {
    /// Opens a failed ticket again. It has as much time as it had when it was issued, counted from
    /// now. When this returns, that is durable.
    ///
    /// # Errors
    /// [`RedriveError::Ticket`] where it is not failed; [`RedriveError::Refused`] where no more tickets
    /// are taken now, or a budget would be passed; [`RedriveError::Expired`] where it failed so long ago
    /// that it is kept no longer. It stays failed then.
    pub async fn redrive(&self, ticket: TicketId, redrive: Redrive) -> Result<News, RedriveError> {
        if self.registry.is_stopping() {
            return Err(IssueError::Stopping.into());
        }
        let news = self.look(ticket).await.map_err(unreadable)?;
        let news = news.ok_or(TicketError::NotFound)?;
        let TicketState::Failed(failed) = &news.state else {
            let rejection = Rejection::NotFailed(news.state.name());
            return Err(TicketError::Rejected(rejection).into());
        };
        if self.is_expired(&news) {
            return Err(RedriveError::Expired);
        }
        let request = failed.from.request().ok_or(TicketError::NotFound)?;
        let asks_model = match (redrive.from, failed.from.stage()) {
            (Some(RedriveFrom::Requested), _)
            | (None, Some(Stage::PreProcess | Stage::Model) | None) => true,
            (None, Some(Stage::Persist | Stage::Deliver)) => false,
        };
        // What was rendered is what is asked again, whatever is in production by now.
        let prepared = match redrive.from {
            None => failed.from.prepared().map(Arc::as_ref),
            Some(RedriveFrom::Requested) => None,
        };
        // Held until the actor has a place of its own, which it takes before it answers.
        let _place = self.readmitted(request, asks_model, prepared)?;
        let reservation = asks_model
            .then(|| self.reserved_again(ticket, request, prepared))
            .transpose()?;
        let deadlines = self.deadlines_again(ticket).await?;
        let ask = || Ask::Redrive {
            at: news.revision,
            redrive: redrive.clone(),
            deadlines: deadlines.clone(),
        };
        let news = self.ask(ticket, ask).await?;
        if let Some(reservation) = reservation {
            reservation.keep();
        }
        Ok(news)
    }

    /// A place for a moment, by the same bounds as for a new ticket.
    fn readmitted(
        &self,
        request: &TicketRequested,
        asks_model: bool,
        prepared: Option<&TicketPreProcessed>,
    ) -> Result<Place, IssueError> {
        let jitter = self.ports.clock.jitter();
        let asked = asked(request);
        let mut lane = self.ports.tasks.lane(asked).filter(|_| asks_model);
        if let (Some(lane), Some(prepared)) = (&mut lane, prepared) {
            let fallbacks = request.terms.fallback_models.iter();
            let models = std::iter::once(&prepared.model).chain(fallbacks);
            lane.models = models.cloned().collect();
        }
        let line = lane
            .and_then(|lane| self.line(&lane, &request.tenant, &request.task, request.priority));
        let limits = self.ports.limits.limits(&request.tenant);
        let admission = &self.admission;
        let door = admission.door(&request.tenant, jitter).map_err(refused)?;
        let admitted = admission.admit(asked, &limits, line, door, jitter);
        match admitted {
            Ok(place) => Ok(place.for_a_moment()),
            Err((refusal, _door)) => Err(refused(refusal)),
        }
    }

    /// What its next attempt may use.
    fn reserved_again(
        &self,
        ticket: TicketId,
        request: &TicketRequested,
        prepared: Option<&TicketPreProcessed>,
    ) -> Result<Reservation, IssueError> {
        let limits = self.ports.limits.limits(&request.tenant);
        let account = Account {
            tenant: &request.tenant,
            task: &request.task,
            limits: &limits,
        };
        let jitter = self.ports.clock.jitter();
        if let Some(prepared) = prepared {
            let call = || Estimate::of_call(&prepared.messages, &prepared.parameters);
            let call = (call, prepared.parameters.max_tokens);
            return self.reserve(ticket, account, &prepared.model, call, jitter);
        }
        let lane = self.ports.tasks.lane(asked(request));
        let first = lane.as_ref().and_then(|lane| lane.models.first());
        let model = first.map_or("", String::as_str);
        let conversation = request.conversation.as_deref();
        let call = || estimate(&request.input, conversation);
        let call = (call, max_tokens(conversation));
        self.reserve(ticket, account, model, call, jitter)
    }

    /// As long as those that it was issued with, which a redrive before may have renewed since.
    async fn deadlines_again(&self, ticket: TicketId) -> Result<Deadlines, TicketError> {
        let (stream, from) = (ticket.stream(), Some(Revision::FIRST));
        let first = self
            .store()
            .read_stream(&stream, from, Direction::Forwards, 1);
        let first = first.await.map_err(unreadable)?;
        let event = &first.first().ok_or(TicketError::NotFound)?.event;
        let event = TicketEvent::decode(&event.kind, event.schema_version, &event.data);
        match event {
            Ok(TicketEvent::TicketRequested(request)) => Ok(renewed(&request, self.now())),
            Ok(_) => Err(TicketError::NotFound),
            Err(error) => Err(TicketError::Unavailable(error.to_string())),
        }
    }
}

/// Deadlines as long from `now` as those of `request` were from when it was to begin.
fn renewed(request: &TicketRequested, now: Timestamp) -> Deadlines {
    let issued = request.requested_at;
    let begun = request.not_before.map_or(issued, |at| at.max(issued));
    let again = |by: Timestamp| now.plus(by.since(begun).max(LEAST_TIME));
    let Deadlines {
        answer_by,
        persist_by,
        deliver_by,
    } = request.terms.deadlines;
    // A request may ask for a sooner answer than its task's other deadlines; never for a later one.
    Deadlines {
        answer_by: again(answer_by),
        persist_by: again(persist_by.max(answer_by)),
        deliver_by: again(deliver_by.max(persist_by).max(answer_by)),
    }
}

fn asked(request: &TicketRequested) -> Asked<'_> {
    Asked {
        tenant: &request.tenant,
        task: &request.task,
        label: request.label.as_ref(),
        conversation: request.conversation.as_deref(),
    }
}

fn unreadable(error: ReadError) -> TicketError {
    TicketError::Unavailable(error.to_string())
}
