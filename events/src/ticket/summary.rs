//! One line of a ticket list: a smaller fold than the state, cheap enough to keep with every append.

use serde::{Deserialize, Serialize};

use super::state::StateName;
use super::{Deadlines, RedriveFrom, Stage, TicketEvent};
use crate::ids::{TaskName, TenantId, TicketId, UserId};
use crate::recorded::{DecodeError, NewEvent, Revision};
use crate::time::Timestamp;

/// What a ticket list shows and filters by. Rebuilt from the events at any time; never asked for
/// truth.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketSummary {
    /// The ticket.
    pub id: TicketId,
    /// Whose it is.
    pub tenant: TenantId,
    /// What it runs.
    pub task: TaskName,
    /// Whom it is for.
    pub user: Option<UserId>,
    /// Its state after `revision`.
    pub state: StateName,
    /// The newest attempt's number; 0 before the first.
    pub attempt: u32,
    /// When it was issued.
    pub requested_at: Timestamp,
    /// When its newest event was recorded.
    pub updated_at: Timestamp,
    /// Its newest event's revision.
    pub revision: Revision,
    /// When it gives up, state by state.
    pub deadlines: Deadlines,
    /// Where it failed, if it did.
    pub failed_stage: Option<Stage>,
    /// The failure's code, if it failed.
    pub failure_code: Option<String>,
    /// Before when it owes nothing; absent once it has begun or ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<Timestamp>,
    /// The ticket that it runs again, where it is a fork.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fork_of: Option<TicketId>,
}

impl TicketSummary {
    /// The summary after one more event of `ticket`'s stream. Reads only the bodies it needs.
    ///
    /// # Errors
    /// When a needed body cannot be decoded.
    pub fn fold(
        summary: Option<Self>,
        ticket: TicketId,
        revision: Revision,
        event: &NewEvent,
    ) -> Result<Option<Self>, DecodeError> {
        let Some(mut summary) = summary else {
            return first(ticket, revision, event);
        };
        summary.revision = revision;
        summary.updated_at = event.recorded_at;
        match event.kind.as_ref() {
            "TicketPreProcessed" => summary.state = StateName::PreProcessed,
            "TicketAnswered" => summary.state = StateName::Answered,
            "TicketPersisted" => summary.state = StateName::Persisted,
            "TicketDelivered" => summary.state = StateName::Delivered,
            "TicketCancelled" => summary.state = StateName::Cancelled,
            "TicketSent" | "TicketFailed" | "TicketRedriven" => summary.change(&decode(event)?),
            _ => {}
        }
        if summary.state != StateName::Requested {
            summary.not_before = None;
        }
        Ok(Some(summary))
    }

    /// When the ticket gives up waiting in its present state; absent once it has ended.
    pub fn deadline(&self) -> Option<Timestamp> {
        match self.state {
            StateName::Requested | StateName::PreProcessed | StateName::Sent => {
                Some(self.deadlines.answer_by)
            }
            StateName::Answered => Some(self.deadlines.persist_by),
            StateName::Persisted => Some(self.deadlines.deliver_by),
            StateName::Unrequested
            | StateName::Delivered
            | StateName::Failed
            | StateName::Cancelled => None,
        }
    }

    /// When it failed, while it is failed: nothing is recorded of a failed ticket until it is opened
    /// again.
    pub fn failed_at(&self) -> Option<Timestamp> {
        (self.state == StateName::Failed).then_some(self.updated_at)
    }

    fn change(&mut self, event: &TicketEvent) {
        match event {
            TicketEvent::TicketSent(sent) => {
                self.state = StateName::Sent;
                self.attempt = sent.attempt;
            }
            TicketEvent::TicketFailed(failed) => {
                self.state = StateName::Failed;
                self.failed_stage = Some(failed.failure.stage);
                self.failure_code = Some(failed.failure.code.clone());
            }
            TicketEvent::TicketRedriven(redriven) => {
                self.state = match redriven.from {
                    Some(RedriveFrom::Requested) => {
                        // None since it is prepared anew, as the state tells it, too.
                        self.attempt = 0;
                        StateName::Requested
                    }
                    None => self.reopened_state(),
                };
                self.deadlines = redriven.deadlines.clone();
                self.failed_stage = None;
                self.failure_code = None;
            }
            TicketEvent::TicketRequested(_)
            | TicketEvent::TicketPreProcessed(_)
            | TicketEvent::AttemptFailed(_)
            | TicketEvent::TicketAnswered(_)
            | TicketEvent::CallbackFailed(_)
            | TicketEvent::TicketPersisted(_)
            | TicketEvent::TicketDelivered(_)
            | TicketEvent::TicketCancelled(_) => {}
        }
    }

    fn reopened_state(&self) -> StateName {
        match self.failed_stage {
            Some(Stage::PreProcess) => StateName::Requested,
            Some(Stage::Model) if self.attempt == 0 => StateName::PreProcessed,
            Some(Stage::Model) => StateName::Sent,
            Some(Stage::Persist) => StateName::Answered,
            Some(Stage::Deliver) => StateName::Persisted,
            None => self.state,
        }
    }
}

fn first(
    id: TicketId,
    revision: Revision,
    event: &NewEvent,
) -> Result<Option<TicketSummary>, DecodeError> {
    if event.kind != "TicketRequested" {
        return Ok(None);
    }
    let TicketEvent::TicketRequested(request) = decode(event)? else {
        return Ok(None);
    };
    Ok(Some(TicketSummary {
        id,
        tenant: request.tenant,
        task: request.task,
        user: request.user,
        state: StateName::Requested,
        attempt: 0,
        requested_at: request.requested_at,
        updated_at: event.recorded_at,
        revision,
        deadlines: request.terms.deadlines,
        failed_stage: None,
        failure_code: None,
        not_before: request.not_before,
        fork_of: request.fork.map(|fork| fork.parent),
    }))
}

fn decode(event: &NewEvent) -> Result<TicketEvent, DecodeError> {
    TicketEvent::decode(&event.kind, event.schema_version, &event.data)
}
