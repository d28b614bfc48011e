//! Labels, canaries, retiring: what reaches users.

use serde_json::json;

use crate::http::errors::Code;
use crate::http::openapi::{Operation, delete, get, post, put};
use crate::http::prompts::canary::CanaryBody;
use crate::http::prompts::labels::{MoveBody, ReasonBody, RollBackBody};
use crate::http::prompts::policy::{PolicyBody, PolicyView};
use crate::http::prompts::view::{CanaryView, PromptView};

/// What keeps a version from its users.
const UNFIT: [Code; 9] = [
    Code::NoSuchVersion,
    Code::NoTestCases,
    Code::NotTested,
    Code::TestFailed,
    Code::NotShadowed,
    Code::ShadowFailed,
    Code::ExpectsNothing,
    Code::ReasonMissing,
    Code::BrokenPrompt,
];

pub(super) fn operations() -> Vec<Operation> {
    vec![
        point(),
        remove(),
        roll_back(),
        read_canary(),
        start_canary(),
        stop_canary(),
        read_policy(),
        set_policy(),
        retire(),
        restore(),
    ]
}

fn point() -> Operation {
    put(
        "/v1/prompts/{task}/labels/{label}",
        "moveLabel",
        "Point a label to a version",
    )
    .about(
        "`production` is what tickets run: it needs the role `publisher`, and a version whose \
             newest test run passed, and a shadow run where the deployment policy asks for one. \
             An `override_reason` in place of these needs `admin`.",
    )
    .body::<MoveBody>()
    .example(json!({ "version": 4, "expected": 3, "reason": "Kinder to beginners" }))
    .gives::<PromptView>(200, "The prompt.")
    .changes_the_prompt()
    .refuses(&UNFIT)
    .refuses(&[
        Code::LabelConflict,
        Code::CanaryConflict,
        Code::PromptRetired,
    ])
}

fn remove() -> Operation {
    delete(
        "/v1/prompts/{task}/labels/{label}",
        "removeLabel",
        "Take a label away",
    )
    .gives::<PromptView>(200, "The prompt.")
    .changes_the_prompt()
    .refuses(&[Code::NoSuchLabel, Code::ProductionStays])
}

fn roll_back() -> Operation {
    post("/v1/prompts/{task}/labels/{label}/rollback", "rollBackLabel", "Take a deployment back")
        .about("While a canary runs beside `production`, that is stopped instead. Repeated, it is still one step.")
        .optional_body::<RollBackBody>()
        .example(json!({ "expected": 4, "reason": "Too kind" }))
        .gives::<PromptView>(200, "The prompt.")
        .changes_the_prompt()
        .refuses(&UNFIT)
        .refuses(&[
            Code::PreconditionRequired,
            Code::NoSuchLabel,
            Code::LabelConflict,
            Code::CanaryConflict,
            Code::NothingBefore,
            Code::PromptRetired,
        ])
}

fn read_canary() -> Operation {
    get(
        "/v1/prompts/{task}/canary",
        "readCanary",
        "Read the running canary",
    )
    .gives::<CanaryView>(200, "The canary, and what was seen of it.")
    .refuses(&[Code::CanaryNotRunning])
}

fn start_canary() -> Operation {
    put(
        "/v1/prompts/{task}/canary",
        "startCanary",
        "Give a version to a share of the users",
    )
    .body::<CanaryBody>()
    .example(json!({ "version": 5, "percent": 10, "bounds": { "max_failed_percent": 5 } }))
    .gives::<PromptView>(200, "The prompt.")
    .changes_the_prompt()
    .refuses(&UNFIT)
    .refuses(&[
        Code::NoProduction,
        Code::AlreadyInProduction,
        Code::PercentOutOfRange,
        Code::BoundOutOfRange,
        Code::NoMinimum,
        Code::CanaryRunning,
        Code::PromptRetired,
    ])
}

fn stop_canary() -> Operation {
    delete("/v1/prompts/{task}/canary", "stopCanary", "Stop the canary")
        .optional_body::<ReasonBody>()
        .gives::<PromptView>(200, "The prompt.")
        .changes_the_prompt()
        .refuses(&[Code::CanaryNotRunning])
}

fn read_policy() -> Operation {
    get(
        "/v1/prompts/{task}/deployment-policy",
        "readDeploymentPolicy",
        "Read what a deployment needs",
    )
    .gives::<PolicyView>(200, "The policy, and the newest shadow runs.")
}

fn set_policy() -> Operation {
    put(
        "/v1/prompts/{task}/deployment-policy",
        "setDeploymentPolicy",
        "Say what a deployment needs",
    )
    .about(
        "With `shadow_run`, a version reaches the users of `production`, by a deployment or a \
         canary, only after a finished shadow run of that very content within the bounds.",
    )
    .body::<PolicyBody>()
    .example(json!({ "shadow_run": { "min_cases": 50, "max_failed_percent": 2 } }))
    .gives::<PolicyView>(200, "The policy.")
    .changes_the_prompt()
    .refuses(&[Code::MinCasesOutOfRange, Code::BoundOutOfRange])
}

fn retire() -> Operation {
    post(
        "/v1/prompts/{task}/retire",
        "retirePrompt",
        "Take no new tickets",
    )
    .optional_body::<ReasonBody>()
    .gives::<PromptView>(200, "The prompt.")
    .changes_the_prompt()
    .refuses(&[Code::PromptRetired])
}

fn restore() -> Operation {
    post(
        "/v1/prompts/{task}/restore",
        "restorePrompt",
        "Take new tickets again",
    )
    .gives::<PromptView>(200, "The prompt.")
    .changes_the_prompt()
}
