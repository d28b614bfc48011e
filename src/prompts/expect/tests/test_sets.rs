//! What is found in a test set before it is run.

use std::sync::Arc;

use punchcard_actors::ports::{Judges as _, Severity};
use punchcard_events::prompt::TestCase;
use serde_json::{Value, json};

use super::{content, expectation, judges};

fn case(name: &str, input: Value, expect: &[Value]) -> TestCase {
    TestCase {
        name: name.to_owned(),
        input: Arc::new(input),
        expect: expect.iter().map(expectation).collect(),
    }
}

fn findings(answer: &str, cases: &[TestCase]) -> Vec<(Severity, String, String)> {
    let found = judges().check(cases, Some(&content(answer)));
    assert!(found.iter().all(|finding| !finding.remedy.is_empty()));
    let told = found.into_iter();
    told.map(|finding| (finding.severity, finding.place, finding.message))
        .collect()
}

#[test]
fn a_sound_test_set_has_no_findings() {
    let sound = case(
        "short-essay",
        json!({ "essay": "My summer" }),
        &[
            json!("fits_schema"),
            json!({ "json_equals": { "path": "$.score", "value": 3 } }),
            json!({ "number_between": { "path": "$.score", "min": 0 } }),
            json!({ "length_between": { "max": 500 } }),
            json!({ "language": "ko" }),
            json!({ "rubric": { "text": "It is kind.", "model": "gpt" } }),
        ],
    );
    assert_eq!(findings("json", &[sound]), vec![]);
}

/// What is expected, where the mistake is found, and what is said.
const MISTAKES: &[(&str, &str)] = &[
    (
        r#"{ "matches": "[" }"#,
        "The pattern cannot be used: unclosed character class.",
    ),
    (
        r#"{ "language": "english" }"#,
        "This language is not known.",
    ),
    (
        r#"{ "rubric": { "text": "kind", "model": "gtp" } }"#,
        "There is no model \"gtp\" in the configuration.",
    ),
    (
        r#"{ "rubric": { "text": " " } }"#,
        "The description is empty.",
    ),
    (
        r#"{ "length_between": { "min": 2, "max": 1 } }"#,
        "The least is more than the most.",
    ),
    (
        r#"{ "number_between": { "path": "$.a" } }"#,
        "Neither a least nor a most is given.",
    ),
    (r#"{ "contains": "" }"#, "The text is empty."),
    (r#"{ "tokens_under": 0 }"#, "No answer can do with 0."),
];

#[test]
fn a_mistake_in_a_test_set_is_found_with_its_case() {
    for (expected, message) in MISTAKES {
        let expected: Value = serde_json::from_str(expected).unwrap();
        let case = case(
            "a",
            json!({ "essay": "x" }),
            &[json!({ "contains": "a" }), expected],
        );
        let place = "case a, expect[1]".to_owned();
        let found = (Severity::Error, place, (*message).to_owned());
        assert_eq!(findings("json", &[case]), vec![found]);
    }
    let path = json!({ "json_equals": { "path": "score", "value": 1 } });
    let found = findings("json", &[case("a", json!({ "essay": "x" }), &[path])]);
    assert!(
        found[0].2.starts_with("The path cannot be used: "),
        "{found:?}"
    );
}

#[test]
fn a_case_has_a_name_of_its_own_that_a_file_can_have() {
    let named = |name: &str| case(name, json!({ "essay": "x" }), &[json!({ "contains": "a" })]);
    for bad in ["a b", "", "-a", "A", &"a".repeat(65)] {
        let message = "The name is not one that a file can have.";
        assert_eq!(findings("json", &[named(bad)])[0].2, message, "{bad}");
    }
    let found = findings("json", &[named("a"), named("a")]);
    let message = "Another case has the same name.".to_owned();
    assert_eq!(found, vec![(Severity::Error, "case a".to_owned(), message)]);
}

#[test]
fn what_is_probably_not_meant_is_a_warning() {
    let fine = json!({ "contains": "a" });
    let warn = |answer: &str, case: TestCase| {
        let found = findings(answer, &[case]);
        assert!(
            found
                .iter()
                .all(|(severity, ..)| *severity == Severity::Warning)
        );
        let told = found.into_iter();
        told.map(|(_, place, message)| format!("{place}: {message}"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        warn(
            "text",
            case("a", json!({ "essay": 5 }), std::slice::from_ref(&fine))
        ),
        ["case a, input: It does not fit at /essay: the value is not of type \"string\"."]
    );
    assert_eq!(
        warn("text", case("a", json!({}), std::slice::from_ref(&fine)))[0],
        "case a, input: It does not fit at /essay: `essay` is missing."
    );
    let input = || json!({ "essay": "x" });
    let idle = findings("text", &[case("a", input(), &[])]);
    assert_eq!(idle[0].0, Severity::Error);
    assert_eq!(
        (idle[0].1.as_str(), idle[0].2.as_str()),
        (
            "case a",
            "Nothing is expected of the answer, so any answer passes."
        )
    );
    assert_eq!(
        warn("text", case("a", input(), &[json!("fits_schema")])),
        [
            "case a, expect[0]: The prompt answers with text and has no answer schema, so every answer fits."
        ]
    );
    assert_eq!(
        warn(
            "text",
            case(
                "a",
                input(),
                &[json!({ "number_between": { "path": "$.a", "max": 1 } })]
            )
        ),
        ["case a, expect[0]: The prompt answers with text, where a path leads nowhere."]
    );
    let none = findings("text", &[]);
    assert_eq!(none[0].2, "There are no cases, so nothing can be tested.");
}

#[test]
fn too_many_cases_are_refused_as_a_whole() {
    let many: Vec<_> = (0..1_001)
        .map(|n| case(&format!("c{n}"), json!({}), &[]))
        .collect();
    let found = findings("json", &many);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].2, "There are 1001 cases; the most are 1000.");
}
