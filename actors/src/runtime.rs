//! Starting the tree of actors, picking up where the last run stopped, and stopping it.

use std::num::{NonZeroU32, NonZeroUsize};
use std::sync::Arc;
use std::time::Duration;

use actix::{Actor, Addr, Arbiter};
use punchcard_events::TicketId;
use punchcard_events::ticket::StateName;

use crate::admission::{Admission, AdmissionOptions};
use crate::callbacks::{CallbackDesk, CallbackOptions, CallbackSupervisor};
use crate::feed::Switchboard;
use crate::llm::{Llm, LlmOptions, LlmSupervisor};
use crate::ports::{Order, ReadError, TicketFilter, WhichForks};
use crate::registry::{Registry, Shard, Shared};
use crate::schedule::{self, Scheduled};
use crate::steady::SteadyClock;
use crate::ticket::Deps;
use crate::tickets::Tickets;

pub use crate::ports::Ports;

/// How long a page of the ticket list is waited for before it is read again.
const READ_RETRY: Duration = Duration::from_secs(1);

/// The most tickets picked up in one go.
const RECOVERY_BATCH: NonZeroU32 = NonZeroU32::new(500).unwrap();

/// How the runtime works.
#[derive(Debug, Clone)]
pub struct RuntimeOptions {
    /// Threads that ticket actors are spread over.
    pub arbiters: NonZeroUsize,
    /// Which new tickets are taken.
    pub admission: AdmissionOptions,
    /// How long an actor that only waits for a delivery stays in memory.
    pub passivate_after: Duration,
    /// Streamed text is announced at most this often per ticket.
    pub text_interval: Duration,
    /// How often tickets past their deadline are looked for.
    pub sweep_interval: Duration,
    /// How long a ticket tries an append before it gives way and is picked up later.
    pub store_patience: Duration,
    /// Limits of the model client.
    pub llm: LlmOptions,
    /// Limits of the callbacks.
    pub callbacks: CallbackOptions,
}

/// The running tree of actors.
pub struct Runtime {
    tickets: Tickets,
    registry: Registry,
    arbiters: Vec<Arbiter>,
    /// They end with the runtime.
    _sweepers: [Sweeper; 2],
    llm: Addr<LlmSupervisor>,
    calls: Llm,
    callbacks: Addr<CallbackSupervisor>,
    called_back: CallbackDesk,
}

/// A task that looks for overdue tickets, or for those that fall due; dropping it ends the task.
struct Sweeper(tokio::task::JoinHandle<()>);

impl Drop for Sweeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What [`Runtime::recover`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Tickets picked up.
    pub tickets: u64,
}

impl Runtime {
    /// Starts the tree. To be called within an actix system.
    ///
    /// No ticket of an earlier run is picked up yet: see [`Self::recover`].
    pub async fn start(ports: Ports, options: RuntimeOptions) -> Self {
        let arbiters = (0..options.arbiters.get()).map(|_| Arbiter::new());
        Self::start_on(arbiters.collect(), ports, options)
    }

    /// Starts the whole tree on the calling thread, so that whoever owns that thread's time (a test
    /// that has paused it, say) owns the runtime's.
    pub async fn start_here(ports: Ports, options: RuntimeOptions) -> Self {
        Self::start_on(vec![], ports, options)
    }

    /// Starts a shard on each of `arbiters`; without any, as many as asked for on this thread.
    fn start_on(arbiters: Vec<Arbiter>, mut ports: Ports, options: RuntimeOptions) -> Self {
        ports.clock = Arc::new(SteadyClock::over(ports.clock));
        let clock = || Arc::clone(&ports.clock);
        let (model, limits) = (Arc::clone(&ports.model), Arc::clone(&ports.limits));
        let llm = LlmSupervisor::new(model, options.llm, limits, clock());
        let callbacks = Arc::clone(&ports.callbacks);
        let callbacks = CallbackSupervisor::new(callbacks, options.callbacks, clock());
        let switchboard = Switchboard::default();
        let admission = Admission::new(options.admission, Arc::clone(&ports.limits));
        let deps = Arc::new(Deps {
            store: Arc::clone(&ports.store),
            tasks: Arc::clone(&ports.tasks),
            limits: Arc::clone(&ports.limits),
            meter: ports.meter.clone(),
            clock: Arc::clone(&ports.clock),
            llm: llm.handle(),
            callbacks: callbacks.handle(),
            switchboard: switchboard.clone(),
            admission: admission.clone(),
            text_interval: options.text_interval,
            passivate_after: options.passivate_after,
            store_patience: options.store_patience,
        });
        let shared = Shared::new();
        let shard = || {
            let (deps, shared) = (Arc::clone(&deps), Arc::clone(&shared));
            move || Shard::new(deps, shared)
        };
        let shards = if arbiters.is_empty() {
            let here = (0..options.arbiters.get()).map(|_| shard()().start());
            here.collect()
        } else {
            let there = arbiters.iter().map(|arbiter| {
                let shard = shard();
                Shard::start_in_arbiter(&arbiter.handle(), move |_| shard())
            });
            there.collect()
        };
        let registry = Registry::new(shards, shared);
        let scheduled = Scheduled::default();
        let gate = admission.clone();
        let tickets = Tickets::new(
            ports,
            registry.clone(),
            switchboard,
            admission,
            llm.handle(),
            scheduled.clone(),
        );
        let interval = options.sweep_interval;
        let sweeper = Sweeper(actix::spawn(sweep(tickets.clone(), interval)));
        let wake = schedule::wake(tickets.clone(), registry.clone(), scheduled, gate, interval);
        let waker = Sweeper(actix::spawn(wake));
        Self {
            tickets,
            registry,
            arbiters,
            _sweepers: [sweeper, waker],
            calls: llm.handle(),
            llm: llm.start(),
            called_back: callbacks.handle(),
            callbacks: callbacks.start(),
        }
    }

