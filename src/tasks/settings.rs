//! What is said about tasks besides their prompts: by the configuration, and for hooks by the directory
//! of tenants, which is what counts.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use punchcard_actors::ports::Lane;
use punchcard_actors::tenants::Directory;
use punchcard_events::prompt::Content;
use punchcard_events::tenant::Hooks;
use punchcard_events::ticket::{Deadlines, Terms};
use punchcard_events::{TaskName, TenantId, Timestamp};

use crate::config::{Config, Task};
use crate::prompts::Limits;

/// Every tenant's settings.
#[derive(Debug)]
pub(super) struct Settings {
    tenants: HashMap<TenantId, HashMap<TaskName, Arc<Task>>>,
    /// Those of a task that only planners know.
    inherited: Arc<Task>,
    models: HashSet<String>,
    directory: Directory,
}

/// The settings of one task.
#[derive(Debug, Clone)]
pub(super) struct TaskSettings {
    task: Arc<Task>,
    /// What the tenant's API is called for.
    hooks: Hooks,
    /// Whether the configuration knows the task.
    pub(super) configured: bool,
}

impl Settings {
    pub(super) fn new(config: &Config, directory: Directory) -> Self {
        let tenants = config.tenants.iter().map(|(id, tenant)| {
            let tasks = tenant.tasks.iter();
            let tasks = tasks.map(|(name, task)| (name.clone(), Arc::new(task.clone())));
            (id.clone(), tasks.collect())
        });
        Self {
            tenants: tenants.collect(),
            inherited: Arc::new(config.defaults.task.clone()),
            models: config.models.keys().cloned().collect(),
            directory,
        }
    }

    /// Whether there is a model of this name.
    pub(super) fn has_model(&self, name: &str) -> bool {
        self.models.contains(name)
    }

    /// The settings of a task, whether the configuration knows it or not; `None` where there is no such
    /// tenant.
    pub(super) fn of(&self, tenant: &TenantId, task: &TaskName) -> Option<TaskSettings> {
        let state = self.directory.tenant(tenant)?;
        let configured = self.tenants.get(tenant);
        let own = configured.and_then(|tasks| tasks.get(task));
        Some(TaskSettings {
            configured: own.is_some(),
            hooks: state.hooks.get(task).cloned().unwrap_or_default(),
            task: Arc::clone(own.unwrap_or(&self.inherited)),
        })
    }
}

impl Settings {
    /// Those of a task that only planners know, whoever's.
    pub(super) fn inherited(&self) -> TaskSettings {
        TaskSettings {
            task: Arc::clone(&self.inherited),
            hooks: Hooks::default(),
            configured: false,
        }
    }
}

impl TaskSettings {
    /// The sizes that the task's prompts and answers may have.
    pub(super) fn limits(&self) -> Limits {
        Limits {
            max_prompt_bytes: self.task.max_prompt_bytes,
            max_answer_bytes: self.task.max_answer_bytes,
        }
    }

    /// The most bytes of an input.
    pub(super) fn max_input_bytes(&self) -> usize {
        self.task.max_input_bytes.get()
    }

    /// Whether the tenant's API prepares the input.
    pub(super) fn has_pre_process(&self) -> bool {
        self.hooks.pre_process.is_some()
    }

    /// Where the tickets of this prompt wait.
    pub(super) fn lane(&self, content: &Content) -> Lane {
        let limits = &self.task.ticket;
        // The other half is for the call itself and its retries.
        let max_wait = limits.max_queue_wait.unwrap_or(limits.answer_within / 2);
        // A planner may choose a fallback as the prompt's own model; it has its turn then, and no
        // other.
        let fallbacks = self.task.fallback_models.iter();
        let others = fallbacks.filter(|model| **model != content.model);
        Lane {
            models: std::iter::once(&content.model)
                .chain(others)
                .cloned()
                .collect(),
            max_wait,
        }
    }

    /// The terms of a ticket that is accepted now.
    pub(super) fn terms(&self, content: &Content, now: Timestamp) -> Terms {
        let limits = &self.task.ticket;
        Terms {
            pre_process: self.hooks.pre_process.is_some(),
            post_process: self.hooks.post_process.is_some(),
            answer_format: content.answer,
            model_retry: self.task.retry.model.policy(),
            callback_retry: self.task.retry.callback.policy(),
            deadlines: Deadlines {
                answer_by: now.plus(limits.answer_within),
                persist_by: now.plus(limits.persist_within),
                deliver_by: now.plus(limits.deliver_within),
            },
            fallback_models: self.task.fallback_models.clone(),
        }
    }
}
