//! Whether an attempt fits into what its tenant and task have left.
//!
//! A ticket that was taken holds a reservation since then, so its attempts normally fit. Where they
//! do not (the budget was lowered, retries came on top, estimates were too low), the ticket fails
//! before the call, with what was refused on record.

use std::sync::Arc;

use punchcard_events::TicketId;
use punchcard_events::tenant::TenantLimits;
use punchcard_events::ticket::{
    Command, Failure, Stage, TicketPreProcessed, TicketRequested, TicketState,
};

use super::Deps;
use crate::usage::{Account, Estimate};

/// The code of a ticket that fails because an attempt would pass a budget.
const BUDGET_EXHAUSTED: &str = "budget_exhausted";

/// An attempt's account: whose it is, and how much it is estimated at. The limits are read at each
/// decision.
pub(super) struct Charge {
    ticket: TicketId,
    request: Arc<TicketRequested>,
    estimate: Estimate,
}

impl Charge {
    /// The account of the attempt that `state` owes; `None` before the prompt is known.
    pub(super) fn of(ticket: TicketId, state: &TicketState) -> Option<Self> {
        let request = Arc::clone(state.request()?);
        let prepared: &TicketPreProcessed = state.prepared()?;
        Some(Self {
            ticket,
            estimate: Estimate::of_call(&prepared.messages, &prepared.parameters),
            request,
        })
    }

    /// Whether it can be decided about now.
    pub(super) fn is_decidable(&self, deps: &Deps) -> bool {
        deps.meter.can_decide(self.account(&self.limits(deps)))
    }

    /// Waits until it can be.
    pub(super) async fn decidable(&self, deps: &Deps) {
        if !self.is_decidable(deps) {
            deps.meter.ready().await;
        }
    }

    /// What the ticket holds is made as much as its prompt needs at `model`.
    pub(super) fn adjust(&self, deps: &Deps, model: &str) {
        let TicketRequested { tenant, task, .. } = &*self.request;
        deps.meter
            .adjust(self.ticket, tenant, task, model, self.estimate);
    }

    /// The command that lets the attempt begin at `model`; where it does not fit, the one that fails
    /// the ticket.
    pub(super) fn send(&self, deps: &Deps, attempt: u32, model: String) -> Command {
        let (now, limits) = (deps.clock.now(), self.limits(deps));
        let fits = deps.meter.begin(
            self.ticket,
            attempt,
            self.account(&limits),
            &model,
            self.estimate,
            now,
        );
        match fits {
            Ok(()) => Command::Send { attempt, model },
            Err(exceeded) => {
                let reason = exceeded.limit.word();
                metrics::counter!("attempts_refused_total", "reason" => reason).increment(1);
                Command::Fail(Failure {
                    stage: Stage::Model,
                    code: BUDGET_EXHAUSTED.to_owned(),
                    message: format!(
                        "the attempt would pass {}, whose period ends at {}",
                        exceeded.limit, exceeded.ends_at
                    ),
                })
            }
        }
    }

    fn limits(&self, deps: &Deps) -> Arc<TenantLimits> {
        deps.limits.limits(&self.request.tenant)
    }

    fn account<'a>(&'a self, limits: &'a TenantLimits) -> Account<'a> {
        Account {
            tenant: &self.request.tenant,
            task: &self.request.task,
            limits,
        }
    }
}
