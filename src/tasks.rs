//! Tasks and prompts from the configuration: the [`TaskBook`] that tickets read.
//!
//! Everything is parsed and compiled when the book is made; [`TaskBook::accept`] and
//! [`TaskBook::prepare`] only look up, check and render. There are no versions or labels here: a
//! prompt in the configuration has only its present text.

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use punchcard_actors::ports::{Asked, InputRefusal, Lane, PrepareError, Prepared, TaskBook};
use punchcard_events::ticket::{PromptRef, Terms};
use punchcard_events::{TaskName, TenantId, Timestamp};
use serde_json::Value;

use crate::config::{Config, ConfigErrors, Task};

mod compiled;
mod size;
#[cfg(test)]
mod tests;

use compiled::CompiledTask;
pub(crate) use compiled::Flaw;

/// Every tenant's tasks. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ConfiguredTasks {
    tenants: Arc<HashMap<TenantId, HashMap<TaskName, CompiledTask>>>,
}

impl ConfiguredTasks {
    /// Compiles every task of `config`.
    ///
    /// # Errors
    /// With what is wrong with the tasks; never for a configuration that was loaded, because
    /// loading checks the same.
    pub fn new(config: &Config) -> Result<Self, ConfigErrors> {
        let mut tenants = HashMap::with_capacity(config.tenants.len());
        let mut errors = Vec::new();
        for (id, tenant) in &config.tenants {
            let mut tasks = HashMap::with_capacity(tenant.tasks.len());
            for (name, task) in &tenant.tasks {
                match CompiledTask::compile(task) {
                    Ok(task) => {
                        tasks.insert(name.clone(), task);
                    }
                    Err(flaws) => errors.extend(config.task_mistakes(id, name, flaws)),
                }
            }
            tenants.insert(id.clone(), tasks);
        }
        if !errors.is_empty() {
            return Err(ConfigErrors(errors));
        }
        let tenants = Arc::new(tenants);
        Ok(Self { tenants })
    }

    fn find(&self, tenant: &TenantId, task: &TaskName) -> Option<&CompiledTask> {
        self.tenants.get(tenant)?.get(task)
    }
}

/// What makes `task` unusable, if anything.
pub(crate) fn flaws(task: &Task) -> Vec<Flaw> {
    CompiledTask::compile(task).err().unwrap_or_default()
}

#[async_trait]
impl TaskBook for ConfiguredTasks {
    fn lane(&self, asked: Asked<'_>) -> Option<Lane> {
        Some(self.find(asked.tenant, asked.task)?.lane())
    }

    fn accept(
        &self,
        asked: Asked<'_>,
        input: &Value,
        now: Timestamp,
    ) -> Result<Terms, InputRefusal> {
        self.find(asked.tenant, asked.task)
            .ok_or_else(|| InputRefusal::UnknownTask(asked.task.clone()))?
            .accept(input, now)
    }

    fn prepare(
        &self,
        asked: Asked<'_>,
        _sticky: &str,
        input: &Value,
    ) -> Result<Prepared, PrepareError> {
        self.find(asked.tenant, asked.task)
            .ok_or_else(|| PrepareError::UnknownTask(asked.task.clone()))?
            .prepare(input)
    }

    async fn check_answer(
        &self,
        asked: Asked<'_>,
        _prompt: &PromptRef,
        content: &str,
    ) -> Result<(), String> {
        // A task that left the configuration has no schema an answer could break.
        match self.find(asked.tenant, asked.task) {
            Some(task) => task.check_answer(content),
            None => Ok(()),
        }
    }
}
