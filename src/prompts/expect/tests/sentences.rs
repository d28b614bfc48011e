//! What planners read when an expectation does not hold, word for word.

use punchcard_actors::ports::Verdict;
use punchcard_events::prompt::Expectation;

use super::{JSON, answered, judge};

/// An answer, what is expected of it, and what is said.
const SENTENCES: &[(&str, &str, &str)] = &[
    (
        "well",
        r#""fits_schema""#,
        "The answer is not a JSON document: expected \
             value at line 1 column 1. It is \"well\".",
    ),
    (
        "{\"score\": \"4\"}",
        r#""fits_schema""#,
        "The answer does not fit the answer schema: /score: the value is not of type \"integer\". It is \"{\"score\": \"4\"}\".",
    ),
    (
        "Well\ndone",
        r#"{ "contains": "bad" }"#,
        "The answer should contain \"bad\", but it is \"Well\\ndone\".",
    ),
    (
        "",
        r#"{ "contains": "bad" }"#,
        "The answer should contain \"bad\", but it is empty.",
    ),
    (
        "I am sorry, no.",
        r#"{ "not_contains": "sorry" }"#,
        "The answer should not contain \"sorry\", but it does: \"I am sorry, no.\".",
    ),
    (
        "Score: many",
        r#"{ "matches": "Score: [0-9]+" }"#,
        "The answer should match the pattern \"Score: [0-9]+\", but it is \"Score: many\".",
    ),
    (
        JSON,
        r#"{ "json_equals": { "path": "$.level", "value": "bad" } }"#,
        "At $.level the answer should have \"bad\", but it has \"good\".",
    ),
    (
        JSON,
        r#"{ "json_equals": { "path": "$.grade", "value": 5 } }"#,
        "At $.grade the answer should have 5, but nothing is there.",
    ),
    (
        JSON,
        r#"{ "json_equals": { "path": "$.notes[*].kind", "value": "tense" } }"#,
        "At $.notes[*].kind the answer should have \"tense\", but the path selects 2 values; write \
             one that selects a single value.",
    ),
    (
        "Well done",
        r#"{ "json_equals": { "path": "$.score", "value": null } }"#,
        "At $.score the answer should have null, but the answer is no JSON document: it is \
             \"Well done\".",
    ),
    (
        JSON,
        r#"{ "number_between": { "path": "$.score", "min": 4.5, "max": 5 } }"#,
        "At $.score the answer should have a number, 4.5 to 5, but it has 4.",
    ),
    (
        JSON,
        r#"{ "number_between": { "path": "$.level", "min": 1 } }"#,
        "At $.level the answer should have a number, at least 1, but it has \"good\".",
    ),
    (
        "아주 좋아요",
        r#"{ "length_between": { "min": 7 } }"#,
        "The answer should have at least 7 characters, but it has 6.",
    ),
    (
        "You wrote a good essay; mind the tenses of the verbs.",
        r#"{ "language": "ko" }"#,
        "The answer should be in Korean (ko), but it seems to be in English: it is \"You wrote a \
             good essay; mind the tenses of the verbs.\".",
    ),
    (
        "OK good",
        r#"{ "language": "es" }"#,
        "The answer should be in Spanish (es), but it is too short to tell: it is \"OK good\".",
    ),
    (
        "17!",
        r#"{ "language": "en" }"#,
        "The answer should be in English (en), but it has no words: it is \"17!\".",
    ),
    (
        "x",
        r#"{ "latency_under_ms": 1000 }"#,
        "The answer should be complete within 1000 ms, but it took 1200 ms.",
    ),
    (
        "x",
        r#"{ "tokens_under": 700 }"#,
        "The call should use at most 700 tokens, but it used 750 (700 for the messages, 50 for \
             the answer).",
    ),
];

#[test]
fn what_does_not_hold_is_told_in_a_sentence() {
    for (answer, expected, sentence) in SENTENCES {
        let expected: Expectation = serde_json::from_str(expected).unwrap();
        let verdict = judge("json").judge(&expected, &answered(answer));
        assert_eq!(
            verdict,
            Verdict::Fails((*sentence).to_owned()),
            "{expected:?}"
        );
    }
}
