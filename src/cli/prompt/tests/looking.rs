//! Reading: lists, texts, the history, what was in use at a time.

use serde_json::{Value, json};

use super::{AT, by, draft, ok, problem, prompt, ran, told, version};
use crate::cli::exit::Exit;

#[test]
fn a_list_is_a_table_of_all_pages() {
    let first = json!({"prompts": [prompt(Some(3), Some(7))], "next_cursor": "explanation"});
    let mut second = prompt(None, None);
    second["task"] = json!("word-game");
    second["canary"] = json!({"version": 4, "percent": 10, "since": AT, "by": by("mina")});
    let second = json!({ "prompts": [second] });
    let ran = ran(&["list"], &[ok(&first), ok(&second)]);
    assert_eq!(ran.ended, Ok(Exit::Success));
    let golden = include_str!("golden/list.txt");
    assert_eq!(ran.stdout.trim_end(), golden.trim_end());
    assert_eq!(
        ran.asked[1].line,
        "GET /v1/prompts?limit=100&after=explanation"
    );
}

#[test]
fn a_list_as_json_keeps_everything_that_came() {
    let page = json!({ "prompts": [prompt(Some(3), None)] });
    let ran = ran(&["list", "--json", "--limit", "1"], &[ok(&page)]);
    let shown: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(shown["prompts"][0]["a_newer_field"], 1);
    assert_eq!(ran.asked[0].line, "GET /v1/prompts?limit=1");
}

#[test]
fn a_prompt_shows_what_is_in_use_and_its_versions() {
    let tests =
        json!([{"run": "r", "passed": true, "cases": 5, "failed": 0, "test_set": 2, "at": AT}]);
    let versions = json!({ "versions": [version(3, &tests)] });
    let ran = ran(
        &["show", "explanation"],
        &[ok(&prompt(Some(3), Some(7))), ok(&versions)],
    );
    let golden = include_str!("golden/show.txt");
    assert_eq!(ran.stdout.trim_end(), golden.trim_end());
}

#[test]
fn a_text_is_shown_part_by_part() {
    let ran = ran(
        &["show", "explanation", "v3"],
        &[ok(&version(3, &json!([])))],
    );
    let golden = include_str!("golden/text.txt");
    assert_eq!(ran.stdout.trim_end(), golden.trim_end());
    assert_eq!(ran.asked[0].line, "GET /v1/prompts/explanation/versions/v3");
}

#[test]
fn a_prompt_that_is_not_there_exits_with_four_and_the_servers_remedy() {
    let refusal = problem(
        404,
        "no_such_prompt",
        "there is no prompt `explanaton`",
        "See the list.",
    );
    let ran = ran(&["show", "explanaton"], &[refusal]);
    let failure = ran.ended.unwrap_err();
    assert_eq!(failure.exit(), Exit::NotFound);
    assert_eq!(told(&failure).advice.as_deref(), Some("See the list."));
}

#[test]
fn the_history_is_a_table_of_sentences() {
    let entry = |revision: u32, sentence: &str| {
        json!({"revision": revision, "at": AT, "by": by("mina"), "kind": "LabelMoved",
               "sentence": sentence, "event": {}})
    };
    let history = json!({"entries": [
        entry(0, "mina saved the draft (edit 1)."),
        entry(1, "mina deployed version 1 to\u{1b}[2J production."),
    ]});
    let ran = ran(&["history", "explanation"], &[ok(&history)]);
    let golden = include_str!("golden/history.txt");
    assert_eq!(ran.stdout.trim_end(), golden.trim_end());
}

#[test]
fn what_was_in_use_at_a_time_is_one_sentence_in_utc() {
    let at = json!({"task": "explanation", "label": "production", "version": 2, "hash": "x",
        "since": "2026-11-16T09:00:00.000Z", "until": "2026-11-18T09:00:00.000Z"});
    let ran = ran(&["at", "explanation", "2026-11-17 14:02"], &[ok(&at)]);
    assert_eq!(
        ran.asked[0].line,
        "GET /v1/prompts/explanation/at?time=2026-11-17T14%3A02%3A00.000Z&label=production"
    );
    assert_eq!(
        ran.stdout,
        "At 2026-11-17 14:02:00 UTC, production of explanation was version 2.\n  \
         from 2026-11-16 09:00:00 UTC  until 2026-11-18 09:00:00 UTC\n"
    );
}

#[test]
fn a_try_shows_the_messages_and_asks_no_model() {
    let rendered = json!({"messages": [{"role": "user", "content": "Why?\u{7}"}]});
    let ran = ran(
        &["try", "explanation", "--input", "{\"question\":\"Why?\"}"],
        &[ok(&rendered)],
    );
    assert_eq!(ran.stdout, "user\nWhy?\u{fffd}\n");
    let wanted = json!({"ref": "draft", "input": {"question": "Why?"}});
    assert_eq!(ran.asked[0].body, wanted);
}

#[test]
fn a_draft_as_json_is_what_the_server_said() {
    let ran = ran(
        &["show", "explanation", "draft", "--json"],
        &[ok(&draft(7, "{{ question }}", &json!([])))],
    );
    let shown: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(shown["edit"], 7);
}

#[test]
fn a_labels_name_cannot_steer_the_terminal() {
    let mut hostile = prompt(Some(3), None);
    hostile["labels"][0]["label"] = json!("x\u{1b}[2J\u{200b}");
    hostile["versions"] = json!(0);
    let ran = ran(&["show", "explanation"], &[ok(&hostile)]);
    assert!(
        ran.stdout.contains("x\u{fffd}[2J\\u{200b}"),
        "{}",
        ran.stdout
    );
}
