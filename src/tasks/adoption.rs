//! Configured prompts are taken over into the event store, once.
//!
//! A prompt in the configuration is version 1 in production of a task that has no prompt yet. From
//! then on the store's is the one that counts, and planners change it; a configured text that is
//! none of its versions is pointed out at every start, and otherwise left alone.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use punchcard_actors::prompts::{PromptError, Prompts};
use punchcard_events::prompt::{Author, Command, Content};
use punchcard_events::{TaskName, TenantId};

use crate::config::Config;

/// How many are taken over at a time: they share the store's commits.
const AT_A_TIME: usize = 32;

/// Takes over every configured prompt whose task has none in the store.
///
/// # Errors
/// When the store takes or gives nothing now.
pub async fn adopt(config: &Config, prompts: &Prompts) -> Result<(), PromptError> {
    let configured = config.tenants.iter().flat_map(|(tenant, of_tenant)| {
        let tasks = of_tenant.tasks.iter();
        tasks.filter_map(move |(name, task)| Some((tenant, name, task.content()?)))
    });
    stream::iter(configured)
        .map(|(tenant, task, content)| adopt_one(prompts, tenant, task, content))
        .buffer_unordered(AT_A_TIME)
        .try_collect()
        .await
}

async fn adopt_one(
    prompts: &Prompts,
    tenant: &TenantId,
    task: &TaskName,
    content: Content,
) -> Result<(), PromptError> {
    if prompts.book().knows(tenant, task) {
        point_out(prompts, tenant, task, &content);
        return Ok(());
    }
    let adopt = Command::Adopt {
        content: content.into(),
        act: prompts.act(Author::Configuration),
    };
    match prompts.execute(tenant, task, adopt).await {
        Ok(_) => {
            tracing::info!(%tenant, %task, "the configured prompt is taken over as version 1");
            Ok(())
        }
        // Another node, or a planner, was faster.
        Err(PromptError::Rejected(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Says that a configured text is not used. One that is out of service has been logged.
fn point_out(prompts: &Prompts, tenant: &TenantId, task: &TaskName, content: &Content) {
    let Some(summary) = prompts.book().summary(tenant, task) else {
        return;
    };
    let hash = content.hash();
    if !summary.versions.iter().any(|version| version.hash == hash) {
        tracing::warn!(
            %tenant,
            %task,
            "the prompt in the configuration is not used: the one in the store counts; to change it, \
             edit, publish and deploy it with `punchcard prompt`, and to end this warning, leave \
             model and messages out of the task's configuration"
        );
    }
}
