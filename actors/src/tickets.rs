//! The one way into the runtime for everything outside it: issue, ask, read and watch tickets.

mod fork;
mod issue;
mod redrive;

use std::sync::Arc;
use std::time::Duration;

use punchcard_events::tenant::{Limits, MicroUsd, TenantLimits};
use punchcard_events::ticket::{CancelMode, Channel, StateName, TicketRequested};
use punchcard_events::{Recorded, TaskName, TenantId, TicketId, Timestamp, UserId};
use tokio::sync::oneshot;

pub use crate::errors::{IssueError, RedriveError, TicketError};
pub use crate::history::Past;
pub use issue::{Issue, Issued};
pub use redrive::Redrive;

use crate::admission::{Admission, Place};
use crate::feed::{News, Switchboard, Watch};
use crate::history::{load, past, read};
use crate::llm::Llm;
use crate::ports::{Asked, Clock, EventStore, Ports, ReadError, TaskBook, TicketIndex};
use crate::registry::Registry;
use crate::schedule::Scheduled;
use crate::ticket::{Ask, Start};
use crate::usage::{Estimate, Scope, Standing};

/// How often a question is put again because the actor it was for had just gone.
const MAX_ASKS: u32 = 3;

/// How long an actor may take to say how its ticket stands. It is held up only while an append is.
const LOOK_PATIENCE: Duration = Duration::from_secs(1);

/// How the limits of a task's tickets stand. What is not limited is absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitStandings {
    /// What may be used.
    pub budgets: Vec<Standing>,
    /// How many tickets of the tenant may be open, and how many are.
    pub concurrent: Option<(u32, usize)>,
    /// How many of the task.
    pub task_concurrent: Option<(u32, usize)>,
}

/// A handle on all tickets of this runtime. Cheap to clone; usable from any thread.
///
/// There is no tenancy here: whoever hands a ticket out must have compared its tenant.
#[derive(Clone)]
pub struct Tickets {
    ports: Ports,
    registry: Registry,
    switchboard: Switchboard,
    admission: Admission,
    llm: Llm,
    keys_in_flight: issue::KeysInFlight,
    scheduled: Scheduled,
}

impl Tickets {
    pub(crate) fn new(
        ports: Ports,
        registry: Registry,
        switchboard: Switchboard,
        admission: Admission,
        llm: Llm,
        scheduled: Scheduled,
    ) -> Self {
        Self {
            ports,
            registry,
            switchboard,
            admission,
            llm,
            keys_in_flight: issue::KeysInFlight::default(),
            scheduled,
        }
    }

    /// Ends a ticket by request.
    ///
    /// # Errors
    /// When there is no such ticket, it has ended, or the store takes no events now.
    pub async fn cancel(
        &self,
        ticket: TicketId,
        mode: CancelMode,
        by: String,
    ) -> Result<News, TicketError> {
        let ask = || Ask::Cancel {
            mode,
            by: by.clone(),
        };
        self.ask(ticket, ask).await
    }

    /// Records that a ticket's answer has arrived.
    ///
    /// # Errors
    /// When there is no such ticket, it has no answer to deliver, or the store takes no events now.
    pub async fn acknowledge(
        &self,
        ticket: TicketId,
        channel: Channel,
        by: String,
    ) -> Result<News, TicketError> {
        let ask = || Ask::Acknowledge {
            channel,
            by: by.clone(),
        };
        self.ask(ticket, ask).await
    }

    /// Fails a ticket whose deadline has passed; leaves any other as it is.
    ///
    /// # Errors
    /// When there is no such ticket or the store takes no events now.
    pub async fn expire(&self, ticket: TicketId) -> Result<News, TicketError> {
        self.ask(ticket, || Ask::Expire).await
    }

