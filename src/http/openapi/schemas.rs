//! The schemas of the document: one set of names for what is read and what is written.
//!
//! A type that is read and written has two schemas: what may be left out of a request is always in an
//! answer. Where both are the same they share one name; where they differ, the one of requests is
//! called `…Request`.

use std::collections::BTreeSet;

use schemars::generate::{Contract, SchemaSettings};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value};

/// Text that is not JSON.
#[derive(JsonSchema)]
#[schemars(transparent, inline)]
pub(in crate::http) struct Text(#[expect(dead_code, reason = "only its schema is used")] String);

const PLACE: &str = "#/components/schemas/";

/// Both generators.
pub(super) struct Schemas {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
}

impl Schemas {
    pub(super) fn new() -> Self {
        Self {
            requests: generator(Contract::Deserialize),
            answers: generator(Contract::Serialize),
        }
    }

    /// The schema of something that is read, to be put in its place by [`Self::finish`].
    pub(super) fn request(&mut self, make: super::operation::MakeSchema) -> Value {
        mark(make(&mut self.requests))
    }

    /// The schema of something that is written.
    pub(super) fn answer(&mut self, make: super::operation::MakeSchema) -> Value {
        make(&mut self.answers).to_value()
    }

    /// The named schemas; also names them in `document`, which was made with [`Self::request`].
    pub(super) fn finish(mut self, document: &mut Value) -> Map<String, Value> {
        let requests = self.requests.take_definitions(true);
        let mut all = self.answers.take_definitions(true);
        let differing = differing(&requests, &all);
        let name = |name: &str| match differing.contains(name) {
            true => format!("{name}Request"),
            false => name.to_owned(),
        };
        rename(document, &|place| place.strip_prefix(REQUEST).map(&name));
        for (of, mut schema) in requests {
            rename(&mut schema, &|place| place.strip_prefix(PLACE).map(&name));
            all.entry(name(&of)).or_insert(schema);
        }
        for schema in all.values_mut() {
            tidy(schema);
        }
        all
    }
}

fn generator(contract: Contract) -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
        settings.contract = contract;
    });
    settings.into_generator()
}

/// How a reference from a request is written until the names are known.
const REQUEST: &str = "#request/";

fn mark(schema: Schema) -> Value {
    let mut schema = schema.to_value();
    rename_to(&mut schema, REQUEST, &|place| {
        place.strip_prefix(PLACE).map(str::to_owned)
    });
    schema
}

/// The names of the schemas that are not the same for requests and answers, themselves or by what
/// they refer to.
fn differing(requests: &Map<String, Value>, answers: &Map<String, Value>) -> BTreeSet<String> {
    let mut differing: BTreeSet<String> = requests
        .iter()
        .filter(|(name, schema)| answers.get(*name).is_some_and(|other| other != *schema))
        .map(|(name, _)| name.clone())
        .collect();
    loop {
        let before = differing.len();
        for (name, schema) in requests {
            let mut refers = false;
            each_reference(schema, &mut |place| {
                let to = place.strip_prefix(PLACE);
                refers |= to.is_some_and(|to| differing.contains(to));
            });
            if refers && answers.contains_key(name) {
                differing.insert(name.clone());
            }
        }
        if differing.len() == before {
            return differing;
        }
    }
}

fn each_reference(schema: &Value, seen: &mut dyn FnMut(&str)) {
    match schema {
        Value::Object(members) => {
            if let Some(place) = members.get("$ref").and_then(Value::as_str) {
                seen(place);
            }
            members.values().for_each(|v| each_reference(v, seen));
        }
        Value::Array(items) => items.iter().for_each(|v| each_reference(v, seen)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn rename(value: &mut Value, name: &dyn Fn(&str) -> Option<String>) {
    rename_to(value, PLACE, name);
}

fn rename_to(value: &mut Value, to: &str, name: &dyn Fn(&str) -> Option<String>) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(place)) = members.get_mut("$ref")
                && let Some(new) = name(place)
            {
                *place = format!("{to}{new}");
            }
            members.values_mut().for_each(|v| rename_to(v, to, name));
        }
        Value::Array(items) => items.iter_mut().for_each(|v| rename_to(v, to, name)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Descriptions come from Rust comments: their links lead nowhere here.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(text)) = members.get_mut("description") {
                *text = text.replace("[`", "`").replace("`]", "`");
            }
            // Formats of Rust's numbers; `minimum` and `maximum` say the same in JSON Schema.
            let rusty = |format: &str| format.starts_with("uint") || format.starts_with("int");
            if members
                .get("format")
                .and_then(Value::as_str)
                .is_some_and(rusty)
            {
                members.remove("format");
            }
            members.values_mut().for_each(tidy);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