    /// The handle for everything outside.
    pub const fn tickets(&self) -> &Tickets {
        &self.tickets
    }

    /// The supervisor of the model client.
    pub const fn llm(&self) -> &Addr<LlmSupervisor> {
        &self.llm
    }

    /// The models behind their guards, for calls that are no ticket's.
    pub const fn calls(&self) -> &Llm {
        &self.calls
    }

    /// The supervisor of the callbacks.
    pub const fn callbacks(&self) -> &Addr<CallbackSupervisor> {
        &self.callbacks
    }

    /// The tenants' APIs behind their guards.
    pub const fn called_back(&self) -> &CallbackDesk {
        &self.called_back
    }

    /// Ticket actors alive now.
    pub fn active_tickets(&self) -> usize {
        self.registry.active()
    }

    /// Picks up every ticket that an earlier run left with work owed, oldest first, at most
    /// `per_second`. New tickets may be issued meanwhile. Persisted tickets owe nothing to the
    /// world but wait for somebody to take the answer, so they stay in the store.
    pub fn recover(&self, per_second: NonZeroU32) -> impl Future<Output = Recovered> + 'static {
        recover(self.tickets.clone(), self.registry.clone(), per_second)
    }

    /// Admits nothing new, gives calls in flight `grace` to end, and leaves everything else to the
    /// store. Returns how many tickets are still in a call.
    pub async fn drain(&self, grace: Duration) -> usize {
        self.registry.drain(grace).await
    }

    /// Drains, then stops every actor. Returns how many tickets were cut off in a call; the next
    /// start picks them up.
    pub async fn stop(self, grace: Duration) -> usize {
        let cut = self.drain(grace).await;
        for arbiter in self.arbiters {
            arbiter.stop();
            // A thread that panicked has been logged; nothing is left to do for it.
            let _ = arbiter.join();
        }
        cut
    }
}

async fn recover(tickets: Tickets, registry: Registry, per_second: NonZeroU32) -> Recovered {
    let filter = TicketFilter {
        states: vec![
            StateName::Requested,
            StateName::PreProcessed,
            StateName::Sent,
            StateName::Answered,
        ],
        // Those that are scheduled for later are woken when they fall due.
        begun_by: Some(tickets.now()),
        forks: WhichForks::With,
        ..TicketFilter::default()
    };
    let batch = RECOVERY_BATCH.min(per_second);
    let pace = Duration::from_secs(1) * batch.get() / per_second.get();
    let batch = batch.get() as usize;
    let mut recovered = Recovered::default();
    let mut after = None;
    while !registry.is_stopping() {
        let next_at = tokio::time::Instant::now() + pace;
        let page = match ids(&tickets, &filter, after, batch).await {
            Ok(page) => page,
            Err(error) => {
                tracing::warn!(%error, "the tickets to pick up cannot be listed yet");
                tokio::time::sleep(READ_RETRY).await;
                continue;
            }
        };
        registry.activate(&page).await;
        recovered.tickets += page.len() as u64;
        match page.last() {
            Some(last) if page.len() == batch => after = Some(*last),
            _ => break,
        }
        tokio::time::sleep_until(next_at).await;
    }
    recovered
}

/// Looks for tickets past their deadline: answers that nobody took in time, and open tickets that lost
/// their actor, as one whose first event landed after everybody had given it up. A ticket with an actor
/// watches its own deadline.
async fn sweep(tickets: Tickets, interval: Duration) {
    loop {
        tokio::time::sleep(interval).await;
        if let Err(error) = sweep_once(&tickets).await {
            tracing::warn!(%error, "overdue tickets cannot be listed");
        }
    }
}

/// Goes over all overdue tickets once, so one that cannot be ended holds up no other.
async fn sweep_once(tickets: &Tickets) -> Result<(), ReadError> {
    const PAGE: usize = 500;
    let open = StateName::ALL.into_iter().filter(|s| !s.is_terminal());
    let filter = TicketFilter {
        states: open.collect(),
        overdue_at: Some(tickets.now()),
        forks: WhichForks::With,
        ..TicketFilter::default()
    };
    let mut after = None;
    loop {
        let overdue = ids(tickets, &filter, after, PAGE).await?;
        for ticket in &overdue {
            if let Err(error) = tickets.expire(*ticket).await {
                tracing::warn!(ticket.id = %ticket, %error, "an overdue ticket was not ended");
            }
        }
        match overdue.last() {
            Some(last) if overdue.len() == PAGE => after = Some(*last),
            _ => return Ok(()),
        }
    }
}

async fn ids(
    tickets: &Tickets,
    filter: &TicketFilter,
    after: Option<TicketId>,
    limit: usize,
) -> Result<Vec<TicketId>, ReadError> {
    let page = tickets
        .index()
        .list(filter, Order::OldestFirst, after, limit)
        .await?;
    Ok(page.into_iter().map(|summary| summary.id).collect())
}
