//! Export and import through a server.

use std::fs;

use serde_json::{Value, json};

use super::{content, ok, problem, ran, told};
use crate::cli::exit::Exit;

fn exported() -> Value {
    json!({
        "prompts": [{
            "task": "explanation",
            "content": content("{{ question }}{% include \"tone\" %}"),
            "test_set": [{"name": "why", "input": {"question": "Why?"}, "expect": ["fits_schema"]}],
        }],
        "partials": {"tone": "Be kind."},
    })
}

fn imported(findings: &Value) -> Value {
    json!({
        "prompts": [{"task": "explanation", "draft": "saved", "edit": 8, "test_set": "unchanged",
                     "number": 2, "findings": findings}],
        "partials": [{"name": "tone", "saved": "unchanged", "edit": 1}],
    })
}

#[test]
fn what_is_exported_is_sent_back_as_it_was_in_one_request() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("prompts").display().to_string();
    let export = ran(
        &["export", "explanation", "--dir", &folder, "--ref", "v3"],
        &[ok(&exported())],
    );
    assert_eq!(export.ended, Ok(Exit::Success));
    assert_eq!(
        export.asked[0].line,
        "GET /v1/prompts/export?ref=v3&task=explanation"
    );
    let dry = ran(&["import", &folder, "--dry-run"], &[]);
    assert_eq!(dry.ended, Ok(Exit::Success));
    let import = ran(&["import", &folder], &[ok(&imported(&json!([])))]);
    assert_eq!(import.ended, Ok(Exit::Success));
    let golden = include_str!("golden/import.txt");
    assert_eq!(import.stdout.trim_end(), golden.trim_end());
    assert_eq!(import.asked.len(), 1);
    assert_eq!(import.asked[0].body, exported());
}

#[test]
fn a_broken_file_stops_an_import_before_anything_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().display().to_string();
    ran(&["export", "--dir", &folder], &[ok(&exported())]);
    fs::write(
        dir.path().join("explanation/prompt.toml"),
        "task = \"explanation\"\n",
    )
    .unwrap();
    fs::write(dir.path().join("explanation/tests/why.json"), "{").unwrap();
    let import = ran(&["import", &folder], &[]);
    let failure = import.ended.unwrap_err();
    assert_eq!(failure.exit(), Exit::Usage);
    let sentence = &told(&failure).sentence;
    assert!(
        sentence.contains("explanation/prompt.toml:1:1"),
        "{sentence}"
    );
    assert!(
        sentence.contains("explanation/tests/why.json:1:1"),
        "{sentence}"
    );
}

#[test]
fn drafts_with_mistakes_are_imported_and_the_mistakes_told() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().display().to_string();
    ran(&["export", "--dir", &folder], &[ok(&exported())]);
    let findings = json!([{"severity": "error", "place": "model", "message": "no such model"}]);
    let import = ran(&["import", &folder], &[ok(&imported(&findings))]);
    assert_eq!(import.ended, Ok(Exit::Negative));
    let told = "mistake  explanation: model  no such model\n";
    assert!(import.stdout.contains(told), "{}", import.stdout);
}

#[test]
fn an_export_writes_over_no_local_work_unasked() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().display().to_string();
    let export = ["export", "--dir", &folder];
    ran(&export, &[ok(&exported())]);
    let message = dir.path().join("explanation/02-user.md");
    fs::write(&message, "hours of work").unwrap();
    let refused = ran(&export, &[ok(&exported())]);
    assert_eq!(refused.ended.unwrap_err().exit(), Exit::Usage);
    let listed = "written over: explanation/02-user.md";
    assert!(refused.stderr.contains(listed), "{}", refused.stderr);
    assert_eq!(fs::read_to_string(&message).unwrap(), "hours of work");
    let meant = ran(&["export", "--dir", &folder, "--yes"], &[ok(&exported())]);
    assert_eq!(meant.ended, Ok(Exit::Success));
    assert_ne!(fs::read_to_string(&message).unwrap(), "hours of work");
}

#[test]
fn an_import_that_stopped_midway_says_what_is_saved() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().display().to_string();
    ran(&["export", "--dir", &folder], &[ok(&exported())]);
    let remedy = "The import stopped midway. Import the same again.";
    let (status, kind, body) = problem(503, "store_unavailable", "No store.", remedy);
    let mut body: Value = serde_json::from_str(&body).unwrap();
    body["saved"] = imported(&json!([]));
    let import = ran(&["import", &folder], &[(status, kind, body.to_string())]);
    let failure = import.ended.unwrap_err();
    assert_eq!(told(&failure).advice.as_deref(), Some(remedy));
    assert!(import.stdout.contains("explanation"), "{}", import.stdout);
}

#[test]
fn a_foreign_folder_is_not_written_into() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("photos")).unwrap();
    let folder = dir.path().display().to_string();
    let export = ran(&["export", "--dir", &folder], &[ok(&exported())]);
    let failure = export.ended.unwrap_err();
    assert_eq!(failure.exit(), Exit::Usage);
    assert!(
        told(&failure)
            .advice
            .as_deref()
            .unwrap()
            .contains("--force")
    );
}

#[test]
fn a_folder_without_prompts_is_said_to_be_one() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().display().to_string();
    assert_eq!(
        ran(&["import", &folder], &[]).ended.unwrap_err().exit(),
        Exit::Usage
    );
    ran(&["export", "--dir", &folder], &[ok(&exported())]);
    let inner = dir.path().join("explanation").display().to_string();
    let refused = ran(&["import", &inner], &[]).ended.unwrap_err();
    assert!(told(&refused).sentence.contains("the folder of one prompt"));
}
