//! Whether a prompt is sound: the check that stands before every test and every publishing.
//!
//! An error keeps a prompt from both; a warning is for its author to weigh. Nothing here asks a
//! model or reads a store: partials come in with the question.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use punchcard_actors::ports::{Checked, Finding, PromptCheck, Severity};
use punchcard_actors::tenants::Directory;
use punchcard_events::prompt::Content;
use punchcard_events::{PartialName, TaskName, TenantId};
use serde_json::Value;

use super::schema::Schema;
use super::template::{Examined, Templates};
use super::{Flaw, Place};

mod settings;
#[cfg(test)]
mod tests;
mod unfit;
mod unseen;

/// The most findings of one check.
const MAX_FINDINGS: usize = 100;

/// Checks prompts against the configuration.
#[derive(Debug, Clone, Default)]
pub struct PromptChecker {
    models: BTreeSet<String>,
    tenants: Directory,
}

impl PromptChecker {
    /// A checker that knows the names of the configured models, and from the tenants which tasks have a
    /// pre-process hook: their templates see what the hook returns, so the input schema says nothing
    /// about them.
    pub fn new(models: impl IntoIterator<Item = String>, tenants: Directory) -> Self {
        Self {
            models: models.into_iter().collect(),
            tenants,
        }
    }

    fn is_prepared_by_hook(&self, tenant: &TenantId, task: &TaskName) -> bool {
        let state = self.tenants.tenant(tenant);
        let hooks = state.as_ref().and_then(|state| state.hooks.get(task));
        hooks.is_some_and(|hooks| hooks.pre_process.is_some())
    }
}

impl PromptCheck for PromptChecker {
    /// A content that carries partials keeps to those: it is a version's.
    fn check(
        &self,
        tenant: &TenantId,
        task: &TaskName,
        content: &Content,
        partials: &BTreeMap<PartialName, String>,
    ) -> Checked {
        let partials = if content.partials.is_empty() {
            partials
        } else {
            &content.partials
        };
        let by_hook = self.is_prepared_by_hook(tenant, task);
        let (examined, mut found) = examine(content, partials, by_hook);
        found.extend(settings::check(content, &self.models));
        let included = partials
            .iter()
            .filter(|(name, _)| examined.included.contains(*name));
        found.extend(unseen::check(content, included.clone()));
        let included = included.map(|(name, text)| (name.clone(), text.clone()));
        let content = Content {
            partials: included.collect(),
            ..content.clone()
        };
        Checked {
            content: Arc::new(content),
            findings: bounded(found),
        }
    }
}

/// What makes the texts and schemas of a content unusable; its model and parameters are not looked
/// at.
pub(crate) fn content_flaws(content: &Content, prepared_by_hook: bool) -> Vec<Flaw> {
    let (_, mut found) = examine(content, &content.partials, prepared_by_hook);
    found.sort();
    found.dedup();
    found
        .into_iter()
        .filter(|found| found.error)
        .map(|found| found.flaw)
        .collect()
}

/// Something found. The order is that of the content.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    flaw: Flaw,
    error: bool,
}

impl Found {
    fn error(flaw: Flaw) -> Self {
        Self { flaw, error: true }
    }

    fn warning(flaw: Flaw) -> Self {
        Self { flaw, error: false }
    }
}

/// Reads the texts and the schemas, and compares them.
fn examine(
    content: &Content,
    partials: &BTreeMap<PartialName, String>,
    prepared_by_hook: bool,
) -> (Examined, Vec<Found>) {
    let examined = Templates::examine(&content.messages, partials, NonZeroUsize::MAX);
    let flaws = examined.templates.as_ref().err().into_iter().flatten();
    let mut found: Vec<_> = flaws.cloned().map(Found::error).collect();
    let input = compiled(
        Place::InputSchema(None),
        content.input_schema.as_deref(),
        &mut found,
    );
    compiled(
        Place::AnswerSchema,
        content.answer_schema.as_deref(),
        &mut found,
    );
    if let Some(schema) = input.filter(|_| !prepared_by_hook) {
        found.extend(unfit::check(&examined, &schema));
    }
    (examined, found)
}

fn compiled(place: Place, schema: Option<&Value>, found: &mut Vec<Found>) -> Option<Schema> {
    match Schema::compile(schema?) {
        Ok(schema) => Some(schema),
        Err(unusable) => {
            found.push(Found::error(Flaw::of_schema(place, unusable)));
            None
        }
    }
}

/// The findings by place. Where there are too many, warnings give way first, so that a content with
/// an error never looks sound.
fn bounded(mut found: Vec<Found>) -> Vec<Finding> {
    found.sort();
    found.dedup();
    found.sort_by_key(|found| !found.error);
    found.truncate(MAX_FINDINGS);
    found.sort();
    found.into_iter().map(finding).collect()
}

fn finding(found: Found) -> Finding {
    let flaw = found.flaw;
    Finding {
        severity: if found.error {
            Severity::Error
        } else {
            Severity::Warning
        },
        place: flaw.place.to_string(),
        line: flaw.at.map(|at| at.line),
        column: flaw.at.map(|at| at.column),
        message: sentence(&flaw.message),
        remedy: flaw.remedy,
    }
}

/// A part of a sentence made a whole one.
fn sentence(part: &str) -> String {
    let mut letters = part.chars();
    let first = letters.next().map(char::to_uppercase);
    let whole = first.into_iter().flatten().chain(letters);
    let end = (!part.ends_with(['.', '?', '!'])).then_some('.');
    whole.chain(end).collect()
}
