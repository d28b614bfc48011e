//! The test set of a prompt.

use std::sync::Arc;

use actix_web::HttpResponse;
use punchcard_actors::ports::{Finding, Severity};
use punchcard_actors::prompts::PromptError;
use punchcard_events::TaskName;
use punchcard_events::prompt::{Command, Content, PromptState, Rejection, TestCase, TestSet};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::precondition;
use super::versions::existing;
use crate::http::dispatch::{Call, PromptCall};
use crate::http::errors::{Code, Problem};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TestSetBody {
    cases: Vec<TestCase>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct TestSetView<'a> {
    task: &'a TaskName,
    number: u32,
    cases: &'a [TestCase],
    findings: Vec<Finding>,
}

/// `GET /v1/prompts/{task}/test-set`
pub(super) async fn read(PromptCall { call, task }: PromptCall) -> Result<HttpResponse, Problem> {
    let state = existing(&call, &task).await?;
    let set = state.test_set.as_ref().ok_or_else(|| {
        Problem::new(Code::NoSuchTestSet, format!("`{task}` has no test set."))
            .remedy("Save a test set: a list of cases, each with an input and what is expected.")
    })?;
    let content = tried_with(&state);
    let workbench = &call.api.workbench;
    let findings = workbench.check_cases(&set.cases, content);
    Ok(answer(&task, set, findings))
}

/// `PUT /v1/prompts/{task}/test-set`
pub(super) async fn save(
    PromptCall { mut call, task }: PromptCall,
) -> Result<HttpResponse, Problem> {
    let expected_number = precondition::seen(call.request.headers())?;
    let limit = call.api.options.max_import_bytes;
    let body: TestSetBody = call.json_within(limit).await?;
    let tenant = &call.caller.tenant;
    let state = existing(&call, &task).await?;
    let content = tried_with(&state);
    let workbench = &call.api.workbench;
    let findings = workbench.check_cases(&body.cases, content);
    if findings.iter().any(is_error) {
        let detail = "The test set has mistakes, so it was not saved.";
        return Err(Problem::new(Code::BrokenTestSet, detail)
            .remedy("Mend what is listed as an error, and save the test set again.")
            .found(&findings));
    }
    let save = Command::SaveTestSet {
        expected_number,
        cases: body.cases,
        act: call.act(),
    };
    let saved = match call.api.prompts.execute(tenant, &task, save).await {
        Ok(saved) => saved,
        Err(error) => return Err(refused(&call, &task, error).await),
    };
    let set = saved.state.test_set.as_ref();
    let set = set.ok_or(PromptError::Conflict)?;
    Ok(answer(&task, set, findings))
}

fn answer(task: &TaskName, set: &TestSet, findings: Vec<Finding>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(precondition::tag(set.number))
        .json(TestSetView {
            task,
            number: set.number,
            cases: &set.cases,
            findings,
        })
}

/// A conflict shows the test set that stands in the way, where it can be read.
async fn refused(call: &Call, task: &TaskName, error: PromptError) -> Problem {
    let conflict = matches!(
        error,
        PromptError::Rejected(Rejection::TestSetConflict { .. })
    );
    let problem = Problem::from(error);
    if !conflict {
        return problem;
    }
    match existing(call, task).await.map(|state| state.test_set) {
        Ok(Some(set)) => problem.with(
            "current",
            json!({ "task": task, "number": set.number, "cases": set.cases }),
        ),
        Ok(None) | Err(_) => problem,
    }
}

/// What the cases are most likely to be tried with next.
pub(super) fn tried_with(state: &PromptState) -> Option<&Arc<Content>> {
    let draft = state.draft.as_ref().map(|draft| &draft.content);
    draft.or_else(|| state.latest().map(|version| &version.content))
}

/// Whether a finding is a mistake.
pub(super) fn is_error(finding: &Finding) -> bool {
    match finding.severity {
        Severity::Error => true,
        Severity::Warning => false,
    }
}
