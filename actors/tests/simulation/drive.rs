//! Runs a plan: one life of the process after another, until its steps are done and all is at rest.
//!
//! Each life has a tokio runtime and an actix system of its own, on this thread, under a paused clock.
//! A crash is the end of both: everything that ran in them is dropped where it stands.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use punchcard_actors::forks::{ForkError, ForkSpec, Forks};
use punchcard_actors::runtime::Runtime;
use punchcard_actors::tickets::{Issued, Tickets};
use punchcard_events::TicketId;
use punchcard_events::ticket::{CancelMode, Channel, StateName};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::client::{acknowledge, session};
use crate::mutant::Mutant;
use crate::oracle::Record;
use crate::plan::{ConnectDeed, Deed, End, Plan, Step};
use crate::stage::{Fired, Inner, Stage, Violation};
use crate::{finale, foreign, issuer, world};

/// What became of a plan.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) violations: Vec<Violation>,
    pub(crate) fired: Fired,
    /// The same for the same plan, always.
    pub(crate) hash: u64,
    pub(crate) trace: String,
}

/// Why a life ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Crashed,
    Stopped,
    AtRest,
}

/// How far the plan is carried out.
struct Place {
    /// The next step.
    next: usize,
    /// What comes after the last step has come.
    ended: bool,
}

/// Carries out `plan`, with the trace in words if `recorded`.
pub(crate) fn run(plan: &Plan, mutant: Option<Mutant>, recorded: bool) -> Outcome {
    let stage = Stage::new(plan, mutant, recorded);
    let mut place = Place {
        next: 0,
        ended: false,
    };
    loop {
        let ended = in_one_life(&stage, live(&stage, plan, &mut place));
        let mut inner = stage.lock();
        if ended == Ended::Crashed {
            inner.survive(mutant);
        }
        if ended == Ended::AtRest || !inner.violations.is_empty() {
            break;
        }
    }
    if stage.lock().violations.is_empty() {
        in_one_life(&stage, finale::replay(&stage));
    }
    let mut inner = stage.lock();
    Outcome {
        violations: std::mem::take(&mut inner.violations),
        fired: std::mem::take(&mut inner.fired),
        hash: inner.trace.hash(),
        trace: inner.trace.text().to_owned(),
    }
}

/// Runs one life of the process, and drops what is left of it.
fn in_one_life<T>(stage: &Arc<Stage>, life: impl Future<Output = T>) -> T {
    let system = actix::System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .expect("a tokio runtime")
    });
    let (ended, handle) = system.block_on(async {
        {
            let mut inner = stage.lock();
            inner.time.begin();
            inner.oracle.new_life();
            inner.dead = false;
            inner.foreign = false;
            inner.disturbed = false;
            inner.fired.count("lives");
            inner.note(format_args!("-- a process starts"));
        }
        let ended = life.await;
        let mut inner = stage.lock();
        inner.time.end();
        // actix polls an actor once more while it drops it; that must not reach the world.
        inner.dead = true;
        (ended, tokio::runtime::Handle::current())
    });
    let within = handle.enter();
    drop(system);
    drop(within);
    ended
}

/// A life of the process.
struct Life<'a> {
    stage: &'a Arc<Stage>,
    runtime: Runtime,
    sessions: BTreeMap<u8, JoinHandle<()>>,
    /// When the history's time 0 was, by this life's clock.
    zero: Duration,
    begun: Instant,
}

async fn live(stage: &Arc<Stage>, plan: &Plan, place: &mut Place) -> Ended {
    let mut life = Life::start(stage).await;
    let ended = tokio::select! {
        biased;
        () = stage.death() => Ended::Crashed,
        ended = life.go_on(plan, place) => ended,
    };
    if ended == Ended::Stopped {
        let grace = match plan.steps.get(place.next.wrapping_sub(1)) {
            Some(Step {
                deed: Deed::Restart { grace_ms },
                ..
            }) => Duration::from_millis(*grace_ms),
            _ => Duration::from_secs(2),
        };
        return tokio::select! {
            biased;
            () = stage.death() => Ended::Crashed,
            _ = life.runtime.stop(grace) => Ended::Stopped,
        };
    }
    if ended == Ended::AtRest {
        finale::leave_nothing(stage, life.runtime).await;
    }
    ended
}

