//! That the document says everything of the routes, and nothing else.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{admin_document, areas, document};
use crate::http::routes::{Route, admin_table, table};

fn name(method: &impl ToString, path: &str) -> String {
    format!("{} {path}", method.to_string())
}

#[test]
fn every_route_has_exactly_one_operation_and_no_operation_is_without_a_route() {
    let areas = areas();
    let said: Vec<_> = areas
        .iter()
        .flat_map(|area| &area.operations)
        .map(|operation| name(&operation.method, operation.path))
        .collect();
    let distinct: BTreeSet<_> = said.iter().cloned().collect();
    assert_eq!(said.len(), distinct.len(), "an operation is said twice");
    let routes: BTreeSet<_> = table()
        .chain(admin_table())
        .map(|route: &Route| name(&route.method, route.path))
        .collect();
    let unsaid: Vec<_> = routes.difference(&distinct).collect();
    let unserved: Vec<_> = distinct.difference(&routes).collect();
    assert!(
        unsaid.is_empty(),
        "routes without an operation: {unsaid:#?}"
    );
    assert!(
        unserved.is_empty(),
        "operations without a route: {unserved:#?}"
    );
    println!(
        "{} operations for {} routes",
        said.len(),
        table().count() + admin_table().count()
    );
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let areas = areas();
    let mut seen = BTreeSet::new();
    for operation in areas.iter().flat_map(|area| &area.operations) {
        assert!(seen.insert(operation.id), "{} is there twice", operation.id);
        assert!(
            !operation.answers.is_empty(),
            "{} has no answer",
            operation.id
        );
        assert!(!operation.summary.ends_with('.'), "{}", operation.id);
    }
}

fn each(value: &Value, seen: &mut dyn FnMut(&serde_json::Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            seen(members);
            members.values().for_each(|member| each(member, seen));
        }
        Value::Array(items) => items.iter().for_each(|item| each(item, seen)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_type_is_referred_to() {
    for document in [document(), admin_document()] {
        let mut used = BTreeSet::new();
        each(document, &mut |members| {
            if let Some(place) = members.get("$ref").and_then(Value::as_str) {
                let found = place
                    .strip_prefix('#')
                    .and_then(|place| document.pointer(place));
                assert!(found.is_some(), "{place} leads nowhere");
                used.insert(place.to_owned());
            }
        });
        for name in document["components"]["schemas"]
            .as_object()
            .expect("types")
            .keys()
        {
            assert!(
                used.contains(&format!("#/components/schemas/{name}")),
                "{name} is not used"
            );
            let numbered = name.ends_with(|last: char| last.is_ascii_digit());
            assert!(!numbered, "{name}: two types have one name");
        }
    }
}

#[test]
fn an_example_is_what_its_operation_takes() {
    let mut count = 0;
    for document in [document(), admin_document()] {
        each(document, &mut |members| {
            let (Some(example), Some(schema)) = (members.get("example"), members.get("schema"))
            else {
                return;
            };
            let mut whole = schema.clone();
            whole["components"] = document["components"].clone();
            let validator = jsonschema::validator_for(&whole).expect("a schema");
            let errors: Vec<_> = validator
                .iter_errors(example)
                .map(|e| e.to_string())
                .collect();
            assert!(errors.is_empty(), "{example}: {errors:?}");
            count += 1;
        });
    }
    assert!(count > 10, "{count} examples");
}
