//! Redrives: failed tickets opened again by the many, in bounded batches and at a pace.
//!
//! What is asked is an aggregate of its own ([`punchcard_events::redrive`]); the shelf keeps all of them
//! in memory. A runner per redrive goes through its tickets. It remembers nothing that the store does not
//! have: a batch is on disk before its first ticket is opened, and the tickets' own histories say which
//! of them are, so after a crash it goes on in the middle, and opens none twice.
//!
//! Each ticket is opened by [`Tickets::redrive`], by the same bounds as if somebody asked for it alone.
//!
//! Not here: HTTP, and tenancy: whoever hands a redrive out compares its tenant. A redrive is run by the
//! node that took it, or that found it at its start; nodes do not hand over.

mod error;
mod runner;
mod supervisor;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use punchcard_events::act::{Act, Author};
use punchcard_events::recorded::DecodeError;
use punchcard_events::redrive::{
    self, Command, MAX_TICKETS, REDRIVE_CATEGORY, RedriveEvent, RedriveFilter, RedriveStarted,
    RedriveState, apply, decide,
};
use punchcard_events::ticket::{RedriveFrom, StateName};
use punchcard_events::{NewEvent, StreamName, TenantId, Timestamp};
use tokio::sync::Notify;
use uuid::Uuid;

pub use error::RedrivesError;
use supervisor::Work;

use crate::aggregate::{Aggregate, Desk, Encoded, Shelf};
use crate::following::{self, Following};
use crate::ports::{EventStore, FailureGroup, ReadError, TicketFilter};
use crate::tenants::Directory;
use crate::tickets::Tickets;

/// How many tickets a second are opened where nobody says otherwise.
const PER_SECOND: u32 = 10;

/// A redrive's stream.
#[derive(Debug)]
enum RedriveStream {}

impl Aggregate for RedriveStream {
    type Id = Uuid;
    type State = RedriveState;
    type Event = RedriveEvent;

    const CATEGORY: &'static str = REDRIVE_CATEGORY;

    fn stream(id: &Uuid) -> StreamName {
        redrive::stream(*id)
    }

    fn id(stream: &StreamName) -> Option<Uuid> {
        redrive::of_stream(stream)
    }

    fn decode(stored: &NewEvent) -> Result<RedriveEvent, DecodeError> {
        RedriveEvent::decode(&stored.kind, stored.schema_version, &stored.data)
    }

    fn encode(event: &RedriveEvent) -> Result<Encoded, serde_json::Error> {
        Ok(Encoded {
            kind: event.kind(),
            schema_version: event.schema_version(),
            data: event.encode()?,
        })
    }

    fn apply(state: RedriveState, event: &RedriveEvent) -> Result<RedriveState, String> {
        apply(state, event).map_err(|illegal| illegal.to_string())
    }
}

/// A handle on all redrives. Cheap to clone; usable from any thread. When the last one is dropped, the
/// runners end, as in a crash.
#[derive(Clone)]
pub struct Redrives {
    shared: Arc<Shared>,
    _work: Arc<Work>,
}

struct Shared {
    desk: Desk,
    tickets: Tickets,
    tenants: Directory,
    shelf: Shelf<RedriveStream>,
    /// Those that this node runs.
    own: Mutex<BTreeSet<Uuid>>,
    /// Told when one may need its runner.
    wake: Notify,
    /// One is started at a time, so that a tenant has no two.
    starting: tokio::sync::Mutex<()>,
    /// Other nodes' redrives arrive for as long as this is kept.
    _following: Following,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct NewRedrive {
    /// Whose tickets.
    pub tenant: TenantId,
    /// Which of them.
    pub filter: RedriveFilter,
    /// The step that they go on from; `None`: the one that each failed in.
    pub from: Option<RedriveFrom>,
    /// The most tickets; `None`: as many as one redrive may have.
    pub limit: Option<u64>,
    /// The most tickets a second; `None`: ten.
    pub per_second: Option<u32>,
    /// Who asks.
    pub by: Author,
}

/// What a redrive would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preview {
    /// How many tickets would be opened again.
    pub would_redrive: u64,
    /// All that match, by task and reason.
    pub groups: Vec<FailureGroup>,
}

