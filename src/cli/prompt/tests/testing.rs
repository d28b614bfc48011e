//! Test sets and test runs.

use serde_json::{Value, json};

use super::{editor, ok, problem, prompt, ran, told};
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

const BROKEN: &str = r#"{"title": "Broken", "status": 422, "code": "broken_prompt",
    "detail": "The prompt has mistakes.", "findings": [{"severity": "error",
    "place": "messages[0]", "line": 3, "column": 1, "message": "unknown variable",
    "remedy": "Add it to the input schema."}]}"#;

#[test]
fn what_a_refusal_found_is_told_by_every_command_and_in_json_too() {
    let refusal: Value = serde_json::from_str(BROKEN).unwrap();
    let refused = |line: &[&str]| ran(line, &[json_reply(422, &refusal)]);
    for line in [&["test", "explanation"][..], &["try", "explanation"]] {
        let ran = refused(line);
        assert_eq!(ran.ended.unwrap_err().exit(), Exit::Negative, "{line:?}");
        let told = "message 1, line 3, column 1  unknown variable";
        assert!(ran.stdout.contains(told), "{line:?}: {}", ran.stdout);
        let json: Vec<&str> = line.iter().copied().chain(["--json"]).collect();
        let shown: Value = serde_json::from_str(&refused(&json).stdout).unwrap();
        assert_eq!(shown, refusal, "{line:?}");
    }
}

#[test]
fn a_test_set_that_is_refused_tells_its_findings_in_json_too() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("cases.md");
    let case = "{\"input\": {}, \"expect\": [\"fits_schema\"]}";
    std::fs::write(&file, format!("==> tests/a.json\n{case}\n")).unwrap();
    let file = file.display().to_string();
    let refusal: Value = serde_json::from_str(BROKEN).unwrap();
    let set = json!({"number": 4, "cases": []});
    let line = [
        "test-set",
        "edit",
        "explanation",
        "--file",
        &file,
        "--number",
        "4",
        "--json",
    ];
    let ran = ran(&line, &[ok(&set), json_reply(422, &refusal)]);
    assert_eq!(ran.ended.unwrap_err().exit(), Exit::Negative);
    let shown: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(shown, refusal);
}

#[test]
fn other_cases_are_shown_beside_ones_own_and_the_way_on_that_is_told_works() {
    let dir = tempfile::tempdir().unwrap();
    let editor = editor(&dir, "sed -i 's/sky/sea/' \"$file\"");
    let set = |number: u32, question: &str| {
        json!({"number": number, "findings": [], "cases": [
            {"name": "one", "input": {"question": question}, "expect": ["fits_schema"]}]})
    };
    let conflict = json!({
        "title": "Conflict", "status": 409, "code": "test_set_conflict", "detail": "another",
        "current": set(5, "sun"),
    });
    let refused = ran(
        &["test-set", "edit", "explanation", "--editor", &editor],
        &[ok(&set(4, "sky")), json_reply(409, &conflict)],
    );
    for part in ["-    \"question\": \"sun\"", "+    \"question\": \"sea\""] {
        assert!(refused.stdout.contains(part), "{}", refused.stdout);
    }
    let failure = refused.ended.unwrap_err();
    let advice = told(&failure).advice.as_deref().unwrap();
    assert!(advice.ends_with("--number 5"), "{advice}");
    let command = advice.split("save it: punchcard prompt ").nth(1).unwrap();
    let words: Vec<&str> = command.split(' ').collect();
    let again = ran(&words, &[ok(&set(5, "sun")), ok(&set(6, "sea"))]);
    assert_eq!(again.ended, Ok(Exit::Success));
    assert_eq!(again.asked[1].only_if.as_deref(), Some("\"5\""));
    let file = std::path::Path::new(words[4]);
    std::fs::remove_dir_all(file.parent().unwrap()).unwrap();
}

#[test]
fn an_earlier_run_is_shown_by_its_id_and_a_server_that_is_away_is_asked_again() {
    let id = "0192c0de-0000-7000-8000-000000000009";
    let busy = problem(503, "store_unavailable", "the store cannot be read", "");
    let ran = ran(
        &["test", "explanation", "--run", id],
        &[busy, ok(&run("failed", 2, &cases()))],
    );
    assert_eq!(ran.ended, Ok(Exit::TestFailed));
    let path = format!("GET /v1/prompts/explanation/test-runs/{id}");
    assert_eq!(ran.asked[1].line, path);
    assert!(
        ran.stdout.contains("it does not contain `please`"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_run_tells_its_id_when_it_begins() {
    let ended = run("passed", 2, &json!([]));
    let ran = ran(&["test", "explanation"], &[json_reply(202, &ended)]);
    let told = "prompt test explanation --run 0192c0de-0000-7000-8000-000000000009";
    assert!(ran.stderr.contains(told), "{}", ran.stderr);
}
