//! Test sets and test runs.

use serde_json::json;

use super::writing::TAG;
use crate::http::errors::Code;
use crate::http::openapi::common::{NumberTag, PageLimit, Seconds};
use crate::http::openapi::{Operation, Text, delete, get, post, put};
use crate::http::prompts::labels::ReasonBody;
use crate::http::prompts::test_runs::{StartBody, TestRunList, TestRunView};
use crate::http::prompts::test_sets::{TestSetBody, TestSetView};

pub(super) fn operations() -> Vec<Operation> {
    vec![
        read_set(),
        save_set(),
        list_runs(),
        start_run(),
        read_run(),
        stop_run(),
    ]
}

fn read_set() -> Operation {
    get(
        "/v1/prompts/{task}/test-set",
        "readTestSet",
        "Read the test set",
    )
    .gives::<TestSetView<'static>>(200, "The cases.")
    .with_header::<NumberTag>("ETag", TAG)
    .refuses(&[Code::NoSuchTestSet])
}

fn save_set() -> Operation {
    put("/v1/prompts/{task}/test-set", "saveTestSet", "Save the test set")
        .about("The cases that a version must pass before it reaches users. A set with mistakes is not saved.")
        .of_what_was_seen()
        .body::<TestSetBody>()
        .example(json!({ "cases": [
            { "name": "short", "input": { "word": "tide" }, "expect": [{ "contains": "sea" }] },
        ]}))
        .gives::<TestSetView<'static>>(200, "The test set.")
        .with_header::<NumberTag>("ETag", TAG)
        .changes_the_prompt()
        .refuses(&[
            Code::BrokenTestSet,
            Code::TestSetConflict,
            Code::BadCaseName,
            Code::CaseTwice,
            Code::NotFinite,
        ])
}

fn list_runs() -> Operation {
    get(
        "/v1/prompts/{task}/test-runs",
        "listTestRuns",
        "List the newest test runs",
    )
    .query::<PageLimit>("limit", "How many.")
    .gives::<TestRunList>(200, "The runs.")
}

fn start_run() -> Operation {
    post(
        "/v1/prompts/{task}/test-runs",
        "startTestRun",
        "Start a test run",
    )
    .body::<StartBody>()
    .example(json!({ "ref": "draft" }))
    .gives::<TestRunView>(202, "The run as it began.")
    .with_header::<Text>("Location", "Where the run is.")
    .names_a_content()
    .refuses(&[
        Code::NoTestCases,
        Code::BrokenPrompt,
        Code::TooManyTestRuns,
        Code::NoSuchTestRun,
        Code::OutcomeUnknown,
        Code::Stopping,
    ])
}

fn read_run() -> Operation {
    get(
        "/v1/prompts/{task}/test-runs/{run}",
        "readTestRun",
        "Read a test run",
    )
    .query::<Seconds>("wait", "Answer at its end, or after so many seconds.")
    .query::<Seconds>(
        "seen",
        "With `wait`: answer as soon as more than so many cases are done, too.",
    )
    .gives::<TestRunView>(200, "The run as of now.")
    .refuses(&[Code::NoSuchTestRun, Code::Stopping])
}

fn stop_run() -> Operation {
    delete(
        "/v1/prompts/{task}/test-runs/{run}",
        "stopTestRun",
        "Stop a test run",
    )
    .optional_body::<ReasonBody>()
    .gives::<TestRunView>(200, "The run, stopped or ended before.")
    .refuses(&[
        Code::NoSuchTestRun,
        Code::OutcomeUnknown,
        Code::Stopping,
        Code::TooLong,
    ])
}
