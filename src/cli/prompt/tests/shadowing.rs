//! Shadow runs, and the policy that asks for them.

use serde_json::{Value, json};

use super::{AT, by, ok, problem, ran, told};
use crate::cli::exit::Exit;
use crate::cli::scripted::json_reply;

const RUN: &str = "0192c0de-0000-7000-8000-000000000009";
const PARENT: &str = "0192c0de-0000-7000-8000-00000000000a";
const FORK: &str = "0192c0de-0000-7000-8000-00000000000b";

fn plan(cases: u32) -> Value {
    json!({
        "task": "explanation", "candidate": {"version": 4, "hash": "ab".repeat(32)},
        "matched": 41, "cases": cases, "seed": 7,
        "estimate": {"prompt_tokens": 900, "completion_tokens": 300, "cost_usd": 0.0123},
    })
}

fn run(state: &str, done: u32) -> Value {
    json!({
        "run": RUN, "task": "explanation", "candidate": {"version": 4, "hash": "ab".repeat(32)},
        "state": state, "by": by("mina"), "started_at": AT, "ended_at": null, "filter": {},
        "sample": 1.0, "seed": 7, "matched": 41, "cases_total": 3, "cases_done": done,
        "cases_failed": u32::from(done == 3), "max_cost_usd": null,
        "estimate": {"prompt_tokens": 900, "completion_tokens": 300, "cost_usd": 0.0123},
        "spent": {"prompt_tokens": 300 * done, "completion_tokens": 90 * done, "cost_usd": 0.004},
        "a_newer_field": 1,
    })
}

fn report() -> Value {
    let measured = json!({"answer_bytes": 210});
    let case = |case: u32, verdict: &str, similarity: f64| {
        json!({"case": case, "parent": PARENT, "fork": FORK, "verdict": verdict,
               "similarity": similarity, "before": measured, "after": measured})
    };
    let mut failed = case(2, "failed", 0.0);
    failed["after"] = Value::Null;
    failed["failure"] = json!({"code": "model_failed", "message": "the model\u{1b}[2J is down"});
    let pair = |before: u64, after: u64| json!({"before": before, "after": after});
    json!({
        "run": RUN,
        "summary": {
            "cases": 3, "same": 1, "changed": 1, "failed": 1, "schema_failures": 0,
            "mean_similarity": 0.714, "answer_bytes": pair(210, 180),
            "tokens": {"prompt": pair(600, 640), "completion": pair(200, 180)},
            "cost_usd": {"before": 0.009, "after": null},
            "latency_ms": {"p50": pair(900, 1_100), "p95": pair(2_500, 2_400)},
        },
        "cases": [failed, case(3, "changed", 0.42), case(1, "same", 1.0)],
        "next_cursor": 1,
    })
}

#[test]
fn the_cost_is_told_and_a_run_is_followed_to_its_end_and_its_worst_cases() {
    let ran = ran(
        &[
            "shadow",
            "explanation",
            "--version",
            "4",
            "--limit",
            "3",
            "--yes",
        ],
        &[
            ok(&plan(3)),
            json_reply(202, &run("running", 0)),
            ok(&run("running", 1)),
            ok(&run("finished", 3)),
            ok(&report()),
        ],
    );
    assert_eq!(ran.ended, Ok(Exit::Success));
    let wanted = json!({"task": "explanation", "version": 4, "filter": {}, "limit": 3});
    let mut dry = wanted.clone();
    dry["dry_run"] = json!(true);
    assert_eq!(ran.asked[0].body, dry);
    let mut wet = wanted;
    wet["dry_run"] = json!(false);
    wet["seed"] = json!(7);
    assert_eq!(ran.asked[1].body, wet, "the very tickets that were shown");
    let report = format!("GET /v1/shadow-runs/{RUN}/report?limit=10");
    assert_eq!(ran.asked[4].line, report);
    for part in [
        "41 answered tickets of explanation match, and 3 would be run again with version 4.",
        "Estimated: 900 tokens of messages, 300 of answers, $0.0123.",
        "is finished",
        "1 the same, 1 changed, 0 broke the answer schema, 1 failed; alike on average 71 %",
        "2.50 s",
        "The worst cases",
        "case 2  the model\u{fffd}[2J is down",
    ] {
        assert!(ran.stdout.contains(part), "{part}: {}", ran.stdout);
    }
    for part in [
        "1 of 3 cases done",
        &format!("shadow-runs --run {RUN}"),
        &format!("ticket compare {PARENT} {FORK}"),
    ] {
        assert!(ran.stderr.contains(part), "{part}: {}", ran.stderr);
    }
}

#[test]
fn a_dry_run_starts_nothing_and_everything_that_was_said_reaches_the_server() {
    let line = [
        "shadow",
        "explanation",
        "--version",
        "4",
        "--from",
        "2026-11-16",
        "--before",
        "2026-11-17 14:02",
        "--user",
        "u-1",
        "--sample",
        "0.5",
        "--limit",
        "9",
        "--max-cost",
        "2.50",
        "--seed",
        "7",
        "--dry-run",
        "--json",
    ];
    let ran = ran(&line, &[ok(&plan(9))]);
    assert_eq!(ran.ended, Ok(Exit::Success));
    assert_eq!(ran.asked.len(), 1);
    assert_eq!(
        ran.asked[0].body,
        json!({
            "task": "explanation", "version": 4, "limit": 9, "sample": 0.5, "seed": 7,
            "max_cost_usd": 2.5, "dry_run": true,
            "filter": {"requested_from": "2026-11-16T00:00:00.000Z",
                       "requested_before": "2026-11-17T14:02:00.000Z", "user": "u-1"},
        })
    );
    let shown: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(shown, plan(9));
}