impl<'a> Life<'a> {
    async fn start(stage: &'a Arc<Stage>) -> Self {
        let options = world::options(&stage.setup);
        let runtime = Runtime::start_here(world::ports(stage), options).await;
        let pace = NonZeroU32::new(stage.setup.recover_per_second).unwrap_or(NonZeroU32::MIN);
        tokio::task::spawn_local(runtime.recover(pace));
        let zero = stage.lock().time.passed();
        let mut life = Self {
            stage,
            runtime,
            sessions: BTreeMap::new(),
            zero,
            begun: Instant::now(),
        };
        // Whoever was connected comes back.
        let connected: Vec<_> = (stage.lock().clients.values())
            .filter_map(|client| client.connected.clone())
            .collect();
        for deed in connected {
            life.connect(deed);
        }
        life
    }

    /// Carries out what is left of the plan, and then leaves everything to come to rest.
    async fn go_on(&mut self, plan: &Plan, place: &mut Place) -> Ended {
        while let Some(step) = plan.steps.get(place.next) {
            place.next += 1;
            let due = Duration::from_millis(step.at_ms).saturating_sub(self.zero);
            tokio::time::sleep_until(self.begun + due).await;
            self.stage.lock().note(format_args!("* {:?}", step.deed));
            if let Some(ended) = self.perform(&step.deed) {
                return ended;
            }
        }
        let stage = self.stage;
        finale::look_at_the_guards(stage, &self.runtime).await;
        stage.lock().calm();
        if !std::mem::replace(&mut place.ended, true) {
            match plan.setup.end {
                End::Rest => {}
                End::Restart => return Ended::Stopped,
                End::Crash => return Ended::Crashed,
            }
        }
        // What another node wrote is no news to this one, until it starts.
        if stage.lock().foreign {
            return Ended::Stopped;
        }
        finale::come_to_rest(stage, self.runtime.tickets()).await;
        Ended::AtRest
    }

    /// Does one thing; most go on by themselves. Whether it ends this life.
    fn perform(&mut self, deed: &Deed) -> Option<Ended> {
        let mut inner = self.stage.lock();
        let now = inner.time.passed();
        match deed {
            Deed::Issue(deed) => {
                let (stage, tickets, deed) = (self.stage(), self.tickets(), deed.clone());
                tokio::task::spawn_local(
                    async move { issuer::issue(&stage, &tickets, &deed).await },
                );
            }
            Deed::Cancel { ticket, keep } => self.cancel(inner.numbered(*ticket)?, *keep),
            Deed::Acknowledge { ticket } => self.acknowledge(inner.numbered(*ticket)?),
            Deed::Look { ticket } => self.look(inner.numbered(*ticket)?),
            Deed::Fork { ticket } => self.fork(&inner, inner.numbered(*ticket)?),
            Deed::Connect(deed) => {
                drop(inner);
                self.connect(deed.clone());
            }
            Deed::Disconnect { client } => {
                drop(inner);
                self.disconnect(*client);
            }
            Deed::Foreign { ticket, deed } => {
                let ticket = inner.numbered(*ticket)?;
                if foreign::write(&mut inner, ticket, *deed) {
                    inner.fired.count("another node writes");
                }
            }
            Deed::Store { fault, on } => {
                inner.disturbed = true;
                inner.scripts.store.push((*fault, on.clone()));
            }
            Deed::StoreDown { for_ms } => {
                inner.disturbed = true;
                inner.scripts.store_down_until = now + Duration::from_millis(*for_ms);
            }
            Deed::ReadsDown { for_ms } => {
                inner.disturbed = true;
                inner.scripts.reads_down_until = now + Duration::from_millis(*for_ms);
            }
            Deed::Model(script) => inner.scripts.model.push_back(script.clone()),
            Deed::PreProcess(script) => inner.scripts.pre_process.push_back(script.clone()),
            Deed::PostProcess(script) => inner.scripts.post_process.push_back(script.clone()),
            Deed::ClockJump { by_ms } => {
                inner.disturbed = true;
                inner.fired.count(match by_ms {
                    0.. => "clock: jumps forwards",
                    _ => "clock: jumps backwards",
                });
                inner.time.jump(*by_ms);
            }
            Deed::Restart { .. } => {
                inner.fired.count("restart");
                return Some(Ended::Stopped);
            }
            Deed::Crash => {
                inner.fired.count("crash: at any time");
                return Some(Ended::Crashed);
            }
        }
        None
    }

