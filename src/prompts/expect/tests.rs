//! Every expectation passes and fails, with the sentences that planners read.

use std::num::NonZeroUsize;
use std::sync::Arc;

use proptest::prelude::*;
use punchcard_actors::ports::{Answered, Judge, Judges, Verdict};
use punchcard_events::prompt::{Content, Expectation};
use punchcard_events::ticket::Usage;
use punchcard_events::{TaskName, TenantId};
use serde_json::{Value, json};

mod sentences;
mod test_sets;

use super::super::Limits;
use super::PromptJudges;

fn judges() -> PromptJudges {
    let bytes = NonZeroUsize::new(100_000).unwrap();
    let limits = Limits {
        max_prompt_bytes: bytes,
        max_answer_bytes: bytes,
    };
    let strict = Limits {
        max_answer_bytes: NonZeroUsize::MIN,
        ..limits
    };
    let own = [((tenant(), TaskName::new("strict").unwrap()), strict)];
    PromptJudges::new(limits, own.into(), ["gpt".to_owned()].into())
}

fn content(answer: &str) -> Arc<Content> {
    let mut content = json!({
        "messages": [{ "role": "user", "content": "Review {{ essay }}" }],
        "model": "gpt",
        "answer": answer,
        "input_schema": { "type": "object", "required": ["essay"], "additionalProperties": false,
                          "properties": { "essay": { "type": "string" } } },
    });
    if answer == "json" {
        content["answer_schema"] = json!({ "type": "object", "required": ["score"],
            "properties": { "score": { "type": "integer" } } });
    }
    Arc::new(serde_json::from_value(content).unwrap())
}

fn judge(answer: &str) -> Arc<dyn Judge> {
    of_task("review", answer)
}

fn of_task(task: &str, answer: &str) -> Arc<dyn Judge> {
    let task = TaskName::new(task).unwrap();
    judges().of(&tenant(), &task, &content(answer)).unwrap()
}

fn tenant() -> TenantId {
    TenantId::new("a").unwrap()
}

#[test]
fn an_answer_is_judged_by_the_limits_of_its_own_task() {
    let answered = Answered {
        input: Arc::new(json!({})),
        content: "long".into(),
        usage: None,
        latency_ms: 0,
    };
    for (task, limit, fits) in [("review", 100_000, true), ("strict", 1, false)] {
        let judge = of_task(task, "text");
        assert_eq!(judge.max_answer_bytes(), NonZeroUsize::new(limit));
        let verdict = judge.judge(&Expectation::FitsSchema, &answered);
        assert_eq!(verdict == Verdict::Holds, fits, "{verdict:?}");
    }
}

fn answered(text: &str) -> Answered {
    Answered {
        input: Arc::new(json!({ "essay": "My summer" })),
        content: text.into(),
        usage: Some(Usage {
            prompt_tokens: 700,
            completion_tokens: 50,
        }),
        latency_ms: 1_200,
    }
}

fn expectation(expected: &Value) -> Expectation {
    serde_json::from_value(expected.clone()).unwrap()
}

const JSON: &str =
    "{\"score\": 4, \"level\": \"good\", \"notes\": [{\"kind\": \"tense\"}, {\"kind\": \"word\"}]}";

#[test]
fn what_holds_holds() {
    for (answer, expected) in [
        (JSON, json!("fits_schema")),
        ("Well done", json!({ "contains": "Well" })),
        ("Well done", json!({ "not_contains": "well" })),
        ("Score: 17", json!({ "matches": "^Score: [0-9]+$" })),
        (
            JSON,
            json!({ "json_equals": { "path": "$.score", "value": 4.0 } }),
        ),
        (
            JSON,
            json!({ "json_equals": { "path": "$.notes[-1].kind", "value": "word" } }),
        ),
        (
            JSON,
            json!({ "json_equals": { "path": "$.notes[?@.kind == 'tense']", "value": { "kind": "tense" } } }),
        ),
        (
            JSON,
            json!({ "number_between": { "path": "$['score']", "min": 4, "max": 4 } }),
        ),
        (
            JSON,
            json!({ "number_between": { "path": "$.score", "max": 5 } }),
        ),
        (
            "아주 좋아요",
            json!({ "length_between": { "min": 6, "max": 6 } }),
        ),
        ("아주 좋아요", json!({ "language": "ko" })),
        ("x", json!({ "latency_under_ms": 1200 })),
        ("x", json!({ "tokens_under": 750 })),
    ] {
        let expected = expectation(&expected);
        let verdict = judge("json").judge(&expected, &answered(answer));
        assert_eq!(verdict, Verdict::Holds, "{expected:?}");
    }
}

