//! Taking prompts in: all of them or nothing.
//!
//! Everything is read, checked and decided on before the first write, and every mistake of all
//! prompts is told together. What is written are drafts, test sets and partials; nothing that a
//! ticket runs changes. The store takes one prompt at a time: where it, or somebody who was faster,
//! stops an import midway, the answer says what is saved. Taking the same in again changes nothing,
//! so such an import is finished by repeating it.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::HttpResponse;
use punchcard_actors::ports::{Finding, Severity};
use punchcard_actors::prompts::MAX_PROMPTS;
use punchcard_events::partial::Partials;
use punchcard_events::{PartialName, TaskName};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::bundle::{Bundle, Bundles};
use super::test_sets::is_error;
use crate::http::dispatch::Call;
use crate::http::errors::{Code, Problem};

mod plan;
mod shared;
mod unused;
mod whose;

use plan::{Outcome, Plan};
use shared::{PartialTaken, Shared, Step, Wanted};

/// The most findings of a refusal. With as many errors, the rest of the import is not looked at.
const MAX_FOUND: usize = 1_000;

/// A finding, and the prompt it was found in.
#[derive(Debug, Serialize, JsonSchema)]
pub(super) struct Found {
    /// Absent: in the partials, or in the import as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<TaskName>,
    #[serde(flatten)]
    finding: Finding,
}

/// What became of a part of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Taken {
    /// It was written.
    Saved,
    /// It was there already.
    Unchanged,
    /// What is there says something else and stays: no draft needs the import's text.
    Kept,
}

#[derive(Debug, Default, Serialize, JsonSchema)]
pub(super) struct ImportView {
    prompts: Vec<Outcome>,
    partials: Vec<PartialTaken>,
}

/// All that an import is going to do, and all that was found.
#[derive(Default)]
struct Decided {
    plans: Vec<Plan>,
    shared: Shared,
    found: Vec<Found>,
    /// How many errors were found in the prompts.
    errors: usize,
}

/// `POST /v1/prompts/import`
pub(super) async fn import(mut call: Call) -> Result<HttpResponse, Problem> {
    let limit = call.api.options.max_import_bytes;
    let bundles: Bundles = call.json_within(limit).await?;
    let decided = decide(&call, bundles).await?;
    if decided.found.iter().any(|found| is_error(&found.finding)) {
        return Err(refused(decided.found));
    }
    let mut taken = ImportView::default();
    match decided.carry_out(&call, &mut taken).await {
        Ok(()) => Ok(HttpResponse::Ok().json(taken)),
        Err(problem) => Err(stopped(problem, taken)),
    }
}

/// Decides on everything, and writes nothing.
async fn decide(call: &Call, bundles: Bundles) -> Result<Decided, Problem> {
    let present = call.api.prompts.partials(&call.caller.tenant).await?;
    let Bundles { prompts, partials } = bundles;
    let mut texts = present.texts().clone();
    texts.extend(partials.clone());
    let mut decided = Decided::default();
    let mut tasks = BTreeSet::new();
    for bundle in prompts {
        // Hints alone never keep a prompt from being taken.
        if decided.errors >= MAX_FOUND {
            break;
        }
        decided.plan(call, bundle, &texts, &mut tasks).await?;
    }
    let new = decided.plans.iter().filter(|plan| plan.is_new()).count();
    let there = call.api.prompts.book().count(&call.caller.tenant);
    decided.found.extend(without_room(there, new));
    decided.decide_partials(call, &present, &partials, &texts);
    Ok(decided)
}

impl Decided {
    async fn plan(
        &mut self,
        call: &Call,
        bundle: Bundle,
        texts: &BTreeMap<PartialName, String>,
        tasks: &mut BTreeSet<TaskName>,
    ) -> Result<(), Problem> {
        let task = bundle.task.clone();
        if !tasks.insert(task.clone()) {
            let message = "This prompt is there twice.";
            let twice = mistake("task", message, "Keep one of the two.");
            self.found.push(Found::of(&task, twice));
            self.errors += 1;
            return Ok(());
        }
        let (plan, findings) = Plan::make(call, bundle, texts).await?;
        let errors = findings.iter().filter(|finding| is_error(finding));
        self.errors += errors.count();
        let findings = findings.into_iter();
        self.found
            .extend(findings.map(|finding| Found::of(&task, finding)));
        self.plans.push(plan);
        Ok(())
    }

    /// Decides on the partials, when the prompts are decided on. `beside` are those that lie beside
    /// the prompts of the import; `texts` are they and the tenant's.
    fn decide_partials(
        &mut self,
        call: &Call,
        present: &Partials,
        beside: &BTreeMap<PartialName, String>,
        texts: &BTreeMap<PartialName, String>,
    ) {
        let plans = &self.plans;
        let included: BTreeSet<&PartialName> =
            plans.iter().flat_map(|plan| plan.included()).collect();
        let by_nobody = beside.iter().map(|text| Wanted::of(None, text));
        let of_plans = plans
            .iter()
            .flat_map(|plan| plan.own().iter().map(|text| Wanted::of(Some(plan), text)));
        let given: Vec<Wanted<'_>> = by_nobody.chain(of_plans).collect();
        let unused = given
            .iter()
            .filter(|given| !included.contains(given.name))
            .copied();
        let unused: Vec<Wanted<'_>> = unused.collect();
        let needing = plans.iter().filter(|plan| plan.needs_partials());
        let needed = needing.flat_map(|plan| Wanted::by_plan(plan, texts));
        let wanted = needed.chain(unused.iter().copied());
        let (mut shared, found) = Shared::plan(present, wanted, &call.act());
        // What is too much to be saved is too much to be read.
        if found.is_empty() {
            self.found.extend(unused::check(call, texts, &unused));
        }
        self.found.extend(found);
        for given in given {
            shared.leave(present, given.name, given.text);
        }
        self.shared = shared;
    }