    fn stage(&self) -> Arc<Stage> {
        Arc::clone(self.stage)
    }

    fn tickets(&self) -> Tickets {
        self.runtime.tickets().clone()
    }

    fn connect(&mut self, deed: ConnectDeed) {
        self.disconnect(deed.client);
        let mut inner = self.stage.lock();
        inner.fired.count("client: connects");
        let client = inner.clients.entry(deed.client).or_default();
        client.connected = Some(deed.clone());
        let session = session(self.stage(), self.tickets(), deed.clone());
        let session = tokio::task::spawn_local(session);
        self.sessions.insert(deed.client, session);
    }

    fn disconnect(&mut self, client: u8) {
        let mut inner = self.stage.lock();
        inner.clients.entry(client).or_default().connected = None;
        inner.gone(client);
        if let Some(session) = self.sessions.remove(&client) {
            session.abort();
        }
    }

    fn cancel(&self, ticket: TicketId, keep: bool) {
        let (stage, tickets) = (self.stage(), self.tickets());
        let mode = if keep {
            CancelMode::Stop
        } else {
            CancelMode::Void
        };
        tokio::task::spawn_local(async move {
            let answer = tickets.cancel(ticket, mode, "somebody".to_owned()).await;
            let mut inner = stage.lock();
            inner.asked(ticket, "cancel", &answer);
            if answer.is_ok() {
                inner.fired.count("cancelled");
                inner.check_was(ticket, StateName::Cancelled);
            }
        });
    }

    fn acknowledge(&self, ticket: TicketId) {
        let (stage, tickets) = (self.stage(), self.tickets());
        tokio::task::spawn_local(async move {
            acknowledge(&stage, &tickets, ticket, Channel::Fetch).await;
        });
    }

    fn fork(&self, inner: &Inner, ticket: TicketId) {
        let Some(request) = inner.oracle.record(ticket).and_then(Record::request) else {
            return;
        };
        let spec = ForkSpec::again(request.tenant.clone(), "planner".to_owned());
        let (stage, forks) = (self.stage(), Forks::new(self.tickets()));
        tokio::task::spawn_local(async move {
            let forked = forks.fork(ticket, spec).await;
            stage.lock().forked(ticket, forked);
        });
    }

    fn look(&self, ticket: TicketId) {
        let (stage, tickets) = (self.stage(), self.tickets());
        tokio::task::spawn_local(async move {
            // A store that cannot be read is no answer at all.
            if let Ok(news) = tickets.look(ticket).await {
                let answer = news.ok_or(punchcard_actors::tickets::TicketError::NotFound);
                stage.lock().asked(ticket, "look", &answer);
            }
        });
    }
}

impl Inner {
    /// Promises 1 and 12: a fork that was accepted exists, and is one.
    fn forked(&mut self, parent: TicketId, outcome: Result<Issued, ForkError>) {
        let issued = match outcome {
            Ok(issued) => issued,
            Err(error) => {
                self.fired.count(match error {
                    ForkError::NotPrepared => "fork: refused, not prepared",
                    _ => "fork: refused",
                });
                return self.note(format_args!("planner: {error}"));
            }
        };
        self.fired.count("fork: accepted");
        let name = self.oracle.name(issued.ticket);
        self.note(format_args!("planner: has {name}"));
        self.issuers.accepted.push(issued.ticket);
        let stored = self.oracle.record(issued.ticket).and_then(Record::request);
        let kept = stored.and_then(|stored| stored.fork.as_ref());
        if kept.is_none_or(|fork| fork.parent != parent) {
            self.violate(
                "12 forks",
                format_args!("{name} is not the fork that was accepted"),
            );
        }
    }

    /// The ticket that a plan calls by this number.
    fn numbered(&self, number: usize) -> Option<TicketId> {
        let accepted = &self.issuers.accepted;
        accepted.get(number % accepted.len().max(1)).copied()
    }
}
