//! Prompts as they travel from one place to another: out of here as an export, and back in as an
//! import ([`import`](super::import)).

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::HttpResponse;
use punchcard_actors::prompts::{ContentName, PromptError};
use punchcard_events::prompt::{Content, PromptState, TestCase};
use punchcard_events::{PartialName, TaskName};
use serde::{Deserialize, Serialize};

use super::params::{Params, REFERENCE};
use crate::http::dispatch::Call;
use crate::http::errors::{Code, Problem};

/// One prompt: its content and, where it has one, its test set.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bundle {
    pub(super) task: TaskName,
    /// Of a version with its partials written in, of a draft without.
    pub(super) content: Arc<Content>,
    /// `None`: nothing is said of it, and an import leaves it as it is.
    #[serde(default)]
    pub(super) test_set: Option<Vec<TestCase>>,
}

/// Prompts, and the partials that their drafts include.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Bundles {
    pub(super) prompts: Vec<Bundle>,
    #[serde(default)]
    pub(super) partials: BTreeMap<PartialName, String>,
}

/// `GET /v1/prompts/export`
pub(super) async fn export(call: Call) -> Result<HttpResponse, Problem> {
    let params = Params::with_lists(call.request.query_string(), &["ref"], &["task"])?;
    let name: Option<ContentName> = params.get("ref", REFERENCE)?;
    let name =
        name.unwrap_or_else(|| ContentName::Label(punchcard_events::LabelName::production()));
    let mut tasks: Vec<TaskName> = params.all("task", "Use a task's name.")?;
    tasks.sort_unstable();
    tasks.dedup();
    let exported = if tasks.is_empty() {
        all(&call, &name).await?
    } else {
        named(&call, &name, tasks).await?
    };
    Ok(HttpResponse::Ok().json(exported.bundles))
}

/// What has been collected, and how large it is.
struct Export {
    bundles: Bundles,
    bytes: usize,
    limit: usize,
}

/// The prompts of these tasks. All of them have what is asked for, or nothing is exported.
async fn named(call: &Call, name: &ContentName, tasks: Vec<TaskName>) -> Result<Export, Problem> {
    let mut export = Export::begin(call);
    for task in tasks {
        let state = call.api.prompts.state(&call.caller.tenant, &task).await?;
        let state = state.ok_or_else(|| PromptError::NoSuchPrompt(task.clone()))?;
        if !export.add(call, &task, &state, name).await? {
            let name = name.clone();
            return Err(PromptError::NoSuchContent { task, name }.into());
        }
    }
    Ok(export)
}

/// Every prompt of the tenant that has what is asked for.
async fn all(call: &Call, name: &ContentName) -> Result<Export, Problem> {
    const PAGE: usize = 200;
    let mut export = Export::begin(call);
    let (tenant, prompts) = (&call.caller.tenant, &call.api.prompts);
    let mut after: Option<TaskName> = None;
    loop {
        let page = prompts.book().list(tenant, after.as_ref(), PAGE);
        for (task, _) in &page {
            if let Some(state) = prompts.state(tenant, task).await? {
                export.add(call, task, &state, name).await?;
            }
        }
        if page.len() < PAGE {
            return Ok(export);
        }
        after = page.last().map(|(task, _)| task.clone());
    }
}

impl Export {
    fn begin(call: &Call) -> Self {
        Self {
            bundles: Bundles::default(),
            bytes: 0,
            limit: call.api.options.max_import_bytes,
        }
    }

    /// Adds the content of this name, if the prompt has it.
    async fn add(
        &mut self,
        call: &Call,
        task: &TaskName,
        state: &PromptState,
        name: &ContentName,
    ) -> Result<bool, Problem> {
        let version = match name {
            ContentName::Draft => None,
            ContentName::Version(number) => Some(*number),
            ContentName::Label(label) => state.labelled(label),
        };
        let version = version.and_then(|number| state.version(number));
        let content = match (name, &state.draft) {
            (ContentName::Draft, Some(draft)) => {
                self.include_partials(call, task, &draft.content).await?;
                Some(&draft.content)
            }
            (ContentName::Draft, None) => None,
            (ContentName::Version(_) | ContentName::Label(_), _) => {
                version.map(|version| &version.content)
            }
        };
        let Some(content) = content else {
            return Ok(false);
        };
        let cases = state.test_set.as_ref().map(|set| set.cases.clone());
        let bundle = Bundle {
            task: task.clone(),
            content: Arc::clone(content),
            test_set: cases,
        };
        self.count(&bundle)?;
        self.bundles.prompts.push(bundle);
        Ok(true)
    }

    /// A draft does not hold the partials that it includes.
    async fn include_partials(
        &mut self,
        call: &Call,
        task: &TaskName,
        content: &Content,
    ) -> Result<(), Problem> {
        let checked = call
            .api
            .prompts
            .check(&call.caller.tenant, task, content)
            .await?;
        let included = checked.content.partials.iter();
        let included = included.map(|(name, text)| (name.clone(), text.clone()));
        self.bundles.partials.extend(included);
        Ok(())
    }

    /// What is exported can be imported, so both have one limit.
    fn count(&mut self, bundle: &Bundle) -> Result<(), Problem> {
        let bytes = serde_json::to_vec(bundle)?.len();
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes <= self.limit {
            return Ok(());
        }
        let detail = format!("The export would have more than {} bytes.", self.limit);
        Err(Problem::new(Code::TooLong, detail)
            .remedy("Name the prompts with `task=…`, and export them in several parts."))
    }
}
