//! Partials that no prompt of the import includes: they are read by themselves, as a prompt that
//! includes them would read them.

use std::collections::BTreeMap;

use punchcard_actors::ports::Finding;
use punchcard_events::prompt::{Content, MessageTemplate};
use punchcard_events::ticket::{AnswerFormat, Parameters, Role};
use punchcard_events::{PartialName, TaskName};

use super::shared::Wanted;
use super::{Found, shared};
use crate::http::dispatch::Call;
use crate::http::prompts::test_sets::is_error;

/// What the messages of a content are called in findings.
const MESSAGES: &str = "messages";

/// What is wrong in the templates of `unused`, which may include those of `texts`.
pub(super) fn check(
    call: &Call,
    texts: &BTreeMap<PartialName, String>,
    unused: &[Wanted<'_>],
) -> Vec<Found> {
    // Any name will do: only what a task's settings say depends on it, and that is not asked here.
    let Ok(task) = TaskName::new("import") else {
        return Vec::new();
    };
    let mut all = texts.clone();
    all.extend(
        unused
            .iter()
            .map(|one| (one.name.clone(), one.text.to_owned())),
    );
    let (tenant, prompts) = (&call.caller.tenant, &call.api.prompts);
    let mut found = Vec::new();
    for Wanted { name, .. } in unused {
        let checked = prompts.check_with(tenant, &task, &including(name), &all);
        let errors = checked.findings.into_iter().filter(is_error);
        let own = errors.filter_map(|finding| of_templates(finding, name));
        found.extend(own.map(|finding| Found {
            prompt: None,
            finding,
        }));
    }
    found
}

/// A content that says nothing but the partial. What else it lacks is not the partial's fault.
fn including(name: &PartialName) -> Content {
    Content {
        messages: vec![MessageTemplate {
            role: Role::User,
            content: format!("{{% include \"{name}\" %}}"),
        }],
        model: String::new(),
        parameters: Parameters::default(),
        answer: AnswerFormat::Text,
        input_schema: None,
        answer_schema: None,
        partials: BTreeMap::new(),
    }
}

/// A finding of the templates; what is said of the message that includes the partial is said of the
/// partial.
fn of_templates(mut finding: Finding, name: &PartialName) -> Option<Finding> {
    if finding.place.starts_with(MESSAGES) {
        finding.place = shared::place(name);
        finding.line = None;
        finding.column = None;
    }
    finding.place.starts_with("partial ").then_some(finding)
}