#[test]
fn tokens_that_were_not_counted_are_not_few() {
    let uncounted = Answered {
        usage: None,
        ..answered("x")
    };
    let verdict = judge("text").judge(&Expectation::TokensUnder(1_000_000), &uncounted);
    let sentence =
        "The call should use at most 1000000 tokens, but the model did not say how many it used.";
    assert_eq!(verdict, Verdict::Fails(sentence.to_owned()));
}

#[test]
fn an_expectation_that_cannot_be_judged_fails_with_the_reason() {
    for (expected, sentence) in [
        (
            json!({ "matches": "(" }),
            "The pattern \"(\" cannot be used: unclosed group.",
        ),
        (
            json!({ "matches": "(\\w{1000}){1000}" }),
            "The pattern \"(\\w{1000}){1000}\" cannot be used: it takes too much memory; make it simpler.",
        ),
        (
            json!({ "json_equals": { "path": "$..a..b", "value": 1 } }),
            "The path \"$..a..b\" cannot be used: `..` stands in it more than 1 times.",
        ),
    ] {
        let verdict = judge("json").judge(&expectation(&expected), &answered("{}"));
        assert_eq!(verdict, Verdict::Fails(sentence.to_owned()));
    }
    let verdict = judge("json").judge(&Expectation::Language("xx".to_owned()), &answered("a"));
    assert!(
        matches!(verdict, Verdict::Fails(why) if why.starts_with("The language \"xx\" is not known here;"))
    );
}

#[test]
fn a_rubric_is_put_to_the_model_it_names() {
    let rubric = |model: Option<&str>| Expectation::Rubric {
        text: "It is kind.".to_owned(),
        model: model.map(str::to_owned),
    };
    for model in [None, Some("gpt")] {
        match judge("text").judge(&rubric(model), &answered("Well done")) {
            Verdict::AskModel(asked) => {
                assert_eq!(asked.model.as_deref(), model);
                assert!(asked.parameters.json);
            }
            other => unreachable!("{other:?}"),
        }
    }
    let grade = judge("text").grade("It is kind.", "{\"pass\": true, \"reason\": \"It is.\"}");
    assert_eq!(grade, Verdict::Holds);
}

/// One expectation of each kind that looks at the answer.
fn every_kind() -> Vec<Expectation> {
    [
        json!("fits_schema"),
        json!({ "contains": "é" }),
        json!({ "not_contains": "e" }),
        json!({ "matches": "(a|é)+\\s*$" }),
        json!({ "json_equals": { "path": "$..a", "value": [1, { "b": null }] } }),
        json!({ "json_equals": { "path": "$.a[?@ > 1]", "value": 2 } }),
        json!({ "number_between": { "path": "$[0]", "min": -1, "max": 1e300 } }),
        json!({ "length_between": { "min": 1, "max": 3 } }),
        json!({ "language": "ko" }),
        json!({ "language": "ja" }),
        json!({ "language": "en" }),
        json!({ "latency_under_ms": 1 }),
        json!({ "tokens_under": 1 }),
        json!({ "rubric": { "text": "kind" } }),
    ]
    .iter()
    .map(expectation)
    .collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_answer_makes_a_judge_panic(
        answer in prop_oneof![".{0,300}", "[\\[{}\\]\",:0-9.a-eé -]{0,80}", "(?s)[가-힣ぁ-ん一-鿿\u{0}-\u{7f}]{0,300}"],
        grade in prop_oneof![".{0,80}", Just("```json\n{\"pass\": true}```".to_owned())],
    ) {
        let judge = judge("json");
        for expected in every_kind() {
            if let Verdict::Fails(why) = judge.judge(&expected, &answered(&answer)) {
                prop_assert!(!why.chars().any(char::is_control), "{why:?}");
                prop_assert!(why.chars().count() < 2_500, "{why}");
            }
        }
        prop_assert!(!matches!(judge.grade("kind", &grade), Verdict::AskModel(_)));
    }

    #[test]
    fn no_pattern_or_path_makes_a_judge_panic(text in "[\\PC]{0,60}", path in "[$.@?*,()!\\[\\]'a0-9: =<>&|-]{0,60}") {
        let judge = judge("json");
        let answered = answered("{\"a\": [{\"a\": 1}, [2, \"x\"]]}");
        for expected in [
            Expectation::Matches(text.clone()),
            Expectation::JsonEquals { path: text, value: json!(1) },
            Expectation::JsonEquals { path: format!("${path}"), value: json!(1) },
        ] {
            judge.judge(&expected, &answered);
        }
    }
}
