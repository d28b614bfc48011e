//! Where planners' texts are tried out: the template engine with the configured limits.

use std::sync::Arc;

use punchcard_actors::ports::{Finding, Judges};
use punchcard_events::prompt::{Content, TestCase};
use punchcard_events::ticket::Message;
use punchcard_events::{TaskName, TenantId};
use serde_json::Value;

use crate::http::{Unrenderable, Workbench};
use crate::tasks::Tasks;

/// The workbench of all tenants.
pub(super) struct Bench {
    tasks: Tasks,
    judges: Arc<dyn Judges>,
}

impl Bench {
    /// A workbench for these tasks, where cases are checked by those who are going to judge them.
    pub(super) const fn new(tasks: Tasks, judges: Arc<dyn Judges>) -> Self {
        Self { tasks, judges }
    }
}

impl Workbench for Bench {
    fn render(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        content: &Arc<Content>,
        input: &Value,
    ) -> Result<Vec<Message>, Unrenderable> {
        let trial = self.tasks.try_out(tenant, task, content);
        let trial = trial.map_err(|flaws| {
            let flaw = flaws.into_iter().next().map(|flaw| flaw.message);
            Unrenderable::Failed(flaw.unwrap_or_else(|| "the prompt cannot be used".to_owned()))
        })?;
        // With a hook, the input schema says what an issuer sends; here the hook's work is given.
        if !trial.prepared_by_hook {
            trial
                .prompt
                .check_input(input, false)
                .map_err(|misfit| Unrenderable::Misfit {
                    pointer: misfit.pointer,
                    reason: misfit.message,
                })?;
        }
        let messages = trial.prompt.render(input);
        Ok(messages.map_err(Unrenderable::Failed)?.to_vec())
    }

    fn check_cases(&self, cases: &[TestCase], content: Option<&Arc<Content>>) -> Vec<Finding> {
        self.judges.check(cases, content)
    }
}
