//! Pairs of tickets, and what is said of them.

use std::sync::Arc;

use proptest::prelude::*;
use punchcard_events::TicketId;
use punchcard_events::ticket::{Parameters, StateName, TicketState};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::prompts::LineKind;

fn side(answer: Option<Value>) -> Side {
    let ticket = TicketId(Uuid::from_u128(7));
    Side {
        state: StateName::Delivered,
        answer,
        ..Side::of(ticket, &TicketState::Unrequested, |_, _| None)
    }
}

fn compared(left: Value, right: Value) -> Comparison {
    Comparison::between(side(Some(left)), side(Some(right)))
}

fn lines(changes: &[LineChange]) -> Vec<String> {
    let line = |change: &LineChange| {
        let sign = match change.op {
            LineKind::Same => ' ',
            LineKind::Removed => '-',
            LineKind::Added => '+',
        };
        format!("{sign}{}", change.line)
    };
    changes.iter().map(line).collect()
}

#[test]
fn texts_are_compared_line_by_line() {
    let found = compared(
        json!("Well done.\nGo on."),
        json!("Well done.\nGo on!\nBye."),
    );
    assert!(!found.same);
    assert_eq!(found.json, None);
    let text = found.text.expect("texts have lines");
    assert_eq!(lines(&text), [" Well done.", "-Go on.", "+Go on!", "+Bye."]);
    assert!(
        found.similarity > 0.4 && found.similarity < 0.9,
        "{}",
        found.similarity
    );
}

#[test]
fn documents_are_compared_place_by_place() {
    let left = json!({ "score": 4, "notes": ["a", "b"], "a/b": { "~": 1 }, "gone": null });
    let right = json!({ "score": 5, "notes": ["a"], "a/b": { "~": 2 }, "new": [] });
    let found = compared(left, right);
    assert_eq!(found.text, None);
    let places: Vec<_> = found
        .json
        .iter()
        .flatten()
        .map(|change| (change.pointer.as_str(), change.op))
        .collect();
    assert_eq!(
        places,
        [
            ("/a~1b/~0", JsonOp::Changed),
            ("/gone", JsonOp::Removed),
            ("/new", JsonOp::Added),
            ("/notes/1", JsonOp::Removed),
            ("/score", JsonOp::Changed),
        ]
    );
    let shown = serde_json::to_value(&found.json).expect("JSON");
    assert_eq!(
        shown[1],
        json!({ "pointer": "/gone", "op": "removed", "left": null })
    );
}

#[test]
fn a_text_beside_a_document_is_compared_as_text() {
    let found = compared(json!("4 of 5"), json!({ "score": 4 }));
    assert!(found.json.is_none() && found.text.is_some());
}

#[test]
fn the_same_answer_is_the_same_whatever_the_order_of_its_members() {
    let found = compared(json!({ "a": 1, "b": [2] }), json!({ "b": [2], "a": 1 }));
    assert!(found.same);
    assert_eq!((found.similarity, found.json), (1.0, Some(vec![])));
}

#[test]
fn a_missing_answer_is_like_none_and_same_as_none() {
    for (left, right) in [
        (None, Some(json!("a"))),
        (Some(json!("a")), None),
        (None, None),
    ] {
        let found = Comparison::between(side(left), side(right));
        assert_eq!((found.same, found.similarity), (false, 0.0));
        assert!(found.text.is_none() && found.json.is_none());
    }
}

#[test]
fn only_settings_that_differ_are_named() {
    let (mut left, mut right) = (side(None), side(None));
    left.model = Some("small".to_owned());
    right.model = Some("large".to_owned());
    left.parameters = Some(Arc::default());
    right.parameters = Some(Arc::new(Parameters {
        temperature: Some(0.5),
        ..Parameters::default()
    }));
    let found = Comparison::between(left, right);
    let names: Vec<_> = found
        .parameters
        .iter()
        .map(|change| change.name.as_str())
        .collect();
    assert_eq!(names, ["model", "temperature"]);
    assert_eq!(found.parameters[1].left, Value::Null);
    assert_eq!(found.parameters[1].right, json!(0.5));
}

#[test]
fn very_many_differences_are_cut_and_that_is_said() {
    let many: Vec<_> = (0..MAX_CHANGES + 1).collect();
    let found = compared(json!(many), json!([]));
    assert!(found.cut);
    assert_eq!(found.json.map(|all| all.len()), Some(MAX_CHANGES));
}

#[test]
fn likeness_orders_from_the_same_to_nothing_in_common() {
    let like = |left: &str, right: &str| similarity(&json!(left), &json!(right));
    let sentence = "The essay is clear, and its second paragraph is too long.";
    let one_word = "The essay is clear, and its third paragraph is too long.";
    let turned = "Its second paragraph is too long, and the essay is clear.";
    let other = "물은 셀 수 없는 명사입니다.";
    assert!((like(sentence, sentence) - 1.0).abs() < f64::EPSILON);
    assert!(like(sentence, one_word) > like(sentence, turned));
    assert!(like(sentence, turned) > like(sentence, other));
    assert!(
        like("漢字の文です", "漢字の文だ") > 0.5,
        "no spaces are needed"
    );
    assert!(like("a b a c a", "a c a b a") < 1.0, "the order counts");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn likeness_is_a_number_from_nothing_to_one_and_the_same_from_both_sides(
        left in "[ab .\n가]{0,24}", right in "[ab .\n가]{0,24}",
    ) {
        let (left, right) = (json!(left), json!(right));
        let like = similarity(&left, &right);
        prop_assert!((0.0..=1.0).contains(&like));
        prop_assert_eq!(like, similarity(&right, &left));
    }

    #[test]
    fn both_texts_can_be_read_out_of_their_comparison(
        left in "[ab]{0,3}(\n[ab]{1,3}){0,6}", right in "[ab]{0,3}(\n[ab]{1,3}){0,6}",
    ) {
        let changes = text::changes(&left, &right);
        let of = |skipped: LineKind| {
            let kept = changes.iter().filter(|change| change.op != skipped);
            kept.map(|change| change.line.as_str()).collect::<Vec<_>>().join("\n")
        };
        prop_assert_eq!(of(LineKind::Added), left);
        prop_assert_eq!(of(LineKind::Removed), right);
    }

    #[test]
    fn two_documents_differ_nowhere_only_if_they_are_the_same(
        left in any::<[u8; 3]>(), right in any::<[u8; 3]>(),
    ) {
        let document = |[a, b, c]: [u8; 3]| json!({ "a": a % 2, "b": [b % 2, { "c": c % 2 }] });
        let (left, right) = (document(left), document(right));
        prop_assert_eq!(json::differences(&left, &right).0.is_empty(), left == right);
    }
}