    /// Writes what was decided; `taken` is what was done, even where the rest of it fails.
    async fn carry_out(self, call: &Call, taken: &mut ImportView) -> Result<(), Problem> {
        let mut findings: BTreeMap<TaskName, Vec<Finding>> = BTreeMap::new();
        for Found { prompt, finding } in self.found {
            if let Some(task) = prompt {
                findings.entry(task).or_default().push(finding);
            }
        }
        save_partials(call, self.shared, &mut taken.partials).await?;
        for plan in self.plans {
            let own = findings.remove(plan.task()).unwrap_or_default();
            plan.carry_out(call, own, &mut taken.prompts).await?;
        }
        Ok(())
    }
}

impl<'a> Wanted<'a> {
    fn of(plan: Option<&'a Plan>, (name, text): (&'a PartialName, &'a String)) -> Self {
        let task = plan.map(Plan::task);
        Self { task, name, text }
    }

    /// The texts that the prompt's draft is going to include: first its own, then those of all.
    fn by_plan(
        plan: &'a Plan,
        texts: &'a BTreeMap<PartialName, String>,
    ) -> impl Iterator<Item = Self> {
        let text = |name| {
            plan.own()
                .get_key_value(name)
                .or_else(|| texts.get_key_value(name))
        };
        let included = plan.included().iter().filter_map(text);
        included.map(|text| Self::of(Some(plan), text))
    }
}

impl Found {
    fn of(task: &TaskName, finding: Finding) -> Self {
        Self {
            prompt: Some(task.clone()),
            finding,
        }
    }
}

/// A refusal with what was found; of too much, the errors first.
fn refused(mut found: Vec<Found>) -> Problem {
    if found.len() > MAX_FOUND {
        found.sort_by_key(|found| !is_error(&found.finding));
        found.truncate(MAX_FOUND);
    }
    let detail = "Something in the import is wrong, so nothing of it was taken.";
    Problem::new(Code::ImportRefused, detail)
        .remedy("Mend what is listed as an error, and import everything again.")
        .with("findings", json!(found))
}

/// Says what was saved before an import stopped midway.
fn stopped(problem: Problem, taken: ImportView) -> Problem {
    let ImportView { prompts, partials } = taken;
    let prompts: Vec<_> = prompts.into_iter().filter(Outcome::is_saved).collect();
    let is_saved = |partial: &PartialTaken| partial.saved == Taken::Saved;
    let partials: Vec<_> = partials.into_iter().filter(is_saved).collect();
    let remedy = if prompts.is_empty() && partials.is_empty() {
        "Nothing was saved before the import stopped. Import the same again."
    } else {
        "The import stopped midway: what `saved` lists is saved. Import the same again; what is \
         saved stays as it is, and the rest is taken."
    };
    let saved = json!({ "prompts": prompts, "partials": partials });
    problem.remedy(remedy).with("saved", saved)
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

/// What is wrong when `new` prompts come to those that are `there`.
fn without_room(there: usize, new: usize) -> Option<Found> {
    if new == 0 || there.saturating_add(new) <= MAX_PROMPTS {
        return None;
    }
    let message = format!(
        "A tenant has at most {MAX_PROMPTS} prompts. There are {there}, and the import would add {new}."
    );
    let finding = mistake(
        "prompts",
        message,
        "Leave out prompts that you do not need.",
    );
    let prompt = None;
    Some(Found { prompt, finding })
}

async fn save_partials(
    call: &Call,
    shared: Shared,
    done: &mut Vec<PartialTaken>,
) -> Result<(), Problem> {
    let (tenant, prompts) = (&call.caller.tenant, &call.api.prompts);
    for (name, step) in shared.into_steps() {
        let (saved, edit) = match step {
            Step::Leave { taken, edit } => (taken, edit),
            Step::Save { text, expected } => {
                let after = prompts
                    .save_partial(tenant, &name, expected, &text, call.act())
                    .await?;
                let edit = after.get(&name).map(|partial| partial.edit);
                (Taken::Saved, edit)
            }
        };
        done.push(PartialTaken { name, saved, edit });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_very_much_keeps_the_errors() {
        let hint = || Finding {
            severity: Severity::Warning,
            ..mistake("messages[0]", "This is a hint.", "Weigh it.")
        };
        let hints = (0..MAX_FOUND * 2).map(|_| hint());
        let error = mistake("partial tone", "This is wrong.", "Mend it.");
        let prompt = None;
        let all = hints.chain([error]);
        let all = all.map(|finding| Found {
            prompt: prompt.clone(),
            finding,
        });
        let shown = format!("{:?}", refused(all.collect()));
        assert!(shown.contains("This is wrong."));
        assert_eq!(shown.matches("This is a hint.").count(), MAX_FOUND - 1);
    }

    #[test]
    fn prompts_that_would_be_too_many_are_found_beforehand() {
        assert!(without_room(MAX_PROMPTS, 0).is_none());
        assert!(without_room(MAX_PROMPTS - 2, 2).is_none());
        let found = without_room(MAX_PROMPTS - 2, 3).unwrap();
        assert!(is_error(&found.finding), "{found:?}");
        assert!(without_room(0, usize::MAX).is_some());
    }
}
