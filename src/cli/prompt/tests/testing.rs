//! Test sets and test runs.

use serde_json::{Value, json};

use super::{editor, ok, problem, prompt, ran};
use crate::cli::exit::Exit;
use crate::cli::scripted::json_reply;

fn run(state: &str, done: u32, cases: &Value) -> Value {
    json!({
        "run": "0192c0de-0000-7000-8000-000000000009", "task": "explanation",
        "tested": {"draft": 7}, "hash": "ab".repeat(32), "state": state, "cases_total": 2,
        "cases_done": done, "baseline": {"version": 3, "hash": "cd".repeat(32)}, "cases": cases,
        "totals": {},
    })
}

fn cases() -> Value {
    let arm = |failures: Value, tokens: u32, ms: u32| {
        json!({"failures": failures, "answer": "Because.", "latency_ms": ms, "cost_usd": 0.0012,
               "usage": {"prompt_tokens": 100, "completion_tokens": tokens}})
    };
    let mut short = arm(json!([]), 20, 900);
    short["case"] = json!("short");
    short["baseline"] = arm(
        json!(["it is 900 characters long, and should be 20 to 800"]),
        60,
        2_500,
    );
    short["compared"] = json!("better");
    let mut kind = arm(json!(["it does not contain `please`"]), 25, 1_100);
    kind["case"] = json!("kind");
    kind["baseline"] = arm(json!([]), 50, 2_000);
    kind["compared"] = json!("worse");
    json!([short, kind])
}

#[test]
fn a_run_is_followed_to_its_end_and_a_failed_case_exits_with_six() {
    let ran = ran(
        &["test", "explanation"],
        &[
            json_reply(202, &run("running", 0, &json!([]))),
            ok(&run("running", 1, &json!([]))),
            ok(&run("failed", 2, &cases())),
        ],
    );
    assert_eq!(ran.ended, Ok(Exit::TestFailed));
    assert_eq!(ran.asked[0].body, json!({"ref": "draft"}));
    assert!(
        ran.asked[1]
            .line
            .ends_with("/test-runs/0192c0de-0000-7000-8000-000000000009?wait=5")
    );
    let golden = include_str!("golden/test.txt");
    assert_eq!(ran.stdout.trim_end(), golden.trim_end());
    assert!(ran.stderr.contains("1 of 2 cases done"), "{}", ran.stderr);
}

#[test]
fn a_run_that_passed_exits_with_zero_and_json_is_what_the_server_said() {
    let ended = run("passed", 2, &json!([]));
    let ran = ran(
        &["test", "explanation", "v4", "--json"],
        &[json_reply(202, &ended)],
    );
    assert_eq!(ran.ended, Ok(Exit::Success));
    assert_eq!(ran.asked[0].body, json!({"ref": "v4"}));
    let shown: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(shown, ended);
}

#[test]
fn an_interrupted_run_is_no_pass() {
    let ran = ran(
        &["test", "explanation"],
        &[json_reply(202, &run("interrupted", 1, &json!([])))],
    );
    assert_eq!(ran.ended, Ok(Exit::TestFailed));
    assert!(
        ran.stdout.contains("The server was stopped"),
        "{}",
        ran.stdout
    );
}

#[test]
fn the_first_test_set_begins_with_an_example() {
    let dir = tempfile::tempdir().unwrap();
    let editor = editor(&dir, "sed -i 's/first-case/sky/' \"$file\"");
    let saved = json!({"number": 1, "cases": [], "findings": []});
    let ran = ran(
        &["test-set", "edit", "explanation", "--editor", &editor],
        &[
            problem(404, "no_such_test_set", "there are no test cases", ""),
            ok(&prompt(None, Some(1))),
            ok(&saved),
        ],
    );
    assert_eq!(ran.ended, Ok(Exit::Success));
    assert_eq!(ran.asked[2].line, "PUT /v1/prompts/explanation/test-set");
    assert_eq!(ran.asked[2].only_if.as_deref(), Some("*"));
    assert_eq!(ran.asked[2].body["cases"][0]["name"], "sky");
    assert_eq!(
        ran.asked[2].body["cases"][0]["expect"][0],
        json!({"contains": "light"})
    );
}

#[test]
fn cases_keep_the_order_in_which_they_were_written() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("cases.md");
    let case = "{\"input\": {}, \"expect\": [\"fits_schema\"]}";
    std::fs::write(
        &file,
        format!("==> tests/b.json\n{case}\n==> tests/a.json\n{case}\n"),
    )
    .unwrap();
    let file = file.display().to_string();
    let set = json!({"number": 4, "cases": []});
    let saved = json!({"number": 5, "cases": [], "findings": []});
    let unsaid = ran(
        &["test-set", "edit", "explanation", "--file", &file],
        &[ok(&set)],
    );
    assert_eq!(unsaid.ended.unwrap_err().exit(), Exit::Usage);
    let ran = ran(
        &[
            "test-set",
            "edit",
            "explanation",
            "--file",
            &file,
            "--number",
            "4",
        ],
        &[ok(&set), ok(&saved)],
    );
    assert_eq!(ran.ended, Ok(Exit::Success));
    assert_eq!(ran.asked[1].only_if.as_deref(), Some("\"4\""));
    let names: Vec<&Value> = (0..2)
        .map(|i| &ran.asked[1].body["cases"][i]["name"])
        .collect();
    assert_eq!(names, ["b", "a"]);
}
