//! Configured prompts are taken over into the event store, once.
//!
//! A prompt in the configuration is version 1 in production of a task that has no prompt yet. From
//! then on the store's is the one that counts, and planners change it; a configured text that is
//! none of its versions is pointed out at every start, and otherwise left alone.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use punchcard_actors::prompts::{PromptError, Prompts};
use punchcard_events::prompt::{Author, Command, Content, PromptSummary, Rejection};
use punchcard_events::{TaskName, TenantId};

use crate::config::Config;

/// How many are taken over at a time: they share the store's commits.
const AT_A_TIME: usize = 32;

/// A configured prompt could not be taken over.
#[derive(Debug, thiserror::Error)]
#[error("the configured prompt of task `{task}` of tenant `{tenant}` cannot be taken over: {source}{remedy}", remedy = advice(.source))]
pub struct AdoptError {
    tenant: TenantId,
    task: TaskName,
    source: PromptError,
}

fn advice(error: &PromptError) -> String {
    match error {
        PromptError::Rejected(rejection) => format!(". {}", rejection.remedy()),
        _ => String::new(),
    }
}

/// Takes over every configured prompt whose task has none in the store.
///
/// # Errors
/// When one breaks a limit of prompts, or the store takes or gives nothing now.
pub async fn adopt(config: &Config, prompts: &Prompts) -> Result<(), AdoptError> {
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
) -> Result<(), AdoptError> {
    if prompts.book().knows(tenant, task) {
        point_out(prompts, tenant, task, &content);
        return Ok(());
    }
    let adopt = Command::Adopt {
        content: content.clone().into(),
        act: prompts.act(Author::Configuration),
    };
    match prompts.execute(tenant, task, adopt).await {
        Ok(_) => {
            tracing::info!(%tenant, %task, "the configured prompt is taken over as version 1");
            Ok(())
        }
        // A planner was faster, at another node.
        Err(PromptError::Rejected(Rejection::NotEmpty)) => {
            point_out(prompts, tenant, task, &content);
            Ok(())
        }
        Err(source) => Err(AdoptError {
            tenant: tenant.clone(),
            task: task.clone(),
            source,
        }),
    }
}

/// Why a configured text is not what tickets run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unused {
    /// The store's prompt is in production instead.
    Replaced,
    /// Planners began the prompt before it was configured, and have put nothing into production:
    /// tickets are refused.
    NothingInProduction,
}

fn unused(summary: &PromptSummary, content: &Content) -> Option<Unused> {
    let hash = content.hash();
    if summary.production().is_none() {
        return Some(Unused::NothingInProduction);
    }
    let is_version = summary.versions.iter().any(|version| version.hash == hash);
    (!is_version).then_some(Unused::Replaced)
}

/// Says that a configured text is not used. One that is out of service has been logged.
fn point_out(prompts: &Prompts, tenant: &TenantId, task: &TaskName, content: &Content) {
    let Some(summary) = prompts.book().summary(tenant, task) else {
        return;
    };
    match unused(&summary, content) {
        None => {}
        Some(Unused::Replaced) => tracing::warn!(
            %tenant,
            %task,
            "the prompt in the configuration is not used: the one in the store counts; to change it, \
             edit, publish and deploy it with `punchcard prompt`, and to end this warning, leave \
             model and messages out of the task's configuration"
        ),
        Some(Unused::NothingInProduction) => tracing::warn!(
            %tenant,
            %task,
            "the prompt in the configuration is not used, because planners have begun this task's \
             prompt; nothing of it is in production, so tickets are refused: publish and deploy a \
             version with `punchcard prompt`, and leave model and messages out of the task's \
             configuration"
        ),
    }
}

#[cfg(test)]
mod tests {
    use punchcard_actors::testing::clock::START;
    use punchcard_actors::testing::prompts::{act, content};
    use punchcard_events::Revision;
    use punchcard_events::prompt::{PromptState, decide};

    use super::*;

    fn after(commands: impl IntoIterator<Item = Command>) -> PromptSummary {
        let (mut state, mut summary) = (PromptState::default(), PromptSummary::default());
        let mut revisions = (0..).map(Revision);
        for command in commands {
            for event in decide(&state, command).unwrap() {
                state = punchcard_events::prompt::evolve(state, &event);
                summary.apply(&event, revisions.next().unwrap());
            }
        }
        summary
    }

    fn act_now() -> punchcard_events::prompt::Act {
        act("mina", START)
    }

    #[test]
    fn a_configured_text_that_no_ticket_runs_is_pointed_out_with_what_tickets_run_instead() {
        let adopted = || Command::Adopt {
            content: content("one"),
            act: act_now(),
        };
        let drafted = Command::SaveDraft {
            expected_edit: None,
            based_on: None,
            content: content("one"),
            act: act_now(),
        };
        assert_eq!(unused(&after([adopted()]), &content("one")), None);
        let replaced = unused(&after([adopted()]), &content("two"));
        assert_eq!(replaced, Some(Unused::Replaced));
        let begun = unused(&after([drafted]), &content("one"));
        assert_eq!(begun, Some(Unused::NothingInProduction));
    }
}
