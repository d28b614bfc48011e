//! How expectations are written: planners read and write this JSON in files.

use punchcard_events::prompt::{Expectation, TestCase};
use serde_json::{Value, from_value, json, to_value};

use crate::samples::case;

/// Every expectation as it is written, with all of its fields.
pub(crate) fn all() -> Vec<(Value, Expectation)> {
    let text = str::to_owned;
    vec![
        (json!("fits_schema"), Expectation::FitsSchema),
        (
            json!({ "contains": "day" }),
            Expectation::Contains(text("day")),
        ),
        (
            json!({ "not_contains": "night" }),
            Expectation::NotContains(text("night")),
        ),
        (
            json!({ "matches": "^Well" }),
            Expectation::Matches(text("^Well")),
        ),
        (
            json!({ "json_equals": { "path": "$.level", "value": null } }),
            Expectation::JsonEquals {
                path: text("$.level"),
                value: Value::Null,
            },
        ),
        (
            json!({ "number_between": { "path": "$.score", "min": 0.5, "max": 5.0 } }),
            Expectation::NumberBetween {
                path: text("$.score"),
                min: Some(0.5),
                max: Some(5.0),
            },
        ),
        (
            json!({ "length_between": { "min": 10, "max": 400 } }),
            Expectation::LengthBetween {
                min: Some(10),
                max: Some(400),
            },
        ),
        (
            json!({ "language": "ko" }),
            Expectation::Language(text("ko")),
        ),
        (
            json!({ "latency_under_ms": 9000 }),
            Expectation::LatencyUnderMs(9_000),
        ),
        (
            json!({ "tokens_under": 800 }),
            Expectation::TokensUnder(800),
        ),
        (
            json!({ "rubric": { "text": "It is kind.", "model": "judge" } }),
            Expectation::Rubric {
                text: text("It is kind."),
                model: Some(text("judge")),
            },
        ),
    ]
}

#[test]
fn every_expectation_is_written_in_plain_words_and_read_back() {
    for (written, expectation) in all() {
        assert_eq!(to_value(&expectation).expect("JSON"), written);
        let read: Expectation = from_value(written.clone()).expect("an expectation");
        assert_eq!(read, expectation, "{written}");
    }
}

#[test]
fn what_may_be_left_out_may_be_left_out() {
    for written in [
        json!({ "number_between": { "path": "$.score" } }),
        json!({ "length_between": { "max": 5 } }),
        json!({ "rubric": { "text": "It is kind." } }),
    ] {
        let read: Expectation = from_value(written.clone()).expect("an expectation");
        assert_eq!(to_value(&read).expect("JSON"), written);
    }
}

#[test]
fn an_expectation_that_is_not_known_is_refused() {
    for written in [
        json!("fits"),
        json!({ "contain": "day" }),
        json!({ "contains": "day", "matches": "x" }),
        json!({ "contains": 5 }),
        json!({ "number_between": { "path": "$.score", "least": 1 } }),
        json!({ "rubric": { "text": "It is kind.", "modell": "judge" } }),
        json!({ "json_equals": { "path": "$.level" } }),
        json!({ "length_between": { "min": -1 } }),
    ] {
        let read = from_value::<Expectation>(written.clone());
        assert!(read.is_err(), "{written} was read as {read:?}");
    }
}

#[test]
fn a_test_case_refuses_fields_it_does_not_know() {
    let mut written = to_value(case("day")).expect("JSON");
    assert_eq!(
        from_value::<TestCase>(written.clone()).ok(),
        Some(case("day"))
    );
    written["expects"] = json!([]);
    assert!(from_value::<TestCase>(written).is_err());
}
