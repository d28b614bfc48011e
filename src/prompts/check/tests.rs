//! Contents that are checked, and what is said of them.

use proptest::prelude::*;
use punchcard_events::tenant::{Hooks, TenantState};
use punchcard_events::ticket::AnswerFormat;
use serde_json::json;

use super::super::testing::{content, partials};
use super::*;

fn check(content: &Content) -> Checked {
    check_task("say", content)
}

fn check_task(task: &str, content: &Content) -> Checked {
    let name = |task| TaskName::new(task).unwrap();
    let tenant = TenantId::new("acme").unwrap();
    let models = ["demo", "large"].map(str::to_owned);
    let hooks = Hooks {
        pre_process: Some("/prepare".to_owned()),
        post_process: None,
    };
    let state = TenantState {
        hooks: [(name("hooked"), hooks)].into(),
        ..TenantState::default()
    };
    let checker = PromptChecker::new(models, Directory::of([(tenant.clone(), state)]));
    let shared = partials([("tone", "Be {{ mood }}."), ("other", "{{ broken")]);
    checker.check(&tenant, &name(task), content, &shared)
}

fn told(content: &Content) -> Vec<String> {
    let findings = check(content).findings;
    findings.iter().map(told_one).collect()
}

fn told_one(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    };
    format!("{severity}: {finding}")
}

fn with_schema(words: &str, schema: Value) -> Content {
    Content {
        input_schema: Some(Arc::new(schema)),
        ..content(words)
    }
}

#[test]
fn a_sound_content_has_no_findings_and_gets_its_partials() {
    let words = "{% include \"tone\" %} {{ essay }}";
    let schema =
        json!({ "properties": { "essay": {}, "mood": {} }, "required": ["essay", "mood"] });
    let checked = check(&with_schema(words, schema));
    assert_eq!(checked.findings, []);
    assert!(checked.is_sound());
    assert_eq!(
        checked.content.partials,
        partials([("tone", "Be {{ mood }}.")])
    );
    let again = check(&checked.content);
    assert_eq!(again.content, checked.content);
}

#[test]
fn variables_that_do_not_fit_the_schema_are_named_with_line_and_column() {
    let schema = json!({
        "properties": { "essay": {}, "level": {}, "mood": {}, "topic": {} },
        "required": ["essay"]
    });
    let words = "Essay:\n  {{ esay }}\n{{ level }} {% include 'tone' %}\n{{ zzz }}";
    assert_eq!(
        told(&with_schema(words, schema.clone())),
        [
            "error: messages[1], line 2, column 6: The variable `esay` is not in input_schema. \
             Did you mean `essay`?",
            "error: messages[1], line 3, column 4: The variable `level` may be missing: \
             input_schema does not require it. Require it in input_schema, or write \
             {% if level is defined %} around it, or {{ level | default(\"…\") }}.",
            "error: messages[1], line 4, column 4: The variable `zzz` is not in input_schema. \
             Add it to input_schema, or use what is there: `essay`, `level`, `mood`, `topic`.",
            "error: partial tone, line 1, column 7: The variable `mood` may be missing: \
             input_schema does not require it. Require it in input_schema, or write \
             {% if mood is defined %} around it, or {{ mood | default(\"…\") }}.",
            "warning: input_schema.properties.essay: No template uses `essay`. \
             Write {{ essay }} where it belongs, or take it out of input_schema.",
            "warning: input_schema.properties.topic: No template uses `topic`. \
             Write {{ topic }} where it belongs, or take it out of input_schema.",
        ]
    );
    let hooked = check_task("hooked", &with_schema(words, schema));
    assert_eq!(hooked.findings, []);
}

#[test]
fn a_template_that_does_not_parse_is_named_and_the_others_are_checked_all_the_same() {
    let mut content = with_schema("{{ esay }}", json!({ "properties": { "essay": {} } }));
    content.messages[0].content = "Be\n kind {% if %}".to_owned();
    let told = told(&content);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told[0].starts_with("error: messages[0], line 2, column 1")
            && told[0].contains("The template does not parse: syntax error"),
        "{told:?}"
    );
    assert!(told[1].contains("Did you mean `essay`?"), "{told:?}");
}

#[test]
fn settings_that_no_model_would_take_are_named() {
    let mut content = content("Hi");
    content.model = "larg".to_owned();
    content.parameters.temperature = Some(2.5);
    content.parameters.top_p = Some(f64::NAN);
    content.parameters.max_tokens = Some(0);
    content.answer_schema = Some(Arc::new(json!({ "type": "nothing" })));
    content.input_schema = Some(Arc::new(json!(7)));
    content.messages.pop();
    let told = told(&content);
    let starts = [
        "error: model: The model `larg` is not configured. Did you mean `large`?",
        "error: parameters.max_tokens: Max_tokens is 0. Choose at least 1, or take it away.",
        "error: parameters.temperature: Temperature is outside 0 to 2. Choose a number",
        "error: parameters.top_p: Top_p is outside 0 to 1. Choose a number",
        "warning: messages: No message is from the user. Most models",
        "error: input_schema: This is no JSON Schema: 7 is not ",
        "error: answer_schema: The answer is text, which no schema describes. Set the answer",
        "error: answer_schema: This is no JSON Schema: at /type: ",
    ];
    assert_eq!(told.len(), starts.len(), "{told:#?}");
    for (told, start) in told.iter().zip(starts) {
        assert!(told.starts_with(start), "{told}");
    }
    content.messages.clear();
    content.answer = AnswerFormat::Json;
    let told = self::told(&content);
    let none = "error: messages: The prompt has no messages.";
    assert!(told.iter().any(|told| told.starts_with(none)), "{told:#?}");
}

