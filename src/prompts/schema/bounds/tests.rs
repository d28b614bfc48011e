//! Schemas that are too much work, and those that only look so.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::super::Schema;

/// Definitions `a0` to `a40`, each of the next made by `turn` from a reference to the one before.
fn chain(turn: impl Fn(Value) -> Value) -> Value {
    let mut schema = json!({ "$defs": { "a0": { "type": "string" } }, "$ref": "#/$defs/a40" });
    for number in 1..=40 {
        let before = json!({ "$ref": format!("#/$defs/a{}", number - 1) });
        schema["$defs"][format!("a{number}")] = turn(before);
    }
    schema
}

fn refused(schema: &Value) -> bool {
    let begun = Instant::now();
    let refused = Schema::compile(schema).is_err();
    assert!(begun.elapsed() < Duration::from_secs(5), "it took long");
    refused
}

#[test]
fn references_that_double_at_each_step_are_refused_fast() {
    type Turn = fn(Value) -> Value;
    let turns: [(&str, Turn); 13] = [
        ("allOf", |a| json!({ "allOf": [a, a] })),
        ("anyOf", |a| json!({ "anyOf": [a, a] })),
        ("oneOf", |a| json!({ "oneOf": [a, a] })),
        ("not", |a| json!({ "not": a, "allOf": [a] })),
        ("if", |a| json!({ "if": a, "then": a, "else": a })),
        ("ref", |a| {
            let reference = a["$ref"].clone();
            json!({ "$ref": reference, "allOf": [a] })
        }),
        (
            "dependent",
            |a| json!({ "dependentSchemas": { "x": a, "y": a } }),
        ),
        ("properties", |a| {
            let inner = json!({ "properties": { "x": a } });
            json!({ "allOf": [inner, inner] })
        }),
        (
            "patterns",
            |a| json!({ "patternProperties": { "^x": a }, "additionalProperties": a }),
        ),
        ("items", |a| json!({ "items": { "allOf": [a, a] } })),
        ("contains", |a| json!({ "items": a, "contains": a })),
        ("prefix", |a| json!({ "prefixItems": [a], "items": a })),
        (
            "unevaluated",
            |a| json!({ "allOf": [a], "unevaluatedProperties": true }),
        ),
    ];
    for (name, turn) in turns {
        assert!(refused(&chain(turn)), "{name} was taken");
    }
    let dynamic = chain(|a| {
        let last = a["$ref"].as_str().unwrap_or_default();
        let last = last.trim_start_matches("#/$defs/").to_owned();
        let number: u32 = last.trim_start_matches('a').parse().unwrap();
        let to = json!({ "$dynamicRef": format!("#b{number}") });
        let next = format!("b{}", number + 1);
        json!({ "$dynamicAnchor": next, "allOf": [to, to] })
    });
    let mut dynamic = dynamic;
    dynamic["$defs"]["a0"] = json!({ "$dynamicAnchor": "b0" });
    assert!(refused(&dynamic), "$dynamicRef was taken");
}

#[test]
fn a_definition_that_is_shared_by_different_members_is_no_work_and_is_taken() {
    // 2^40 ways through the schema, of which each value takes one.
    let schema = chain(|a| json!({ "properties": { "x": a, "y": a }, "prefixItems": [a, a] }));
    let schema = Schema::compile(&schema).unwrap();
    assert!(schema.check(&json!({ "x": { "y": { "x": {} } } })).is_ok());
}

#[test]
fn references_in_a_circle_are_refused_unless_each_turn_goes_further_inside() {
    for circle in [
        json!({ "$ref": "#" }),
        json!({ "allOf": [{ "$ref": "#" }] }),
        json!({ "$defs": { "a": { "not": { "$ref": "#/$defs/b" } }, "b": { "$ref": "#/$defs/a" } },
                "properties": { "x": { "$ref": "#/$defs/a" } } }),
        json!({ "$dynamicAnchor": "n", "if": { "$dynamicRef": "#n" } }),
    ] {
        assert!(refused(&circle), "{circle} was taken");
    }
    let tree = json!({
        "$dynamicAnchor": "tree",
        "type": "object",
        "required": ["name"],
        "properties": {
            "name": { "type": "string" },
            "left": { "$ref": "#" },
            "right": { "$ref": "#tree" },
            "children": { "type": "array", "items": { "$dynamicRef": "#tree" } },
        },
    });
    let tree = Schema::compile(&tree).unwrap();
    let mut value = json!({ "name": "leaf" });
    for _ in 0..40 {
        value = json!({ "name": "inner", "left": { "name": "leaf" }, "children": [value] });
    }
    assert!(tree.check(&value).is_ok());
    value["left"]["name"] = json!(7);
    assert_eq!(tree.check(&value).unwrap_err().pointer, "/left/name");
}

