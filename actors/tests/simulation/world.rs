//! The world of one life of the process: the ports over the stage, the tasks and the options.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use punchcard_actors::admission::AdmissionOptions;
use punchcard_actors::callbacks::CallbackOptions;
use punchcard_actors::guards::{
    AdaptiveOptions, BreakerOptions, BudgetOptions, Concurrency, GuardOptions, RampOptions,
};
use punchcard_actors::llm::LlmOptions;
use punchcard_actors::ports::Ports;
use punchcard_actors::runtime::RuntimeOptions;
use punchcard_actors::testing::tasks::{PlainTask, PlainTasks};
use punchcard_events::retry::RetryPolicy;
use punchcard_events::{TaskName, TenantId, UserId};

use crate::callbacks::SimCallbacks;
use crate::clock::SimClock;
use crate::model::SimModel;
use crate::plan::{Guards, Setup, Task};
use crate::stage::Stage;
use crate::store::SimStore;

/// Short, since a second of a history costs whether or not anything happens in it.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_secs(30);
pub(crate) const PERSIST_WITHIN: Duration = Duration::from_secs(50);
pub(crate) const DELIVER_WITHIN: Duration = Duration::from_secs(70);
pub(crate) const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// The model that is asked where another does not answer.
pub(crate) const SPARE: &str = "spare";

/// What an answer must not contain.
pub(crate) const MISFIT: &str = "MISFIT";

const RETRY: RetryPolicy = RetryPolicy {
    max_tries: 4,
    initial_delay_ms: 200,
    max_delay_ms: 2_000,
};

/// The ports of one life.
pub(crate) fn ports(stage: &Arc<Stage>) -> Ports {
    Ports {
        store: Arc::new(SimStore(Arc::clone(stage))),
        index: Arc::new(SimStore(Arc::clone(stage))),
        model: Arc::new(SimModel(Arc::clone(stage))),
        callbacks: Arc::new(SimCallbacks(Arc::clone(stage))),
        tasks: Arc::new(stage.tasks.clone()),
        limits: Arc::new(punchcard_actors::ports::Unlimited),
        clock: Arc::new(SimClock(Arc::clone(stage))),
    }
}

/// The options of one life.
pub(crate) fn options(setup: &Setup) -> RuntimeOptions {
    RuntimeOptions {
        arbiters: count(setup.shards),
        admission: AdmissionOptions::of(setup.max_active),
        passivate_after: Duration::from_millis(setup.passivate_after_ms),
        text_interval: Duration::from_millis(20),
        sweep_interval: SWEEP_EVERY,
        store_patience: Duration::from_secs(3),
        llm: LlmOptions {
            max_concurrency: match setup.guards {
                Guards::Usual => HashMap::new(),
                Guards::Tight => HashMap::from([("large".to_owned(), Concurrency::Adaptive)]),
            },
            default_max_concurrency: setup.model_permits,
            guard: guard(setup.guards),
        },
        callbacks: CallbackOptions {
            max_concurrency: HashMap::new(),
            default_max_concurrency: Concurrency::fixed(setup.callback_permits),
            guard: guard(setup.guards),
        },
    }
}

fn guard(guards: Guards) -> GuardOptions {
    let usual = GuardOptions::default();
    match guards {
        Guards::Usual => usual,
        Guards::Tight => GuardOptions {
            breaker: BreakerOptions {
                window: Duration::from_secs(4),
                window_calls: count(4),
                min_calls: count(2),
                failure_ratio: 0.5,
                open_for: Duration::from_millis(400),
                max_open_for: Duration::from_secs(3),
                probes: count(1),
            },
            budget: BudgetOptions {
                ratio: 0.1,
                floor: 0.5,
                window: Duration::from_secs(2),
            },
            rate: Some(20.0),
            ramp: RampOptions {
                from: 2.0,
                over: Duration::from_secs(2),
            },
            adaptive: AdaptiveOptions {
                min: count(1),
                max: count(4),
            },
            max_pause: Duration::from_secs(4),
            ..usual
        },
    }
}

fn count(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN)
}

/// The tasks there are.
pub(crate) fn tasks() -> PlainTasks {
    let tasks = PlainTasks::new();
    for task in [
        Task::Plain,
        Task::Before,
        Task::After,
        Task::Both,
        Task::Broken,
    ] {
        tasks.set(&task_name(task), plain(task));
    }
    tasks
}

fn plain(task: Task) -> PlainTask {
    PlainTask {
        pre_process: matches!(task, Task::Before | Task::Both),
        post_process: matches!(task, Task::After | Task::Both),
        model_retry: RETRY,
        callback_retry: RETRY,
        answer_within: ANSWER_WITHIN,
        persist_within: PERSIST_WITHIN,
        deliver_within: DELIVER_WITHIN,
        fallback_models: match task {
            Task::Both => vec![SPARE.to_owned()],
            Task::Plain | Task::Before | Task::After | Task::Broken => vec![],
        },
        model: if task == Task::Both { "large" } else { "small" }.to_owned(),
        check: Arc::new(|content| match content.contains(MISFIT) {
            true => Err("it does not fit".to_owned()),
            false => Ok(()),
        }),
        broken_prompt: task == Task::Broken,
        ..PlainTask::default()
    }
}

/// The name of a task.
pub(crate) fn task_name(task: Task) -> TaskName {
    let name = match task {
        Task::Plain => "plain",
        Task::Before => "before",
        Task::After => "after",
        Task::Both => "both",
        Task::Broken => "broken",
    };
    TaskName::new(name).expect("a valid task name")
}

/// The name of a tenant.
pub(crate) fn tenant(number: u8) -> TenantId {
    TenantId::new(&format!("tenant-{number}")).expect("a valid tenant")
}

/// The name of a user. Two tenants may have users of the same name.
pub(crate) fn user(number: u8) -> UserId {
    UserId::new(&format!("user-{number}")).expect("a valid user")
}
