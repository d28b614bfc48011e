//! Taking prompts in: all of them or nothing.
//!
//! Everything is read, checked and decided on before the first write, and every mistake of all
//! prompts is told together. What is written are drafts, test sets and partials; nothing that a
//! ticket runs changes. Taking the same in again changes nothing, so an import that the store broke
//! off half-way is finished by repeating it.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::HttpResponse;
use punchcard_actors::ports::{Finding, Severity};
use punchcard_events::partial::Partials;
use punchcard_events::{PartialName, TaskName};
use serde::Serialize;
use serde_json::json;

use super::bundle::Bundles;
use crate::http::dispatch::Call;
use crate::http::errors::{Code, Problem};

mod plan;

use plan::{Outcome, Plan};

/// A finding, and the prompt it was found in.
#[derive(Debug, Serialize)]
struct Found {
    /// Absent: in the partials.
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<TaskName>,
    #[serde(flatten)]
    finding: Finding,
}

/// What became of a part of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Taken {
    /// It was written.
    Saved,
    /// It was there already.
    Unchanged,
}

#[derive(Debug, Serialize)]
struct PartialTaken {
    name: PartialName,
    saved: Taken,
    edit: Option<u32>,
}

#[derive(Debug, Serialize)]
struct ImportView {
    prompts: Vec<Outcome>,
    partials: Vec<PartialTaken>,
}

/// `POST /v1/prompts/import`
pub(super) async fn import(mut call: Call) -> Result<HttpResponse, Problem> {
    let limit = call.api.options.max_import_bytes;
    let bundles: Bundles = call.json_within(limit).await?;
    let tenant = &call.caller.tenant;
    let present = call.api.prompts.partials(tenant).await?;
    let (partials, mut found) = partials_of(&bundles);
    let mut texts = present.texts().clone();
    texts.extend(
        partials
            .iter()
            .map(|(name, text)| (name.clone(), text.clone())),
    );
    let mut plans = Vec::new();
    let mut tasks = BTreeSet::new();
    for bundle in bundles.prompts {
        let task = bundle.task.clone();
        if !tasks.insert(task.clone()) {
            let twice = mistake(
                "task",
                "This prompt is there twice.",
                "Keep one of the two.",
            );
            found.push(Found::of(&task, twice));
            continue;
        }
        let (plan, findings) = Plan::make(&call, bundle, &texts).await?;
        found.extend(
            findings
                .into_iter()
                .map(|finding| Found::of(&task, finding)),
        );
        plans.push(plan);
    }
    if found
        .iter()
        .any(|found| super::test_sets::is_error(&found.finding))
    {
        return Err(refused(&found));
    }
    let partials = save_partials(&call, &present, partials).await?;
    let mut prompts = Vec::with_capacity(plans.len());
    for plan in plans {
        let own = found
            .iter()
            .filter(|found| found.prompt.as_ref() == Some(plan.task()));
        let own = own.map(|found| found.finding.clone()).collect();
        prompts.push(plan.carry_out(&call, own).await?);
    }
    Ok(HttpResponse::Ok().json(ImportView { prompts, partials }))
}

impl Found {
    fn of(task: &TaskName, finding: Finding) -> Self {
        Self {
            prompt: Some(task.clone()),
            finding,
        }
    }
}

fn refused(found: &[Found]) -> Problem {
    let detail = "Something in the import is wrong, so nothing of it was taken.";
    Problem::new(Code::ImportRefused, detail)
        .remedy("Mend what is listed as an error, and import everything again.")
        .with("findings", json!(found))
}

fn mistake(place: &str, message: impl Into<String>, remedy: &str) -> Finding {
    Finding {
        severity: Severity::Error,
        place: place.to_owned(),
        line: None,
        column: None,
        message: message.into(),
        remedy: remedy.to_owned(),
    }
}

/// Every partial of an import: those beside the prompts, and those that are written into them. One
/// name has one text.
fn partials_of(bundles: &Bundles) -> (BTreeMap<PartialName, String>, Vec<Found>) {
    let mut all = bundles.partials.clone();
    let mut found = Vec::new();
    for bundle in &bundles.prompts {
        for (name, text) in &bundle.content.partials {
            let known = all.entry(name.clone()).or_insert_with(|| text.clone());
            if known != text {
                let finding = mistake(
                    &format!("partial {name}"),
                    format!("Another text of the partial `{name}` is in this import too."),
                    "Import the two prompts one after the other, or give them one text.",
                );
                found.push(Found::of(&bundle.task, finding));
            }
        }
    }
    (all, found)
}

async fn save_partials(
    call: &Call,
    present: &Partials,
    partials: BTreeMap<PartialName, String>,
) -> Result<Vec<PartialTaken>, Problem> {
    let (tenant, prompts) = (&call.caller.tenant, &call.api.prompts);
    let mut taken = Vec::with_capacity(partials.len());
    for (name, text) in partials {
        let before = present.get(&name);
        let expected = before.map(|partial| partial.edit);
        if before.is_some_and(|partial| partial.text == text) {
            let (saved, edit) = (Taken::Unchanged, expected);
            taken.push(PartialTaken { name, saved, edit });
            continue;
        }
        let after = prompts
            .save_partial(tenant, &name, expected, &text, call.act())
            .await?;
        let edit = after.get(&name).map(|partial| partial.edit);
        let saved = Taken::Saved;
        taken.push(PartialTaken { name, saved, edit });
    }
    Ok(taken)
}