#[test]
fn a_recursion_that_branches_takes_values_that_are_not_nested_deeply() {
    let kind = |kind: &str| json!({ "required": [kind], "properties": { kind: {}, "of": { "$ref": "#" } } });
    let schema = json!({ "anyOf": [kind("sum"), kind("product"), kind("number")] });
    let schema = Schema::compile(&schema).unwrap();
    let mut value = json!({ "number": 1 });
    for _ in 0..4 {
        value = json!({ "sum": true, "of": value });
    }
    assert!(schema.check(&value).is_ok());
    for _ in 0..60 {
        value = json!({ "wrong": true, "of": value });
    }
    let begun = Instant::now();
    let refused = schema.check(&value).unwrap_err();
    assert!(refused.message.contains("nested"), "{refused:?}");
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn a_value_is_refused_where_its_size_and_the_schema_make_too_much_work() {
    let words: Vec<_> = (0..5_000).map(|number| format!("word {number}")).collect();
    let schema = Schema::compile(&json!({ "items": { "enum": words } })).unwrap();
    assert!(schema.check(&json!(vec!["word 7"; 300])).is_ok());
    let refused = schema.check(&json!(vec!["word 7"; 100_000])).unwrap_err();
    assert!(refused.message.contains("large"), "{refused:?}");
}

#[test]
fn the_size_of_a_schema_and_its_patterns_are_bounded() {
    let many: serde_json::Map<_, _> = (0..65)
        .map(|number| (format!("p{number}"), json!({ "pattern": "^x$" })))
        .collect();
    let mut deep = json!({});
    for _ in 0..40 {
        deep = json!({ "properties": { "x": deep } });
    }
    for (schema, told) in [
        (json!({ "properties": many }), "more than 64 patterns"),
        (
            json!({ "pattern": "x".repeat(1_001) }),
            "more than 1000 bytes",
        ),
        (json!({ "pattern": r"\p{L}{1000}" }), "no JSON Schema"),
        (json!({ "enum": vec![1; 10_001] }), "more than 10000 values"),
        (deep, "levels deep"),
        (json!({ "$ref": "#/$defs/none" }), "leads nowhere"),
    ] {
        let error = Schema::compile(&schema).unwrap_err();
        assert!(error.message.contains(told), "{error:?}");
    }
    let usual = json!({ "properties": { "word": { "pattern": r"^[\w가-힣 ]{1,40}$" } } });
    assert!(Schema::compile(&usual).is_ok());
}

/// Definitions that each lead to the one before, and the root to the last.
fn refs(count: usize) -> Value {
    let mut schema = json!({ "$defs": { "a0": {} }, "$ref": format!("#/$defs/a{count}") });
    for number in 1..=count {
        let before = json!({ "$ref": format!("#/$defs/a{}", number - 1) });
        schema["$defs"][format!("a{number}")] = before;
    }
    schema
}

#[test]
fn a_long_chain_of_references_is_refused_before_it_takes_the_stack() {
    let error = Schema::compile(&refs(3_000)).unwrap_err();
    assert!(error.message.contains("one inside the other"), "{error:?}");
    // What is just not refused fits on the stack of a thread that was not made for it.
    let schema = Schema::compile(&refs(120)).unwrap();
    assert!(schema.check(&json!(1)).is_ok());
    let list = json!({ "properties": { "next": { "$ref": "#" }, "end": false } });
    let schema = Schema::compile(&list).unwrap();
    let mut value = json!({ "end": 1 });
    for _ in 0..120 {
        value = json!({ "next": value });
    }
    assert!(schema.check(&value).is_err());
}
