//! What an import means for one prompt: decided before anything is written.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use punchcard_actors::ports::Finding;
use punchcard_events::prompt::{
    Command, Content, Draft, PromptState, Rejection, TestCase, decide, evolve,
};
use punchcard_events::{PartialName, TaskName};
use schemars::JsonSchema;
use serde::Serialize;

use super::{Taken, mistake, whose};
use crate::http::dispatch::Call;
use crate::http::errors::Problem;
use crate::http::prompts::bundle::Bundle;
use crate::http::prompts::drafts;

/// What is going to be written of one prompt.
pub(super) struct Plan {
    task: TaskName,
    draft: Option<Command>,
    test_set: Option<Command>,
    /// Whether the import says anything of the test set.
    has_cases: bool,
    /// The numbers as they are, for what stays as it is.
    edit: Option<u32>,
    version: Option<u32>,
    number: Option<u32>,
    /// Whether there is no such prompt yet.
    is_new: bool,
    /// The partials that the content includes, over all levels.
    included: BTreeSet<PartialName>,
    /// The texts of partials that came with the prompt.
    own: BTreeMap<PartialName, String>,
}

/// What became of one prompt.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct Outcome {
    task: TaskName,
    draft: Taken,
    /// The draft's edit; absent where a version says the same and there is no draft.
    #[serde(skip_serializing_if = "Option::is_none")]
    edit: Option<u32>,
    /// The version that says the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<u32>,
    /// `null` where the import said nothing of it.
    test_set: Option<Taken>,
    #[serde(skip_serializing_if = "Option::is_none")]
    number: Option<u32>,
    findings: Vec<Finding>,
}

impl Plan {
    /// Decides what is to be done for `bundle`, and finds what is wrong with it. `partials` are the
    /// tenant's and the import's; those that the bundle itself carries come before them.
    pub(super) async fn make(
        call: &Call,
        bundle: Bundle,
        partials: &BTreeMap<PartialName, String>,
    ) -> Result<(Self, Vec<Finding>), Problem> {
        let Bundle {
            task,
            content,
            test_set,
        } = bundle;
        let (tenant, prompts) = (&call.caller.tenant, &call.api.prompts);
        let state = prompts.state(tenant, &task).await?;
        let is_new = state.is_none();
        let mut state = state.unwrap_or_default();
        let (content, own) = without_partials(content);
        let texts = with_own(partials, &own);
        let checked = prompts.check_with(tenant, &task, &content, &texts);
        let mut findings = checked.findings;
        if let Err(reserved) = drafts::check_name(&task) {
            findings.push(mistake("task", reserved.detail(), "Choose another name."));
        }
        if let Some(cases) = &test_set {
            let with = Some(&checked.content);
            findings.extend(call.api.workbench.check_cases(cases, with));
        }
        let published = state.version_of(checked.content.hash());
        let mut plan = Self {
            task,
            draft: None,
            test_set: None,
            has_cases: test_set.is_some(),
            edit: state.draft.as_ref().map(|draft| draft.edit),
            version: published.map(|version| version.number),
            number: state.test_set.as_ref().map(|set| set.number),
            is_new,
            included: checked.content.partials.keys().cloned().collect(),
            own,
        };
        plan.draft(call, &mut state, content, &mut findings);
        if let Some(cases) = test_set {
            plan.test_set(call, &state, cases, &mut findings);
        }
        Ok((plan, findings))
    }

    /// The task.
    pub(super) const fn task(&self) -> &TaskName {
        &self.task
    }

    /// Whether there is no such prompt yet.
    pub(super) const fn is_new(&self) -> bool {
        self.is_new
    }

    /// The partials that the content includes, over all levels.
    pub(super) const fn included(&self) -> &BTreeSet<PartialName> {
        &self.included
    }

    /// The texts of partials that came with the prompt.
    pub(super) const fn own(&self) -> &BTreeMap<PartialName, String> {
        &self.own
    }

    /// Whether the tenant's partials have to be those that the content includes. A version that says
    /// the same, and no draft that is written, needs none: it carries its own.
    pub(super) const fn needs_partials(&self) -> bool {
        self.draft.is_some() || self.version.is_none()
    }

