//! Forks: past tickets run again with another prompt, model or parameters, without effects outside.
//!
//! A fork is a ticket: it stands in the same lines, needs a place and a budget, can be watched and
//! cancelled, and goes on after a crash. What it sends is rendered once, when it is asked for, and is
//! in its first event; so no later deployment, and no second rendering, can make it something else. It
//! calls nobody's API, is delivered to nobody and stays out of webhooks and of what canaries are judged
//! by. What its model calls cost is counted like any other's.
//!
//! Deliberately not here: comparing answers (a fork does not know what it is for), and who may ask.

mod error;
mod plan;
mod spec;

use std::collections::BTreeMap;
use std::sync::Arc;

use punchcard_events::TicketId;
use punchcard_events::ticket::{Fork, TicketRequested};

pub use error::ForkError;
pub use plan::ForkPlan;
pub use spec::{ForkPrompt, ForkSpec};

use crate::tickets::{Issued, Tickets};

/// A handle on them. Cheap to clone; usable from any thread.
#[derive(Clone)]
pub struct Forks {
    tickets: Tickets,
}

impl Forks {
    /// Forks of these tickets.
    pub const fn new(tickets: Tickets) -> Self {
        Self { tickets }
    }

    /// What a fork of `parent` would send, to which model, and what it is estimated at. Nothing is
    /// stored.
    ///
    /// # Errors
    /// See [`ForkError`]; nothing but [`ForkError::Issue`] depends on what else is going on.
    pub async fn plan(&self, parent: TicketId, spec: &ForkSpec) -> Result<ForkPlan, ForkError> {
        plan::make(&self.tickets, parent, spec).await
    }

    /// Runs `parent` again. When this returns, the fork's first event is durable.
    ///
    /// With [`ForkSpec::id`] it is issued once, however often this is repeated: a repeat finds the
    /// first, whatever was deployed since. [`ForkSpec::idempotency`] does the same for issuers.
    ///
    /// # Errors
    /// See [`ForkError`]; on [`ForkError::Issue`] with
    /// [`IssueError::Unavailable`](crate::tickets::IssueError::Unavailable) a repeat with the same id
    /// finds out whether it exists.
    pub async fn fork(&self, parent: TicketId, spec: ForkSpec) -> Result<Issued, ForkError> {
        if let Some(id) = spec.id
            && let Some(issued) = self.tickets.issued_before(id).await?
        {
            return Ok(issued);
        }
        if let Some(key) = &spec.idempotency
            && let Some(issued) = self.tickets.claimed(&spec.tenant, key).await?
        {
            return Ok(issued);
        }
        let planned = self.plan(parent, &spec).await?;
        let fork = Arc::new(Fork {
            parent,
            parent_revision: planned.parent_revision,
            from: spec.from,
            by: spec.by,
            prepared: planned.prepared,
            shadow: spec.shadow,
        });
        let asked = planned.request;
        let request = TicketRequested {
            tenant: asked.tenant.clone(),
            task: asked.task.clone(),
            label: fork.prepared.prompt.label.clone(),
            user: None,
            input: Arc::clone(&asked.input),
            metadata: BTreeMap::new(),
            idempotency: spec.idempotency,
            traceparent: spec.traceparent,
            requested_at: self.tickets.now(),
            priority: spec.priority,
            not_before: None,
            batch: None,
            conversation: asked.conversation.clone(),
            fork: Some(Arc::clone(&fork)),
            terms: planned.terms,
        };
        let issued = self
            .tickets
            .issue_fork(spec.id, request, &fork, &planned.lane);
        Ok(issued.await?)
    }
}
