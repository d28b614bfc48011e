//! Differences as data and as text.

use std::sync::Arc;

use proptest::prelude::*;
use punchcard_events::prompt::MessageTemplate;
use serde_json::json;

use super::super::testing::{content, partials};
use super::*;

#[test]
fn equal_contents_do_not_differ() {
    let view = DiffView::between(&content("a"), &content("a"));
    assert!(view.same && view.rows().is_empty());
    assert_eq!(view.to_string(), "");
}

#[test]
fn a_difference_is_told_in_the_order_of_the_content() {
    let mut from = content("1\n2\n3\n4\n5\n6\n7\n8\n9\nold\n");
    let mut to = content("1\n2\n3\n4\n5\n6\n7\n8\n9\nnew\u{1b}[2J\u{202e}\u{200b}\nlast");
    from.parameters.temperature = Some(0.5);
    from.messages[0].role = Role::User;
    to.model = "large".to_owned();
    to.answer = AnswerFormat::Json;
    to.parameters.json = true;
    to.messages.push(MessageTemplate {
        role: Role::Assistant,
        content: "Yes.\n".to_owned(),
    });
    to.partials = partials([("tone", "Kind.\n")]);
    from.input_schema = Some(Arc::new(json!({ "b": 1, "a": 2 })));
    let view = DiffView::between(&from, &to);
    assert!(!view.same);
    assert_eq!(
        view.to_string(),
        "model: \"demo\" -> \"large\"\n\
         answer: \"text\" -> \"json\"\n\
         parameters.temperature: 0.5 -> not set\n\
         parameters.json: false -> true\n\
         messages[0] (user -> system)\n\
         messages[1] (user)\n\
         @@ -7,4 +7,5 @@\n \
         7\n \
         8\n \
         9\n\
         -old\n\
         +new\\u{1b}[2J\\u{202e}\\u{200b}\n\
         +last\n\
         \\ no line break at the end\n\
         messages[2] (assistant), new\n\
         @@ -0,0 +1,1 @@\n\
         +Yes.\n\
         partial tone, new\n\
         @@ -0,0 +1,1 @@\n\
         +Kind.\n\
         input_schema, removed\n\
         @@ -1,4 +0,0 @@\n\
         -{\n\
         -  \"a\": 2,\n\
         -  \"b\": 1\n\
         -}\n"
    );
    let data = serde_json::to_value(&view).unwrap();
    assert_eq!(data["texts"][1]["lines"].as_array().unwrap().len(), 12);
    assert_eq!(
        data["texts"][1]["lines"][9],
        json!({ "kind": "removed", "text": "old", "from": 10 })
    );
    assert_eq!(serde_json::from_value::<DiffView>(data).unwrap(), view);
}

#[test]
fn the_order_of_a_schemas_keys_is_no_difference() {
    let with = |text: &str| Content {
        input_schema: Some(Arc::new(serde_json::from_str(text).unwrap())),
        ..content("a")
    };
    let view = DiffView::between(
        &with(r#"{"a":1,"b":{"c":1,"d":2}}"#),
        &with(r#"{"b":{"d":2,"c":1},"a":1}"#),
    );
    assert!(view.same);
}

#[test]
fn two_texts_are_compared_by_themselves() {
    let view = DiffView::of_texts("partial tone", "Kind.\nShort.\n", "Kind.\nLong.\n");
    assert_eq!(
        view.to_string(),
        "partial tone\n@@ -1,2 +1,2 @@\n Kind.\n-Short.\n+Long.\n"
    );
    assert!(DiffView::of_texts("partial tone", "a", "a").same);
}

#[test]
fn texts_of_very_many_lines_take_each_others_place() {
    let many = |word: &str| format!("{word}\n").repeat(20_000);
    let view = DiffView::between(&content(&many("a")), &content(&many("b")));
    assert_eq!(view.texts[0].lines.len(), 40_000);
}

/// The text that the lines of one side make.
fn side(lines: &[TextLine], other: LineKind) -> String {
    let own = lines.iter().filter(|line| line.kind != other);
    own.map(|line| format!("{}{}", line.text, if line.unended { "" } else { "\n" }))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_lines_of_each_side_are_its_text_and_no_row_acts_on_a_terminal(
        from in "[ab\n\r\u{1b}\u{85}]{0,40}",
        to in "[ab\n\r\u{1b}\u{85}]{0,40}",
    ) {
        let lines = lines::compare(&from, &to);
        prop_assert_eq!(side(&lines, LineKind::Added), from.as_str());
        prop_assert_eq!(side(&lines, LineKind::Removed), to.as_str());
        let text = DiffView::between(&content(&from), &content(&to)).to_string();
        prop_assert!(!text.contains(|letter: char| letter.is_control() && letter != '\n'));
        prop_assert_eq!(text.is_empty(), from == to);
    }
}