#[test]
fn without_a_yes_nothing_is_started() {
    for json in [&[][..], &["--json"]] {
        let line = [&["shadow", "explanation", "--version", "4"], json].concat();
        let ran = ran(&line, &[ok(&plan(3))]);
        assert_eq!(ran.ended.unwrap_err().exit(), Exit::Usage, "{json:?}");
        assert_eq!(ran.asked.len(), 1);
    }
}

#[test]
fn a_refusal_is_told_and_a_run_that_stopped_is_no_success() {
    let refused = problem(409, "no_price", "The model has no price.", "Leave it out.");
    let line = [
        "shadow",
        "explanation",
        "--version",
        "4",
        "--max-cost",
        "1",
        "--yes",
    ];
    let failure = ran(&line, &[refused]).ended.unwrap_err();
    assert_eq!(told(&failure).code.as_deref(), Some("no_price"));

    let mut stopped = run("stopped", 1);
    stopped["reason"] = json!("Somebody stopped it. Resume it to go on.");
    let line = ["shadow", "explanation", "--version", "4", "--yes", "--json"];
    let begun = json_reply(202, &run("running", 0));
    let ran = ran(&line, &[ok(&plan(3)), begun, ok(&stopped), ok(&report())]);
    assert_eq!(ran.ended, Ok(Exit::Negative));
    let shown: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(shown, json!({"shadow_run": stopped, "report": report()}));
}

#[test]
fn runs_are_listed_and_shown_and_stopped_and_resumed() {
    let page = json!({"shadow_runs": [run("finished", 3)], "next_cursor": RUN});
    let listed = ran(&["shadow-runs", "explanation"], &[ok(&page)]);
    assert_eq!(listed.ended, Ok(Exit::Success));
    let line = "GET /v1/shadow-runs?limit=20&task=explanation";
    assert_eq!(listed.asked[0].line, line);
    for part in [RUN, "finished", "3 of 3", "2026-11-17 14:02:00", "mina"] {
        assert!(listed.stdout.contains(part), "{part}: {}", listed.stdout);
    }
    assert!(listed.stderr.contains(&format!("--after {RUN}")));

    let shown = ran(
        &["shadow-runs", "explanation", "--run", RUN],
        &[ok(&run("running", 1)), ok(&report())],
    );
    assert_eq!(shown.ended, Ok(Exit::Success));
    assert!(shown.stdout.contains("goes on"), "{}", shown.stdout);

    let stopped = ran(&["shadow-runs", "--stop", RUN], &[ok(&run("stopped", 1))]);
    assert_eq!(stopped.ended, Ok(Exit::Success));
    let line = format!("POST /v1/shadow-runs/{RUN}/stop");
    assert_eq!(stopped.asked[0].line, line);

    let resumed = ran(
        &["shadow-runs", "--resume", RUN, "--max-cost", "5"],
        &[ok(&run("running", 1))],
    );
    assert_eq!(resumed.ended, Ok(Exit::Success));
    let line = format!("POST /v1/shadow-runs/{RUN}/resume");
    assert_eq!(resumed.asked[0].line, line);
    assert_eq!(resumed.asked[0].body, json!({"max_cost_usd": 5.0}));
}

#[test]
fn a_policy_is_shown_and_set_and_taken_away() {
    let policy = |bounds: Value| {
        json!({"task": "explanation", "shadow_run": bounds, "results": [{
            "run": RUN, "version": 4, "hash": "ab".repeat(32), "meets_policy": true,
            "cases": 60, "same": 40, "changed": 19, "schema_failed": 1, "failed": 0, "at": AT,
            "by": by("mina")}]})
    };
    let bounds = json!({"min_cases": 50, "max_failed_percent": 2});
    let place = "/v1/prompts/explanation/deployment-policy";
    let shown = ran(&["policy", "explanation"], &[ok(&policy(bounds.clone()))]);
    assert_eq!(shown.asked[0].line, format!("GET {place}"));
    for part in ["50 past tickets", "2 of a hundred", "yes", RUN] {
        assert!(shown.stdout.contains(part), "{part}: {}", shown.stdout);
    }
    let line = [
        "policy",
        "explanation",
        "--shadow-cases",
        "50",
        "--max-failed-percent",
        "2",
    ];
    let set = ran(&line, &[ok(&policy(bounds.clone()))]);
    assert_eq!(set.ended, Ok(Exit::Success));
    assert_eq!(set.asked[0].line, format!("PUT {place}"));
    assert_eq!(set.asked[0].body, json!({"shadow_run": bounds}));
    let none = ran(
        &["policy", "explanation", "--none"],
        &[ok(&policy(Value::Null))],
    );
    assert_eq!(none.asked[0].body, json!({"shadow_run": null}));
    assert!(
        none.stdout.contains("without a shadow run"),
        "{}",
        none.stdout
    );
}
