//! The real runtime over the doubles.
//!
//! [`in_paused_time`] runs a test on one thread whose tokio clock stands still while anybody has
//! something to do and jumps to the next timer when all wait. So a retry an hour away is tested in
//! no time, and a test that waits for what never comes ends at its [`World::patience`], not never.
//! A paused clock belongs to one thread: with [`World::threads`] the time is
//! real, and [`in_real_time`] is the frame.

mod running;

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use punchcard_events::{TaskName, TenantId, Timestamp, UserId};
use serde_json::json;

pub use running::TestRuntime;

use super::callbacks::RecordingCallbacks;
use super::clock::TestClock;
use super::limits::SetLimits;
use super::memory_store::MemoryStore;
use super::model::ScriptedModel;
use super::tasks::{PlainTask, PlainTasks};
use crate::admission::AdmissionOptions;
use crate::callbacks::CallbackOptions;
use crate::guards::{Concurrency, GuardOptions};
use crate::llm::LlmOptions;
use crate::ports::Clock;
use crate::runtime::{Ports, Runtime, RuntimeOptions};
use crate::tickets::Issue;

/// Everything around the runtime. Set what matters, then [`Self::start`].
#[derive(Clone)]
pub struct World {
    /// The store.
    pub store: MemoryStore,
    /// The model.
    pub model: ScriptedModel,
    /// The tenants' APIs.
    pub callbacks: RecordingCallbacks,
    /// The tasks: `review` without callbacks and `essay` with both.
    pub tasks: PlainTasks,
    /// How much each tenant may use.
    pub limits: SetLimits,
    /// The clock.
    pub clock: Arc<TestClock>,
    /// The runtime's options.
    pub options: RuntimeOptions,
    /// Whether actors run on threads of their own. The time must then be real.
    pub threads: bool,
    /// The most that anything is waited for.
    pub patience: Duration,
}

/// Runs `test` in an actix system on this thread, in time that passes only when all wait.
///
/// What is still alive when `test` ends is dropped where it stands, as in a crash.
///
/// # Panics
/// When `test` does, or there is no thread to run on.
#[expect(clippy::expect_used, reason = "a test that cannot start has failed")]
pub fn in_paused_time<T>(test: impl Future<Output = T>) -> T {
    actix::System::with_tokio_rt(|| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .expect("a tokio runtime")
    })
    .block_on(test)
}

/// Runs `test` in an actix system on this thread, in real time.
pub fn in_real_time<T>(test: impl Future<Output = T>) -> T {
    actix::System::new().block_on(test)
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

impl World {
    /// A world with an empty store. To be made within [`in_paused_time`] or [`in_real_time`].
    pub fn new() -> Self {
        Self::over(MemoryStore::new(), super::clock::START)
    }

    /// A world in which `store` has a past, from the time `now` on.
    pub fn over(store: MemoryStore, now: Timestamp) -> Self {
        let tasks = PlainTasks::new();
        tasks.set(&task("review"), PlainTask::default());
        tasks.set(&task("essay"), PlainTask::with_callbacks());
        Self {
            store,
            model: ScriptedModel::new(),
            callbacks: RecordingCallbacks::new(),
            tasks,
            limits: SetLimits::default(),
            clock: Arc::new(TestClock::starting_at(now)),
            options: options(),
            threads: false,
            patience: Duration::from_hours(6),
        }
    }

    /// The same with actors on two threads of their own, and no more patience than real time allows.
    #[must_use]
    pub fn threads(mut self) -> Self {
        self.threads = true;
        self.patience = Duration::from_secs(30);
        self
    }

    /// The ports of this world.
    pub fn ports(&self) -> Ports {
        Ports {
            store: Arc::new(self.store.clone()),
            index: Arc::new(self.store.clone()),
            model: Arc::new(self.model.clone()),
            callbacks: Arc::new(self.callbacks.clone()),
            tasks: Arc::new(self.tasks.clone()),
            limits: Arc::new(self.limits.clone()),
            clock: Arc::<TestClock>::clone(&self.clock),
        }
    }

    /// Starts the runtime.
    pub async fn start(&self) -> TestRuntime {
        self.start_over(self.ports()).await
    }

    /// Starts the runtime over `ports`, where a test brings one of its own.
    pub async fn start_over(&self, ports: Ports) -> TestRuntime {
        let options = self.options.clone();
        let runtime = if self.threads {
            Runtime::start(ports, options).await
        } else {
            Runtime::start_here(ports, options).await
        };
        TestRuntime::new(self.clone(), runtime)
    }

    /// The time now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Changes one of the tasks.
    pub fn task(&self, name: &str, change: impl FnOnce(&mut PlainTask)) {
        let mut changed = if name == "essay" {
            PlainTask::with_callbacks()
        } else {
            PlainTask::default()
        };
        change(&mut changed);
        self.tasks.set(&task(name), changed);
    }
}

/// A request to run the task of that name, for `student-1` of `onehour`.
pub fn issue(task_name: &str) -> Issue {
    Issue {
        tenant: tenant(),
        task: task(task_name),
        label: None,
        user: Some(user()),
        input: Arc::new(json!({ "essay": "My summer was long." })),
        metadata: BTreeMap::new(),
        priority: punchcard_events::ticket::Priority::Normal,
        not_before: None,
        deadline: None,
        batch: None,
        conversation: None,
        idempotency: None,
        traceparent: None,
    }
}

/// The tenant `onehour`.
///
/// # Panics
/// Never: the name is valid.
#[expect(clippy::expect_used, reason = "the name is valid")]
pub fn tenant() -> TenantId {
    TenantId::new("onehour").expect("a valid tenant")
}

/// The user `student-1`.
///
/// # Panics
/// Never: the name is valid.
#[expect(clippy::expect_used, reason = "the name is valid")]
pub fn user() -> UserId {
    UserId::new("student-1").expect("a valid user")
}

/// A task's name.
///
/// # Panics
/// When it is not a valid one.
#[expect(clippy::expect_used, reason = "a wrong name is a wrong test")]
pub fn task(name: &str) -> TaskName {
    TaskName::new(name).expect("a valid task name")
}

fn options() -> RuntimeOptions {
    RuntimeOptions {
        arbiters: NonZeroUsize::MIN.saturating_add(1),
        admission: AdmissionOptions::of(100_000),
        passivate_after: Duration::from_secs(60),
        text_interval: Duration::from_millis(50),
        sweep_interval: Duration::from_secs(60),
        store_patience: Duration::from_secs(10),
        llm: LlmOptions {
            max_concurrency: HashMap::new(),
            default_max_concurrency: 64,
            guard: GuardOptions::default(),
        },
        callbacks: CallbackOptions {
            max_concurrency: HashMap::new(),
            default_max_concurrency: Concurrency::fixed(64),
            guard: GuardOptions::default(),
        },
    }
}

/// Lets `duration` of a paused clock pass: everything due by then happens.
pub async fn time_passes(duration: Duration) {
    tokio::time::sleep(duration).await;
}