    /// A ticket as it stands now, with the text in flight; `None` when there is no such ticket. Of an
    /// actor that is held up by the store, what is stored is told in its place.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn look(&self, ticket: TicketId) -> Result<Option<News>, ReadError> {
        let asked = async {
            let answer = self.registry.ask_active(ticket, Ask::Look).await?;
            answer.await.ok()?.ok()
        };
        if let Ok(Some(news)) = tokio::time::timeout(LOOK_PATIENCE, asked).await {
            return Ok(Some(news));
        }
        let history = load(self.ports.store.as_ref(), ticket).await?;
        Ok(history.revision.map(|revision| News {
            ticket,
            revision,
            state: history.state,
            changed_at: history.changed_at,
            live: None,
        }))
    }

    /// Whether a ticket has ended so long ago that its texts are not to be shown any more, by what its
    /// tenant keeps.
    pub fn is_expired(&self, news: &News) -> bool {
        let Some(request) = news.state.request() else {
            return false;
        };
        self.is_past_keeping(&request.tenant, news.state.name(), news.changed_at)
    }

    /// The same of a ticket of which only so much is known.
    pub(crate) fn is_past_keeping(
        &self,
        tenant: &TenantId,
        state: StateName,
        changed_at: Timestamp,
    ) -> bool {
        let kept_from = self.kept_from(tenant);
        state.is_terminal() && kept_from.is_some_and(|from| changed_at < from)
    }

    /// Tickets that ended before this are kept no longer, by what their tenant keeps; `None` where it
    /// keeps all.
    pub fn kept_from(&self, tenant: &TenantId) -> Option<Timestamp> {
        const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
        let days = self.ports.limits.limits(tenant).retention_days?;
        let kept = DAY_MS.saturating_mul(days.into());
        Some(Timestamp::from_millis(
            self.now().as_millis().saturating_sub(kept),
        ))
    }

    /// All events of a ticket, in order; empty when there is no such ticket.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn history(&self, ticket: TicketId) -> Result<Vec<Recorded>, ReadError> {
        read(self.ports.store.as_ref(), ticket).await
    }

    /// A ticket as of each of its events; empty when there is no such ticket. Nothing is called and
    /// nobody is told: a past is only read.
    ///
    /// # Errors
    /// When the store cannot be read, or what it has of the ticket cannot have happened.
    pub async fn past(&self, ticket: TicketId) -> Result<Past, ReadError> {
        past(self.ports.store.as_ref(), ticket).await
    }

    /// The ticket list.
    pub fn index(&self) -> &Arc<dyn TicketIndex> {
        &self.ports.index
    }

    /// News of one ticket from now on. To miss nothing, watch first and then [`Self::look`].
    pub fn watch_ticket(&self, ticket: TicketId) -> Watch {
        self.switchboard.watch_ticket(ticket)
    }

    /// News of all tickets of one user from now on.
    pub fn watch_user(&self, tenant: TenantId, user: UserId) -> Watch {
        self.switchboard.watch_user(tenant, user)
    }

    /// How much `tenant` may use, as of now.
    pub fn limits(&self, tenant: &TenantId) -> Arc<TenantLimits> {
        self.ports.limits.limits(tenant)
    }

    /// Whether there is something that a ticket which asks for this would run now.
    pub fn is_served(&self, asked: Asked<'_>) -> bool {
        self.ports.tasks.lane(asked).is_some()
    }

    /// How the limits stand that can refuse a ticket of a task, or, where none is named, any ticket of
    /// the tenant.
    pub fn limit_standings(&self, tenant: &TenantId, task: Option<&TaskName>) -> LimitStandings {
        let limits = self.ports.limits.limits(tenant);
        let (all, own) = self.admission.open_tickets(tenant, task);
        let of = |limits: &Limits, open| limits.concurrent_tickets.map(|limit| (limit, open));
        let mut budgets = self.budgets(tenant, task);
        if task.is_none() {
            budgets.retain(|standing| standing.limit.scope == Scope::Tenant);
        }
        let task = task.and_then(|task| limits.tasks.get(task));
        LimitStandings {
            budgets,
            concurrent: of(&limits.all, all),
            task_concurrent: task.and_then(|limits| of(limits, own)),
        }
    }

    /// How the budgets of a tenant and of its tasks stand, or of one task of them.
    pub fn budgets(&self, tenant: &TenantId, task: Option<&TaskName>) -> Vec<Standing> {
        let limits = self.ports.limits.limits(tenant);
        let meter = &self.ports.meter;
        meter.standings(tenant, task, &limits, self.now())
    }

    /// What so many tokens of `model` cost by today's prices; `None` where it has none.
    pub fn cost(&self, model: &str, tokens: Estimate) -> Option<MicroUsd> {
        self.ports.meter.prices().cost(model, tokens)
    }

    /// Whether everything that was used before the start is in the budgets.
    pub fn usage_is_counted(&self) -> bool {
        self.ports.meter.is_ready()
    }

    /// The time by the runtime's clock.
    pub fn now(&self) -> Timestamp {
        self.ports.clock.now()
    }

    /// The tasks and prompts that tickets read.
    pub(crate) fn tasks(&self) -> &dyn TaskBook {
        self.ports.tasks.as_ref()
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.ports.clock
    }

    fn store(&self) -> &dyn EventStore {
        self.ports.store.as_ref()
    }

    /// Puts a question to a ticket's actor, starting one if need be.
    async fn ask(&self, ticket: TicketId, ask: impl Fn() -> Ask) -> Result<News, TicketError> {
        for _ in 0..MAX_ASKS {
            let answer = self.registry.ask(ticket, ask()).await?;
            // A dropped reply means that the actor left or crashed with the question unread.
            if let Ok(answer) = answer.await {
                return answer;
            }
        }
        Err(TicketError::Busy)
    }

    /// Starts the actor of a new ticket and waits until its first event is durable.
    async fn begin(
        &self,
        ticket: TicketId,
        request: TicketRequested,
        place: Place,
    ) -> Result<News, IssueError> {
        let (reply, answer) = oneshot::channel();
        let start = Start::Fresh(Box::new(request), reply);
        self.registry.start(ticket, start, place).await?;
        match answer.await {
            Ok(Ok(news)) => Ok(news),
            Ok(Err(TicketError::Unavailable(reason))) => Err(IssueError::Unavailable(reason)),
            Ok(Err(error)) => Err(IssueError::Unavailable(error.to_string())),
            Err(_) => Err(IssueError::Unavailable(
                "the ticket's actor stopped before its first event was stored".to_owned(),
            )),
        }
    }
}