impl Redrives {
    /// Reads all redrives, and goes on with those that are not through. To be called within an actix
    /// system.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn open(
        store: Arc<dyn EventStore>,
        tickets: Tickets,
        tenants: Directory,
    ) -> Result<Self, ReadError> {
        let shelf = Shelf::<RedriveStream>::default();
        let position = following::catch_up(store.as_ref(), &shelf).await?;
        let own = shelf.all().into_iter().map(|(id, _)| id).collect();
        let following = following::follow(Arc::clone(&store), shelf.clone(), position);
        let clock = Arc::clone(tickets.clock());
        let shared = Arc::new(Shared {
            desk: Desk { store, clock },
            tickets,
            tenants,
            shelf,
            own: Mutex::new(own),
            wake: Notify::new(),
            starting: tokio::sync::Mutex::default(),
            _following: following,
        });
        let work = Arc::new(Work::start(Arc::clone(&shared)));
        Ok(Self {
            shared,
            _work: work,
        })
    }

    /// A tenant's failed tickets, counted by task and reason.
    ///
    /// # Errors
    /// When the ticket list cannot be read.
    pub async fn dead_letters(
        &self,
        tenant: &TenantId,
        filter: &RedriveFilter,
    ) -> Result<Vec<FailureGroup>, ReadError> {
        let index = self.shared.tickets.index();
        let filter = self.shared.filter_of(tenant, filter, None);
        index.failures(&filter).await
    }

    /// What a redrive would do, if it were started now.
    ///
    /// # Errors
    /// When the ticket list cannot be read.
    pub async fn preview(
        &self,
        tenant: &TenantId,
        filter: &RedriveFilter,
        limit: Option<u64>,
    ) -> Result<Preview, ReadError> {
        let groups = self.dead_letters(tenant, filter).await?;
        let all = groups.iter().map(|group| group.count).sum::<u64>();
        Ok(Preview {
            would_redrive: all.min(limit.unwrap_or(MAX_TICKETS)),
            groups,
        })
    }

    /// Starts a redrive. When this returns, it is durable.
    ///
    /// # Errors
    /// See [`RedrivesError`]; [`RedrivesError::Running`] where the tenant has one that runs, and
    /// [`RedrivesError::NothingMatches`] where there is nothing to open.
    pub async fn start(&self, new: NewRedrive) -> Result<(Uuid, Arc<RedriveState>), RedrivesError> {
        let shared = &self.shared;
        let _one_at_a_time = shared.starting.lock().await;
        if let Some(running) = shared.running(&new.tenant) {
            return Err(RedrivesError::Running(running));
        }
        let total = self.preview(&new.tenant, &new.filter, new.limit).await?;
        if total.would_redrive == 0 {
            return Err(RedrivesError::NothingMatches);
        }
        let id = shared.desk.clock.id();
        let started = RedriveStarted {
            tenant: new.tenant,
            filter: new.filter,
            from: new.from,
            limit: new.limit.unwrap_or(MAX_TICKETS),
            per_second: new.per_second.unwrap_or(PER_SECOND),
            total: total.would_redrive,
            act: shared.act(new.by),
        };
        let tenant = started.tenant.clone();
        shared.own().insert(id);
        let begun = shared.execute(&tenant, id, Command::Start(started)).await;
        if begun.is_err() {
            // Where it was stored after all, the next start finds it.
            shared.own().remove(&id);
        }
        shared.wake.notify_one();
        Ok((id, begun?))
    }

    /// A redrive as it stands; `None` where there is none.
    pub fn get(&self, id: Uuid) -> Option<Arc<RedriveState>> {
        self.shared.shelf.get(&id)
    }

    /// Up to `limit` of a tenant's redrives, newest first, after `after`.
    pub fn list(
        &self,
        tenant: &TenantId,
        after: Option<Uuid>,
        limit: usize,
    ) -> Vec<(Uuid, Arc<RedriveState>)> {
        let all = self.shared.shelf.all().into_iter().rev();
        let own = all.filter(|(id, state)| {
            let started = state.started.as_ref();
            started.is_some_and(|started| started.tenant == *tenant)
                && after.is_none_or(|after| *id < after)
        });
        own.take(limit).collect()
    }

    /// Opens no more tickets. Those that are open stay open.
    ///
    /// # Errors
    /// See [`RedrivesError`].
    pub async fn stop(&self, id: Uuid, by: Author) -> Result<Arc<RedriveState>, RedrivesError> {
        let shared = &self.shared;
        let state = shared.shelf.get(&id).unwrap_or_default();
        let Some(started) = &state.started else {
            return Err(redrive::Rejection::Unknown.into());
        };
        let stop = Command::Stop {
            act: shared.act(by),
        };
        let state = shared.execute(&started.tenant, id, stop).await?;
        shared.wake.notify_one();
        Ok(state)
    }
}

impl Shared {
    /// Decides a command, makes it durable, and puts it on the shelf.
    async fn execute(
        &self,
        tenant: &TenantId,
        id: Uuid,
        command: Command,
    ) -> Result<Arc<RedriveState>, RedrivesError> {
        let decided = |state: &RedriveState, _: Timestamp| decide(state, command.clone());
        let done = self
            .desk
            .execute::<RedriveStream, _>(tenant, &id, decided)
            .await;
        let (folded, _) = done.map_err(RedrivesError::from)?;
        self.shelf.put(&id, folded.clone());
        Ok(folded.state)
    }

    fn act(&self, by: Author) -> Act {
        Act {
            at: self.desk.clock.now(),
            by,
        }
    }

    /// The tenant's redrive that is not through.
    fn running(&self, tenant: &TenantId) -> Option<Uuid> {
        let mut all = self.shelf.all().into_iter();
        let of_tenant = |state: &RedriveState| {
            let started = state.started.as_ref();
            started.is_some_and(|started| started.tenant == *tenant)
        };
        let found = all.find(|(_, state)| state.is_at_work() && of_tenant(state));
        found.map(|(id, _)| id)
    }

    fn is_suspended(&self, tenant: &TenantId) -> bool {
        let tenant = self.tenants.tenant(tenant);
        tenant.is_some_and(|tenant| tenant.suspended.is_some())
    }

    fn own(&self) -> std::sync::MutexGuard<'_, BTreeSet<Uuid>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The failed tickets of a tenant that a filter means; those that had failed by `until`, where that
    /// is given. Those that are kept no longer are left out, and forks: nobody waits for them.
    fn filter_of(
        &self,
        tenant: &TenantId,
        filter: &RedriveFilter,
        until: Option<Timestamp>,
    ) -> TicketFilter {
        let until = until.map(|until| until.plus(Duration::from_millis(1)));
        let failed_before = match (filter.failed_before, until) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        TicketFilter {
            tenant: Some(tenant.clone()),
            user: filter.user.clone(),
            task: filter.task.clone(),
            states: vec![StateName::Failed],
            requested_from: filter.requested_from,
            requested_before: filter.requested_before,
            stage: filter.stage,
            code: filter.code.clone(),
            failed_from: self.tickets.kept_from(tenant),
            failed_before,
            ..TicketFilter::default()
        }
    }
}