#[test]
fn an_error_is_never_crowded_out_by_warnings() {
    let properties: serde_json::Map<_, _> = (0..500)
        .map(|number| (format!("p{number}"), json!({})))
        .collect();
    let mut content = with_schema("Hi", json!({ "properties": properties }));
    content.answer_schema = Some(Arc::new(json!({})));
    let checked = check(&content);
    assert_eq!(checked.findings.len(), MAX_FINDINGS);
    assert!(!checked.is_sound());
}

/// Pieces of templates, right and wrong.
fn piece() -> impl Strategy<Value = String> {
    let known = [
        "{{ essay }}",
        "{{ x.y | upper }}",
        "{% if x is defined %}",
        "{% endif %}",
        "{% else %}",
        "{% for i in items %}",
        "{% endfor %}",
        "{{ i }}",
        "{% include 'tone' %}",
        "{% include 'nope' %}",
        "{% set x = 1 %}",
        "{{",
        "%}",
        "{#",
        "\n",
        "한글 ",
        "\r\n",
        "{% extends 'tone' %}",
        "{{ a if b else c[1:] }}",
        "{% raw %}{{ x",
        "{% endraw %}",
    ];
    prop_oneof![
        4 => prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => ".{0,20}",
    ]
}

fn assert_inside(finding: &Finding, content: &Content) {
    let (Some(line), Some(column)) = (finding.line, finding.column) else {
        assert!(finding.line.is_none() && finding.column.is_none());
        return;
    };
    let texts = content.messages.iter().enumerate();
    let mut texts: BTreeMap<_, _> = texts
        .map(|(index, message)| (format!("messages[{index}]"), message.content.as_str()))
        .collect();
    texts.insert("partial tone".to_owned(), "Be {{ mood }}.");
    let mut lines = texts[&finding.place].split('\n');
    let line = lines.nth(line as usize - 1).unwrap();
    assert!(column >= 1 && column as usize <= line.chars().count() + 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_checked_and_every_place_lies_within_it(
        one in prop::collection::vec(piece(), 0..12),
        other in prop::collection::vec(piece(), 0..12),
    ) {
        let schema = json!({ "properties": { "essay": {}, "x": {} }, "required": ["essay"] });
        let mut content = with_schema(&one.concat(), schema);
        content.messages[0].content = other.concat();
        let checked = check(&content);
        for finding in &checked.findings {
            assert_inside(finding, &content);
            assert!(!finding.message.is_empty() && !finding.remedy.is_empty());
        }
        // What is sound can be used.
        let limit = NonZeroUsize::new(10_000).unwrap();
        let limits = super::super::Limits { max_prompt_bytes: limit, max_answer_bytes: limit };
        let compiled = super::super::CompiledPrompt::compile(&checked.content, limits);
        if checked.is_sound() {
            prop_assert!(compiled.is_ok());
        }
    }
}

#[test]
fn mutants_of_templates_are_checked_and_every_place_lies_within_them() {
    crate::fuzz::run_slow_text("prompt", 4, |words| {
        let content = with_schema(words, json!({ "properties": { "essay": {} } }));
        for finding in check(&content).findings {
            assert_inside(&finding, &content);
        }
    });
}

#[test]
fn characters_that_nobody_sees_are_warned_of_and_emoji_are_not() {
    let heart = "\u{2764}\u{fe0f}\u{200d}\u{1f525}";
    let hidden = content(&format!("{heart}\nab\u{200b}\u{2060}c \u{e0041}"));
    assert_eq!(told(&hidden).len(), 2, "{:?}", told(&hidden));
    let findings = check(&hidden).findings;
    let places: Vec<_> = findings
        .iter()
        .map(|finding| (finding.place.as_str(), finding.line, finding.column))
        .collect();
    let place = "messages[1]";
    assert_eq!(
        places,
        [(place, Some(2), Some(3)), (place, Some(2), Some(7))]
    );
    assert_eq!(
        findings[0].message,
        "Here are 2 characters that cannot be seen (the first is U+200B)."
    );
    assert!(check(&hidden).is_sound(), "a warning keeps nothing back");
    assert_eq!(told(&content(heart)), [] as [String; 0]);
    let many = content(&"a\u{200b}".repeat(1_000));
    assert_eq!(told(&many).len(), 5);
}
