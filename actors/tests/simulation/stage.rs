//! What outlives a crash: the store's memory, the fakes' scripts and ledgers, the clients, the
//! oracle and the trace. The runtime under test comes and goes; this stays.
//!
//! Everything runs on one thread, so the lock is never waited for; it is here because the ports ask
//! for `Send`. It is never held over an await.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use punchcard_actors::testing::clock::START;
use punchcard_actors::testing::memory_store::MemoryStore;
use punchcard_actors::testing::tasks::PlainTasks;
use punchcard_events::Timestamp;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::chance::Chance;
use crate::client::Client;
use crate::issuer::Issuers;
use crate::mutant::Mutant;
use crate::oracle::Oracle;
use crate::plan::{CallbackScript, ModelScript, Plan, Setup, StoreFault};
use crate::trace::Trace;
use crate::world;

/// The most events a history may have. More is a runtime that goes round in circles.
const MOST_EVENTS: usize = 5_000;

/// What outlives a crash.
pub(crate) struct Stage {
    pub(crate) setup: Setup,
    pub(crate) mutant: Option<Mutant>,
    pub(crate) tasks: PlainTasks,
    /// Whether a ticket may come to its deadline, and whether it may fail at all.
    pub(crate) may_be_late: bool,
    pub(crate) may_fail: bool,
    /// Whether the issuers fetch in the end what nobody has taken.
    pub(crate) fetches: bool,
    inner: Mutex<Inner>,
    death: Notify,
}

/// What is behind the lock.
pub(crate) struct Inner {
    pub(crate) chance: Chance,
    pub(crate) time: Time,
    pub(crate) ids: u64,
    pub(crate) memory: MemoryStore,
    pub(crate) scripts: Scripts,
    pub(crate) oracle: Oracle,
    pub(crate) issuers: Issuers,
    pub(crate) clients: BTreeMap<u8, Client>,
    pub(crate) trace: Trace,
    pub(crate) fired: Fired,
    pub(crate) violations: Vec<Violation>,
    /// Another node has written since the process began.
    pub(crate) foreign: bool,
    /// The store or the clock was at fault since the process began.
    pub(crate) disturbed: bool,
    /// Model calls and callbacks that run now.
    pub(crate) in_flight: u64,
    /// The process is dead: nothing that is still polled reaches the world.
    pub(crate) dead: bool,
}

/// Time, of the kind that passes and the kind that jumps.
#[derive(Debug, Default)]
pub(crate) struct Time {
    /// What had passed when the present life began.
    before: Duration,
    begun: Option<Instant>,
    /// By how much the time of day has jumped, in milliseconds.
    jumped: i64,
}

/// What the fakes do next. Empty means that all goes well.
#[derive(Debug, Default)]
pub(crate) struct Scripts {
    pub(crate) store: Vec<(StoreFault, Option<String>)>,
    pub(crate) store_down_until: Duration,
    pub(crate) reads_down_until: Duration,
    pub(crate) model: VecDeque<ModelScript>,
    pub(crate) pre_process: VecDeque<CallbackScript>,
    pub(crate) post_process: VecDeque<CallbackScript>,
}

/// How often each fault, and each thing worth counting, happened.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fired(pub(crate) BTreeMap<&'static str, u64>);

/// A promise that was not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Which one; the numbers are those of the list in `oracle.rs`.
    pub(crate) promise: &'static str,
    pub(crate) what: String,
}

impl Time {
    /// A life begins; to be called within its runtime.
    pub(crate) fn begin(&mut self) {
        self.before = self.passed();
        self.begun = Some(Instant::now());
    }

    /// A life has ended; to be called within its runtime.
    pub(crate) fn end(&mut self) {
        self.before = self.passed();
        self.begun = None;
    }

    /// What has passed since the history began.
    pub(crate) fn passed(&self) -> Duration {
        self.before + self.begun.map_or(Duration::ZERO, |begun| begun.elapsed())
    }

    /// The time of day.
    pub(crate) fn now(&self) -> Timestamp {
        let passed = START.plus(self.passed()).as_millis();
        Timestamp::from_millis(passed.saturating_add_signed(self.jumped))
    }

    pub(crate) const fn jump(&mut self, by_ms: i64) {
        self.jumped = self.jumped.saturating_add(by_ms);
    }
}

impl Fired {
    pub(crate) fn count(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (what, count) in &other.0 {
            *self.0.entry(what).or_default() += count;
        }
    }

    pub(crate) fn of(&self, what: &str) -> u64 {
        self.0.get(what).copied().unwrap_or(0)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] {}", self.promise, self.what)
    }
}

impl Stage {
    pub(crate) fn new(plan: &Plan, mutant: Option<Mutant>, recorded: bool) -> Arc<Self> {
        let inner = Inner {
            chance: Chance::of(plan.seed ^ 0x5157_EED5),
            time: Time::default(),
            ids: 0,
            memory: MemoryStore::new(),
            scripts: Scripts::default(),
            oracle: Oracle::default(),
            issuers: Issuers::default(),
            clients: BTreeMap::new(),
            trace: Trace::new(recorded),
            fired: Fired::default(),
            violations: vec![],
            foreign: false,
            disturbed: false,
            in_flight: 0,
            dead: false,
        };
        Arc::new(Self {
            setup: plan.setup.clone(),
            mutant,
            tasks: world::tasks(),
            may_be_late: plan.may_hold_up(),
            may_fail: !plan.is_harmless(),
            fetches: !plan.seed.is_multiple_of(3),
            inner: Mutex::new(inner),
            death: Notify::new(),
        })
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process dies here: the caller never gets any further.
    pub(crate) async fn die<T>(&self, of: &'static str) -> T {
        {
            let mut inner = self.lock();
            if !inner.dead {
                inner.dead = true;
                inner.fired.count(of);
                inner.note(format_args!("the process dies: {of}"));
            }
        }
        self.death.notify_one();
        std::future::pending().await
    }

    /// Holds up for ever whoever is still polled in a process that is dead.
    pub(crate) async fn live(&self) {
        if self.lock().dead {
            std::future::pending().await
        }
    }

    /// Waits for the process to die.
    pub(crate) async fn death(&self) {
        self.death.notified().await;
    }

    /// Whether there are so many events that something must be going round in circles.
    pub(crate) fn overflows(&self) -> bool {
        let mut inner = self.lock();
        let events = inner.oracle.events();
        if events > MOST_EVENTS {
            inner.violate("9 bounded", format_args!("{events} events, and no end"));
        }
        events > MOST_EVENTS
    }
}

impl Inner {
    /// Writes a line of the trace.
    pub(crate) fn note(&mut self, line: fmt::Arguments<'_>) {
        self.trace.line(self.time.passed(), line);
    }

    /// Records that a promise was not kept.
    pub(crate) fn violate(&mut self, promise: &'static str, what: fmt::Arguments<'_>) {
        self.note(format_args!("VIOLATION [{promise}] {what}"));
        self.violations.push(Violation {
            promise,
            what: what.to_string(),
        });
    }

    /// Records what an examination found, if it did.
    pub(crate) fn report(&mut self, found: Result<(), Violation>) {
        if let Err(violation) = found {
            self.violate(violation.promise, format_args!("{}", violation.what));
        }
    }

    /// No more faults: what is left of the history is about coming to rest.
    pub(crate) fn calm(&mut self) {
        self.scripts = Scripts::default();
    }
}