    fn draft(
        &mut self,
        call: &Call,
        state: &mut PromptState,
        content: Arc<Content>,
        findings: &mut Vec<Finding>,
    ) {
        match &state.draft {
            Some(draft) if draft.content == content => return,
            // Nobody else's work is written over.
            Some(draft) if !whose::is_same(&draft.act.by, &call.caller.author()) => {
                findings.push(in_the_way(draft));
                return;
            }
            // Somebody else has published it already.
            None if self.version.is_some() => return,
            Some(_) | None => {}
        }
        let save = Command::SaveDraft {
            expected_edit: self.edit,
            based_on: None,
            content,
            act: call.act(),
        };
        match decide(state, save.clone()) {
            Ok(events) => {
                *state = events.iter().fold(std::mem::take(state), evolve);
                self.draft = Some(save);
            }
            Err(rejection) => findings.push(refusal("draft", &rejection)),
        }
    }

    fn test_set(
        &mut self,
        call: &Call,
        state: &PromptState,
        cases: Vec<TestCase>,
        findings: &mut Vec<Finding>,
    ) {
        let present = state.test_set.as_ref();
        if present.is_some_and(|set| set.cases == cases) {
            return;
        }
        let save = Command::SaveTestSet {
            expected_number: self.number,
            cases,
            act: call.act(),
        };
        match decide(state, save.clone()) {
            Ok(_) => self.test_set = Some(save),
            // Without a draft there is a mistake that has been told.
            Err(Rejection::NoPrompt) => {}
            Err(rejection) => findings.push(refusal("test_set", &rejection)),
        }
    }

    /// Writes what was decided. What was done is in `done` even where the rest of it fails.
    pub(super) async fn carry_out(
        self,
        call: &Call,
        findings: Vec<Finding>,
        done: &mut Vec<Outcome>,
    ) -> Result<(), Problem> {
        let (tenant, prompts) = (&call.caller.tenant, &call.api.prompts);
        let mut outcome = Outcome {
            draft: Taken::Unchanged,
            edit: self.edit,
            version: self.version,
            test_set: self.has_cases.then_some(Taken::Unchanged),
            number: self.number,
            findings,
            task: self.task,
        };
        if let Some(save) = self.draft {
            let executed = prompts.execute(tenant, &outcome.task, save).await?;
            outcome.draft = Taken::Saved;
            outcome.edit = executed.state.draft.map(|draft| draft.edit);
        }
        if let Some(save) = self.test_set {
            match prompts.execute(tenant, &outcome.task, save).await {
                Ok(executed) => {
                    outcome.test_set = Some(Taken::Saved);
                    outcome.number = executed.state.test_set.map(|set| set.number);
                }
                Err(error) => {
                    done.push(outcome);
                    return Err(error.into());
                }
            }
        }
        done.push(outcome);
        Ok(())
    }
}

impl Outcome {
    /// Whether anything of it was written.
    pub(super) fn is_saved(&self) -> bool {
        self.draft == Taken::Saved || self.test_set == Some(Taken::Saved)
    }
}

/// A draft holds no partials: those of the import are saved by themselves.
fn without_partials(content: Arc<Content>) -> (Arc<Content>, BTreeMap<PartialName, String>) {
    if content.partials.is_empty() {
        return (content, BTreeMap::new());
    }
    let mut content = Arc::unwrap_or_clone(content);
    let own = std::mem::take(&mut content.partials);
    (Arc::new(content), own)
}

fn with_own<'a>(
    partials: &'a BTreeMap<PartialName, String>,
    own: &BTreeMap<PartialName, String>,
) -> Cow<'a, BTreeMap<PartialName, String>> {
    if own.is_empty() {
        return Cow::Borrowed(partials);
    }
    let mut partials = partials.clone();
    partials.extend(own.clone());
    Cow::Owned(partials)
}

fn in_the_way(draft: &Draft) -> Finding {
    let message = format!(
        "There is a draft that {} saved at {} (edit {}), and it says something else.",
        whose::name(&draft.act.by),
        draft.act.at,
        draft.edit
    );
    let remedy =
        "Have it published or thrown away first; an import writes over nobody else's work.";
    mistake("draft", message, remedy)
}

fn refusal(place: &str, rejection: &Rejection) -> Finding {
    let problem = Problem::from(rejection.clone());
    mistake(place, problem.detail(), &rejection.remedy())
}
