//! Writing: an editor, a file or a folder becomes the draft, and nobody's text is lost.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::{AT, by, content, draft, editor, ok, problem, prompt, ran, told, version};
use crate::cli::exit::Exit;
use crate::cli::scripted::json_reply;

const EMPTY: Value = Value::Null;

fn no_draft() -> crate::cli::scripted::Reply {
    problem(404, "no_draft", "there is no draft", "")
}

/// Removes a kept text and its folder.
fn throw_away(path: &std::path::Path) {
    fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

/// The file that was opened, as the notes tell it.
fn opened(notes: &str) -> PathBuf {
    let path = notes.split("Your editor has the text in ").nth(1).unwrap();
    PathBuf::from(path.lines().next().unwrap().trim_end_matches('.'))
}

/// The file that a sentence says a text is kept in.
fn kept(sentence: &str) -> PathBuf {
    let path = sentence.split("Your text is in ").nth(1).unwrap();
    let end = path.find(".prompt.md").unwrap() + ".prompt.md".len();
    PathBuf::from(&path[..end])
}

#[test]
fn what_the_editor_leaves_is_saved_over_the_edit_that_was_opened() {
    let dir = tempfile::tempdir().unwrap();
    let editor = editor(
        &dir,
        "sed -i 's/{{ question }}/Please: {{ question }}/' \"$file\"",
    );
    let ran = ran(
        &["edit", "explanation", "--editor", &editor],
        &[
            ok(&draft(7, "{{ question }}", &json!([]))),
            ok(&draft(8, "Please: {{ question }}", &json!([]))),
        ],
    );
    assert_eq!(ran.ended, Ok(Exit::Success));
    assert_eq!(
        ran.stdout,
        "The draft of explanation is saved (edit 8), with no mistakes.\n"
    );
    let saved = &ran.asked[1];
    assert_eq!(saved.line, "PUT /v1/prompts/explanation/draft");
    assert_eq!(saved.only_if.as_deref(), Some("\"7\""));
    assert_eq!(
        saved.body,
        json!({"content": content("Please: {{ question }}")})
    );
}

#[test]
fn without_a_draft_the_text_begins_as_what_is_in_production() {
    let dir = tempfile::tempdir().unwrap();
    let editor = editor(&dir, "sed -i 's/You explain/You show/' \"$file\"");
    let ran = ran(
        &["edit", "explanation", "--editor", &editor],
        &[
            no_draft(),
            ok(&prompt(Some(3), None)),
            ok(&version(3, &json!([]))),
            ok(&draft(1, "{{ question }}", &json!([]))),
        ],
    );
    assert_eq!(ran.ended, Ok(Exit::Success));
    assert_eq!(ran.asked[3].only_if.as_deref(), Some("*"));
    assert_eq!(ran.asked[3].body["based_on"], 3);
    assert_eq!(
        ran.asked[3].body["content"]["messages"][0]["content"],
        "You show.\n"
    );
}

#[test]
fn a_text_that_was_not_changed_is_not_saved() {
    let ran = ran(
        &["edit", "explanation", "--editor", "true"],
        &[ok(&draft(7, "{{ question }}", &json!([])))],
    );
    assert_eq!(ran.ended, Ok(Exit::Success));
    assert!(ran.stderr.contains("Nothing was changed"), "{}", ran.stderr);
}

#[test]
fn findings_are_placed_in_the_planners_own_file_and_the_draft_is_saved() {
    let dir = tempfile::tempdir().unwrap();
    let editor = editor(
        &dir,
        &format!(
            "sed -i 's/{{{{ question }}}}/a\\n{{{{ qestion }}}}/' \"$file\"; cp \"$file\" '{}'",
            dir.path().join("copy").display()
        ),
    );
    let findings = json!([{
        "severity": "error", "place": "messages[1]", "line": 2, "column": 4,
        "message": "the input has no `qestion`", "remedy": "Did you mean `question`?",
    }]);
    let ran = ran(
        &["edit", "explanation", "--editor", &editor],
        &[
            ok(&draft(7, "{{ question }}", &json!([]))),
            ok(&draft(8, "a\n{{ qestion }}", &findings)),
        ],
    );
    assert_eq!(ran.ended, Ok(Exit::Negative));
    let place = ran.stdout.split_whitespace().nth(1).unwrap();
    let place = place.strip_prefix("explanation.prompt.md:").unwrap();
    let text = fs::read_to_string(dir.path().join("copy")).unwrap();
    let line: usize = place.split(':').next().unwrap().parse().unwrap();
    assert_eq!(text.lines().nth(line - 1), Some("{{ qestion }}"));
    let opened = opened(&ran.stderr);
    assert!(!opened.exists(), "it is saved, so it is thrown away");
    assert!(
        ran.stdout.contains("Did you mean `question`?"),
        "{}",
        ran.stdout
    );
    assert!(
        ran.stdout.contains("saved (edit 8), with 1 mistake"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_text_that_cannot_be_read_is_kept_and_said_where() {
    let dir = tempfile::tempdir().unwrap();
    let editor = editor(&dir, "sed -i 's/^model = .*/model = /' \"$file\"");
    let ran = ran(
        &["edit", "explanation", "--editor", &editor],
        &[ok(&draft(7, "{{ question }}", &json!([])))],
    );
    let failure = ran.ended.unwrap_err();
    assert_eq!(failure.exit(), Exit::Negative);
    let kept = kept(told(&failure).advice.as_deref().unwrap());
    assert!(fs::read_to_string(&kept).unwrap().contains("model = \n"));
    throw_away(&kept);
    assert!(ran.stdout.contains("prompt.toml"), "{}", ran.stdout);
}

#[test]
fn another_planners_draft_is_never_overwritten_and_ones_own_text_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let editor = editor(&dir, "sed -i 's/You explain/You show/' \"$file\"");
    let conflict = json!({
        "title": "Conflict", "status": 409, "code": "draft_conflict", "detail": "another edit",
        "current": draft(8, "{{ question }}!", &json!([])), "diff": EMPTY,
    });
    let ran = ran(
        &["edit", "explanation", "--editor", &editor],
        &[
            ok(&draft(7, "{{ question }}", &json!([]))),
            json_reply(409, &conflict),
        ],
    );
    let failure = ran.ended.unwrap_err();
    let complaint = told(&failure);
    assert_eq!(complaint.exit, Exit::Negative);
    assert_eq!(
        complaint.sentence,
        "ben saved edit 8 of this draft at 2026-11-17 14:02:00 UTC; yours is not saved, and nothing is lost"
    );
    let advice = complaint.advice.as_deref().unwrap();
    assert!(advice.ends_with("--edit 8"), "{advice}");
    let text = fs::read_to_string(kept(advice)).unwrap();
    assert!(text.contains("You show."), "{text}");

    // The way on that it tells works.
    let file = kept(advice).display().to_string();
    let again = super::ran(
        &["edit", "explanation", "--file", &file, "--edit", "8"],
        &[ok(&draft(9, "{{ question }}", &json!([])))],
    );
    assert_eq!(again.ended, Ok(Exit::Success));
    assert_eq!(again.asked[0].only_if.as_deref(), Some("\"8\""));
    throw_away(&PathBuf::from(file));
}

#[test]
fn a_file_takes_the_place_of_the_edit_it_was_made_from() {
    let dir = tempfile::tempdir().unwrap();
    let copy = dir.path().join("copy.md");
    let editor = editor(&dir, &format!("cp \"$file\" '{}'", copy.display()));
    ran(
        &["edit", "explanation", "--editor", &editor],
        &[ok(&draft(7, "{{ question }}", &json!([])))],
    );
    let copy = copy.display().to_string();
    let saved = ran(
        &["edit", "explanation", "--file", &copy, "--json"],
        &[ok(&draft(8, "{{ question }}", &json!([])))],
    );
    assert_eq!(saved.asked[0].only_if.as_deref(), Some("\"7\""));
    let shown: Value = serde_json::from_str(&saved.stdout).unwrap();
    assert_eq!(shown["edit"], 8);
}

#[test]
fn a_server_that_is_gone_when_saving_loses_no_text() {
    let dir = tempfile::tempdir().unwrap();
    let editor = editor(&dir, "sed -i 's/You explain/You show/' \"$file\"");
    let busy = problem(503, "store_unavailable", "the store cannot be written", "");
    let ran = ran(
        &["edit", "explanation", "--editor", &editor],
        &[ok(&draft(7, "{{ question }}", &json!([]))), busy],
    );
    let failure = ran.ended.unwrap_err();
    assert_eq!(failure.exit(), Exit::Unreachable);
    let file = kept(told(&failure).advice.as_deref().unwrap());
    assert!(fs::read_to_string(&file).unwrap().contains("You show."));
    throw_away(&file);
}

#[test]
fn a_new_prompt_begins_with_an_example_whose_model_the_server_knows() {
    let dir = tempfile::tempdir().unwrap();
    let editor = editor(&dir, "sed -i 's/short sentences/long words/' \"$file\"");
    let list = json!({ "prompts": [prompt(Some(3), None)] });
    let ran = ran(
        &["new", "word-game", "--editor", &editor],
        &[
            problem(404, "no_such_prompt", "there is no prompt `word-game`", ""),
            ok(&list),
            ok(&version(3, &json!([]))),
            json_reply(201, &draft(1, "{{ question }}", &json!([]))),
        ],
    );
    assert_eq!(ran.ended, Ok(Exit::Success));
    let saved = &ran.asked[3];
    assert_eq!(saved.line, "PUT /v1/prompts/word-game/draft");
    assert_eq!(saved.only_if.as_deref(), Some("*"));
    assert_eq!(saved.body["content"]["model"], "small");
    let system = saved.body["content"]["messages"][0]["content"]
        .as_str()
        .unwrap();
    assert!(system.contains("long words"), "{system}");
}

#[test]
fn a_prompt_that_is_there_already_is_not_begun_again() {
    let ran = ran(
        &["new", "explanation", "--yes"],
        &[ok(&prompt(Some(3), None))],
    );
    let failure = ran.ended.unwrap_err();
    assert_eq!(failure.exit(), Exit::Usage);
    let advice = told(&failure).advice.as_deref();
    assert_eq!(
        advice,
        Some("To change it: punchcard prompt edit explanation")
    );
}

#[test]
fn publishing_names_the_edit_and_tells_the_number() {
    let published = version(4, &json!([]));
    let ran = ran(
        &["publish", "explanation", "--notes", "Shorter."],
        &[ok(&prompt(Some(3), Some(7))), json_reply(201, &published)],
    );
    assert_eq!(ran.ended, Ok(Exit::Success));
    assert_eq!(ran.asked[1].body, json!({"edit": 7, "notes": "Shorter."}));
    assert_eq!(ran.stdout, "explanation has a new version: 4\n");
}

#[test]
fn a_broken_draft_is_not_published_and_its_mistakes_are_told() {
    let refusal = json!({
        "title": "Broken", "status": 422, "code": "broken_prompt", "detail": "the draft has mistakes",
        "findings": [{"severity": "error", "place": "messages[0]", "line": 3, "column": 1,
                      "message": "unknown variable", "remedy": "Add it to the input schema."}],
    });
    let ran = ran(
        &["publish", "explanation", "--edit", "7"],
        &[json_reply(422, &refusal)],
    );
    assert_eq!(ran.ended.unwrap_err().exit(), Exit::Negative);
    assert!(
        ran.stdout
            .contains("message 1, line 3, column 1  unknown variable")
    );
}

#[test]
fn a_draft_is_discarded_only_as_it_was_seen() {
    let ran = ran(
        &["discard", "explanation", "--yes"],
        &[
            ok(&prompt(Some(3), Some(7))),
            (204, "text/plain", String::new()),
        ],
    );
    assert_eq!(ran.ended, Ok(Exit::Success));
    assert_eq!(ran.asked[1].line, "DELETE /v1/prompts/explanation/draft");
    assert_eq!(ran.asked[1].only_if.as_deref(), Some("\"7\""));
}

#[test]
fn a_shared_text_is_saved_over_the_edit_that_was_seen() {
    let dir = tempfile::tempdir().unwrap();
    let editor = editor(&dir, "printf 'Be strict.' > \"$file\"");
    let partials = json!({"partials": [{"name": "tone", "edit": 3, "text": "Be kind.",
        "saved_at": AT, "by": by("mina")}]});
    let ran = ran(
        &["partial", "edit", "tone", "--editor", &editor],
        &[ok(&partials), ok(&json!({"name": "tone", "edit": 4}))],
    );
    assert_eq!(ran.ended, Ok(Exit::Success));
    assert_eq!(ran.asked[1].line, "PUT /v1/partials/tone");
    assert_eq!(ran.asked[1].only_if.as_deref(), Some("\"3\""));
    assert_eq!(ran.asked[1].body, json!({"text": "Be strict."}));
}

#[test]
fn another_planners_shared_text_is_shown_beside_ones_own_which_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let editor = editor(&dir, "printf 'Be strict.\\n' > \"$file\"");
    let tone = |edit: u32, text: &str| json!({"name": "tone", "edit": edit, "text": text, "saved_at": AT, "by": by("ben")});
    let conflict = json!({
        "title": "Conflict", "status": 409, "code": "partial_conflict", "detail": "another edit",
        "current": tone(4, "Be very kind.\n"),
    });
    let partials = json!({"partials": [tone(3, "Be kind.\n")]});
    let refused = ran(
        &["partial", "edit", "tone", "--editor", &editor],
        &[ok(&partials), json_reply(409, &conflict)],
    );
    let failure = refused.ended.unwrap_err();
    let complaint = told(&failure);
    assert_eq!(
        complaint.sentence,
        "ben saved edit 4 of `tone`; yours is not saved, and nothing is lost"
    );
    for line in ["-Be very kind.", "+Be strict."] {
        assert!(refused.stdout.contains(line), "{}", refused.stdout);
    }
    let file = opened(&refused.stderr);
    let advice = complaint.advice.as_deref().unwrap();
    let command = advice.split("save it: punchcard prompt ").nth(1).unwrap();
    // The way on that it tells works.
    let words: Vec<&str> = command.split(' ').collect();
    let again = ran(&words, &[ok(&partials), ok(&tone(5, ""))]);
    assert_eq!(again.ended, Ok(Exit::Success));
    assert_eq!(again.asked[1].only_if.as_deref(), Some("\"4\""));
    throw_away(&file);
}

#[test]
fn an_editor_that_fails_leaves_no_text_behind_but_one_that_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let replies = [ok(&draft(7, "{{ question }}", &json!([])))];
    let failed = ran(
        &["edit", "explanation", "--editor", &editor(&dir, "exit 1")],
        &replies,
    );
    assert!(failed.ended.is_err());
    assert!(!opened(&failed.stderr).exists());
    let written = editor(&dir, "echo more >> \"$file\"; exit 1");
    let failed = ran(&["edit", "explanation", "--editor", &written], &replies);
    let failure = failed.ended.unwrap_err();
    let file = kept(told(&failure).advice.as_deref().unwrap());
    assert_eq!(file, opened(&failed.stderr));
    throw_away(&file);
}

#[test]
fn a_discarded_draft_is_said_to_be_gone() {
    let ran = ran(
        &["discard", "explanation", "--yes"],
        &[ok(&prompt(Some(3), Some(7))), ok(&prompt(Some(3), None))],
    );
    assert!(!ran.stderr.contains("text stays"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("prompt history explanation"),
        "{}",
        ran.stderr
    );
}
