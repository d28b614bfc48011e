//! Prompts as they travel from one place to another: out of here as an export, and back in as an
//! import ([`import`](super::import)).

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::HttpResponse;
use punchcard_actors::prompts::{ContentName, PromptError};
use punchcard_events::prompt::{Content, PromptState, TestCase};
use punchcard_events::{PartialName, TaskName};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::params::{Params, REFERENCE};
use crate::http::dispatch::Call;
use crate::http::errors::{Code, Problem};

/// One prompt: its content and, where it has one, its test set.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
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
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
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

/// What has been collected.
struct Export {
    bundles: Bundles,
    /// The tenant's partials, for drafts.
    texts: BTreeMap<PartialName, String>,
    size: Size,
}

/// How large the JSON of an export is, counted while it is collected.
#[derive(Debug)]
struct Size {
    bytes: usize,
    limit: usize,
}

/// The prompts of these tasks. All of them have what is asked for, or nothing is exported.
async fn named(call: &Call, name: &ContentName, tasks: Vec<TaskName>) -> Result<Export, Problem> {
    let mut export = Export::begin(call).await?;
    for task in tasks {
        let state = call.api.prompts.state(&call.caller.tenant, &task).await?;
        let state = state.ok_or_else(|| PromptError::NoSuchPrompt(task.clone()))?;
        if !export.add(call, &task, &state, name)? {
            let name = name.clone();
            return Err(PromptError::NoSuchContent { task, name }.into());
        }
    }
    Ok(export)
}

/// Every prompt of the tenant that has what is asked for.
async fn all(call: &Call, name: &ContentName) -> Result<Export, Problem> {
    const PAGE: usize = 200;
    let mut export = Export::begin(call).await?;
    let (tenant, prompts) = (&call.caller.tenant, &call.api.prompts);
    let mut after: Option<TaskName> = None;
    loop {
        let page = prompts.book().list(tenant, after.as_ref(), PAGE);
        for (task, _) in &page {
            if let Some(state) = prompts.state(tenant, task).await? {
                export.add(call, task, &state, name)?;
            }
        }
        if page.len() < PAGE {
            return Ok(export);
        }
        after = page.last().map(|(task, _)| task.clone());
    }
}

impl Export {
    async fn begin(call: &Call) -> Result<Self, Problem> {
        let partials = call.api.prompts.partials(&call.caller.tenant).await?;
        Ok(Self {
            bundles: Bundles::default(),
            texts: partials.texts().clone(),
            size: Size::begin(call.api.options.max_import_bytes),
        })
    }

    /// Adds the content of this name, if the prompt has it.
    fn add(
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
                self.include_partials(call, task, &draft.content)?;
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
        self.size.add_prompt(&bundle)?;
        self.bundles.prompts.push(bundle);
        Ok(true)
    }

    /// A draft does not hold the partials that it includes.
    fn include_partials(
        &mut self,
        call: &Call,
        task: &TaskName,
        content: &Content,
    ) -> Result<(), Problem> {
        let (tenant, prompts) = (&call.caller.tenant, &call.api.prompts);
        let checked = prompts.check_with(tenant, task, content, &self.texts);
        for (name, text) in &checked.content.partials {
            if !self.bundles.partials.contains_key(name) {
                self.size.add_partial(name, text)?;
                self.bundles.partials.insert(name.clone(), text.clone());
            }
        }
        Ok(())
    }
}

/// What is exported can be imported, so both have one limit.
impl Size {
    fn begin(limit: usize) -> Self {
        let bytes = r#"{"prompts":[],"partials":{}}"#.len();
        Self { bytes, limit }
    }

    fn add_prompt(&mut self, bundle: &Bundle) -> Result<(), Problem> {
        self.add(serde_json::to_vec(bundle)?.len())
    }

    fn add_partial(&mut self, name: &PartialName, text: &str) -> Result<(), Problem> {
        let (name, text) = (serde_json::to_vec(name)?, serde_json::to_vec(text)?);
        self.add(name.len() + ":".len() + text.len())
    }

    /// One more entry of a list, and the comma after it.
    fn add(&mut self, bytes: usize) -> Result<(), Problem> {
        self.bytes = self.bytes.saturating_add(bytes).saturating_add(1);
        if self.bytes <= self.limit {
            return Ok(());
        }
        let detail = format!("The export would have more than {} bytes.", self.limit);
        Err(Problem::new(Code::TooLong, detail)
            .remedy("Name the prompts with `task=…`, and export them in several parts."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_export_counts_its_partials_and_all_that_stands_between() {
        let content = json!({ "messages": [], "model": "m", "answer": "text" });
        let bundle = |task: &str| {
            let bundle = json!({ "task": task, "content": content });
            serde_json::from_value::<Bundle>(bundle).unwrap()
        };
        let texts = [("tone", "Be \"kind\".\n"), ("end", "Bye\u{7}")];
        let partials = texts.map(|(name, text)| (name.parse().unwrap(), text.to_owned()));
        let bundles = Bundles {
            prompts: vec![bundle("a"), bundle("b")],
            partials: partials.into(),
        };
        let count = |limit| {
            let mut size = Size::begin(limit);
            for bundle in &bundles.prompts {
                size.add_prompt(bundle)?;
            }
            for (name, text) in &bundles.partials {
                size.add_partial(name, text)?;
            }
            Ok::<_, Problem>(size.bytes)
        };
        let whole = serde_json::to_vec(&bundles).unwrap().len();
        let lists = 2;
        assert_eq!(count(whole + lists).unwrap(), whole + lists);
        assert_eq!(count(whole + lists - 1).unwrap_err().code(), Code::TooLong);
    }
}
