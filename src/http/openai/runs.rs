//! What a request's `model` stands for: a task of the tenant, or a model by its own name.

use punchcard_actors::ports::Asked;
use punchcard_events::ticket::{Conversation, Parameters};
use punchcard_events::{TaskName, TenantId};

use super::problems::no_such_model;
use crate::http::dispatch::Call;
use crate::http::errors::Problem;

/// The task that tickets without a prompt are counted under. It can be no prompt's name.
pub(in crate::http) const RAW_TASK: &str = "chat";

/// What is run.
pub(super) struct Runs {
    /// The task.
    pub(super) task: TaskName,
    /// The model to ask without a prompt, where that is asked for.
    pub(super) raw_model: Option<String>,
}

/// What `model` stands for. A task in production comes before a model of the same name: its prompt is
/// what the tenant's planners want.
pub(super) fn what_runs(call: &Call, model: &str) -> Result<Runs, Problem> {
    let (tenant, tickets) = (&call.caller.tenant, &call.api.tickets);
    let task = TaskName::new(model)
        .ok()
        .filter(|task| task.as_str() != RAW_TASK);
    let served = task
        .as_ref()
        .is_some_and(|task| tickets.is_served(Asked::in_production(tenant, task)));
    if !served && tickets.limits(tenant).raw_models.contains(model) {
        return Ok(Runs {
            task: raw_task()?,
            raw_model: Some(model.to_owned()),
        });
    }
    // One that is not in production is refused at its issue, with the reason.
    let task = task.ok_or_else(no_such_model)?;
    Ok(Runs {
        task,
        raw_model: None,
    })
}

/// The models that `tenant` may ask by their own names and that there are.
pub(super) fn raw_models(call: &Call, tenant: &TenantId) -> Result<Vec<String>, Problem> {
    let (tickets, task) = (&call.api.tickets, raw_task()?);
    let limits = tickets.limits(tenant);
    let names = limits.raw_models.iter().filter(|name| {
        let conversation = Conversation {
            messages: vec![],
            model: Some((*name).clone()),
            parameters: Parameters::default(),
        };
        tickets.is_served(Asked {
            conversation: Some(&conversation),
            ..Asked::in_production(tenant, &task)
        })
    });
    Ok(names.cloned().collect())
}

fn raw_task() -> Result<TaskName, Problem> {
    TaskName::new(RAW_TASK).map_err(|error| Problem::internal(error.to_string()))
}
