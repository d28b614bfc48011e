//! Deployments, canaries and rollbacks: what is shown before, what is asked, what a refusal is.

use serde_json::{Value, json};

use super::{AT, by, ok, problem, prompt, ran, told, version};
use crate::cli::exit::Exit;
use crate::cli::scripted::json_reply;

fn passed() -> Value {
    json!([{"run": "r", "passed": true, "cases": 5, "failed": 0, "test_set": 2, "at": AT}])
}

fn diff() -> Value {
    serde_json::from_str(include_str!("golden/diff.json")).unwrap()
}

#[test]
fn production_is_not_changed_without_an_answer() {
    let ran = ran(
        &["deploy", "explanation", "4"],
        &[
            ok(&prompt(Some(3), None)),
            ok(&version(4, &passed())),
            ok(&diff()),
        ],
    );
    let failure = ran.ended.unwrap_err();
    assert_eq!(failure.exit(), Exit::Usage);
    assert_eq!(
        told(&failure).advice.as_deref(),
        Some("Pass --yes if you mean it.")
    );
    assert!(ran.stdout.contains("version 3 → 4"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("Tests: passed all 5 cases"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_deployment_says_what_it_saw_and_what_it_did() {
    let ran = ran(
        &[
            "deploy",
            "explanation",
            "4",
            "--yes",
            "--reason",
            "Shorter.",
        ],
        &[
            ok(&prompt(Some(3), None)),
            ok(&version(4, &passed())),
            ok(&diff()),
            ok(&prompt(Some(4), None)),
        ],
    );
    assert_eq!(ran.ended, Ok(Exit::Success));
    assert_eq!(
        ran.asked[3].line,
        "PUT /v1/prompts/explanation/labels/production"
    );
    let wanted = json!({
        "version": 4, "expected": 3, "expected_canary": null, "reason": "Shorter.",
    });
    assert_eq!(ran.asked[3].body, wanted);
    let said = "production of explanation is now version 4 (it was 3).\n";
    assert!(ran.stdout.ends_with(said), "{}", ran.stdout);
}

#[test]
fn a_deployment_to_another_label_asks_nothing() {
    let ran = ran(
        &["deploy", "explanation", "4", "--label", "staging"],
        &[ok(&prompt(Some(3), None)), ok(&json!({}))],
    );
    assert_eq!(ran.ended, Ok(Exit::Success));
    assert_eq!(ran.asked[1].body, json!({"version": 4, "expected": null}));
    assert!(
        ran.stderr.contains("\"label\": \"staging\""),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_refused_deployment_exits_with_seven_and_the_remedy() {
    let refusal = problem(
        409,
        "not_tested",
        "version 4 has not passed its test cases",
        "Run `punchcard prompt test explanation 4`.",
    );
    let ran = ran(
        &["deploy", "explanation", "4", "--yes", "--json"],
        &[ok(&prompt(Some(3), None)), refusal],
    );
    let failure = ran.ended.unwrap_err();
    assert_eq!(failure.exit(), Exit::NotDeployed);
    let advice = told(&failure).advice.as_deref();
    assert_eq!(advice, Some("Run `punchcard prompt test explanation 4`."));
    assert_eq!(ran.stdout, "", "the answer to --json is the server's alone");
}

#[test]
fn a_canary_is_started_with_the_bounds_that_were_given() {
    let ran = ran(
        &[
            "deploy",
            "explanation",
            "4",
            "--canary",
            "10",
            "--max-failed",
            "5",
            "--min-tickets",
            "50",
            "--yes",
        ],
        &[
            ok(&prompt(Some(3), None)),
            ok(&version(4, &passed())),
            ok(&diff()),
            ok(&json!({})),
        ],
    );
    assert_eq!(ran.ended, Ok(Exit::Success));
    assert_eq!(ran.asked[3].line, "PUT /v1/prompts/explanation/canary");
    let wanted = json!({"version": 4, "percent": 10,
        "bounds": {"max_failed_percent": 5, "min_tickets": 50}});
    assert_eq!(ran.asked[3].body, wanted);
}

fn canary() -> Value {
    json!({
        "canary": "0192c0de-0000-7000-8000-00000000000a", "version": 4, "beside": 3, "percent": 10,
        "bounds": {"max_failed_percent": 5, "max_schema_violation_percent": 10, "min_tickets": 50},
        "since": AT, "by": by("mina"),
        "tally": {"tickets": 40, "answered": 30, "failed": 2, "schema_violations": 1},
    })
}

#[test]
fn a_canarys_state_is_told_in_shares() {
    let ran = ran(&["canary", "status", "explanation"], &[ok(&canary())]);
    let golden = include_str!("golden/canary.txt");
    assert_eq!(ran.stdout.trim_end(), golden.trim_end());
}

#[test]
fn promoting_a_canary_deploys_its_version() {
    let ran = ran(
        &["canary", "promote", "explanation", "--yes"],
        &[ok(&canary()), ok(&json!({}))],
    );
    assert_eq!(ran.ended, Ok(Exit::Success));
    assert_eq!(
        ran.asked[1].line,
        "PUT /v1/prompts/explanation/labels/production"
    );
    let seen = canary()["canary"].clone();
    let wanted = json!({"version": 4, "expected": 3, "expected_canary": seen});
    assert_eq!(ran.asked[1].body, wanted);
}

#[test]
fn no_canary_is_said_plainly() {
    let none = || problem(404, "canary_not_running", "no canary runs", "");
    let status = ran(
        &["canary", "status", "explanation"],
        &[none(), ok(&prompt(Some(3), None))],
    );
    assert_eq!(status.ended, Ok(Exit::Success));
    assert!(
        status.stderr.contains("No canary runs"),
        "{}",
        status.stderr
    );
    let promote = ran(
        &["canary", "promote", "explanation", "--yes"],
        &[none(), ok(&prompt(Some(3), None))],
    );
    assert_eq!(promote.ended.unwrap_err().exit(), Exit::NotDeployed);
}

#[test]
fn a_rollback_asks_nothing_and_says_what_is_in_use_now() {
    let ran = ran(
        &["rollback", "explanation", "--reason", "Too short."],
        &[ok(&prompt(Some(3), None)), ok(&prompt(Some(2), None))],
    );
    assert_eq!(ran.ended, Ok(Exit::Success));
    assert_eq!(
        ran.asked[1].line,
        "POST /v1/prompts/explanation/labels/production/rollback"
    );
    let wanted = json!({"expected": 3, "canary": null, "reason": "Too short."});
    assert_eq!(ran.asked[1].body, wanted);
    assert_eq!(
        ran.stdout,
        "Done: production of explanation is version 2 (it was 3).\n"
    );
}

#[test]
fn a_key_without_the_role_is_refused_as_a_deployment() {
    let refusal = problem(
        403,
        "role_missing",
        "this key has not the role publisher",
        "Ask for it.",
    );
    let ran = ran(
        &["rollback", "explanation"],
        &[ok(&prompt(Some(3), None)), refusal],
    );
    assert_eq!(ran.ended.unwrap_err().exit(), Exit::NotDeployed);
}

#[test]
fn a_diff_is_of_production_and_the_draft_unless_said_otherwise() {
    let ran = ran(&["diff", "explanation"], &[ok(&diff())]);
    assert_eq!(
        ran.asked[0].line,
        "GET /v1/prompts/explanation/diff?from=production&to=draft"
    );
    let golden = include_str!("golden/diff.txt");
    assert_eq!(ran.stdout.trim_end(), golden.trim_end());
}

#[test]
fn production_is_never_asked_for_without_showing_what_changes() {
    let ran = ran(
        &["deploy", "explanation", "4", "--json"],
        &[ok(&prompt(Some(3), None))],
    );
    let failure = ran.ended.unwrap_err();
    assert_eq!(failure.exit(), Exit::Usage);
    let advice = told(&failure).advice.as_deref().unwrap();
    assert!(advice.contains("without --json"), "{advice}");
}

#[test]
fn a_version_that_cannot_be_used_today_is_refused_with_what_is_wrong_in_it() {
    let refusal = json!({
        "title": "Broken", "status": 422, "code": "broken_prompt", "detail": "It has mistakes.",
        "findings": [{"severity": "error", "place": "model", "message": "There is no such model.",
                      "remedy": "Choose another."}],
    });
    let ran = ran(
        &["deploy", "explanation", "4", "--label", "staging"],
        &[ok(&prompt(Some(3), None)), json_reply(422, &refusal)],
    );
    let failure = ran.ended.unwrap_err();
    assert_eq!(failure.exit(), Exit::NotDeployed);
    assert_eq!(
        told(&failure).sentence,
        "It has mistakes.\n  model  There is no such model."
    );
}
