//! The variables of the templates against the properties of the input schema.

use std::collections::BTreeSet;

use super::super::nearest::{did_you_mean, listed};
use super::super::schema::{Schema, shorten};
use super::super::template::Examined;
use super::super::variables::Use;
use super::super::{Flaw, Place};
use super::Found;

/// Variables that no input has or that some inputs lack, and properties that no template uses.
///
/// A schema without `properties` of its own names nothing, so nothing is compared with it.
pub(super) fn check(examined: &Examined, schema: &Schema) -> Vec<Found> {
    let Some(properties) = schema.properties() else {
        return Vec::new();
    };
    let used = examined.uses.iter().flatten();
    let mut found: Vec<_> = used
        .clone()
        .filter_map(|used| missing(used, properties, schema))
        .map(Found::error)
        .collect();
    // A text that could not be read may use any of them.
    if examined.templates.is_ok() {
        let names: BTreeSet<_> = used.map(|used| used.name.as_str()).collect();
        let unused = properties.iter().map(String::as_str);
        let unused = unused.filter(|property| !names.contains(property));
        found.extend(unused.map(unneeded).map(Found::warning));
    }
    found
}

fn missing(used: &Use, properties: &[String], schema: &Schema) -> Option<Flaw> {
    let name = shorten(&used.name);
    let flaw = |at, message, remedy| Flaw {
        place: used.place.clone(),
        at: Some(at),
        message,
        remedy,
    };
    if !properties.contains(&used.name) {
        let known = || properties.iter().map(String::as_str);
        let remedy = did_you_mean(&used.name, known()).unwrap_or_else(|| {
            let known = listed(known());
            format!("Add it to input_schema, or use what is there: {known}.")
        });
        let message = format!("the variable `{name}` is not in input_schema");
        return Some(flaw(used.spots.first, message, remedy));
    }
    let at = used.spots.unguarded?;
    if schema.requires(&used.name) {
        return None;
    }
    let message = format!("the variable `{name}` may be missing: input_schema does not require it");
    let remedy = format!(
        "Require it in input_schema, or write {{% if {name} is defined %}} around it, or \
         {{{{ {name} | default(\"…\") }}}}."
    );
    Some(flaw(at, message, remedy))
}

fn unneeded(property: &str) -> Flaw {
    let name = shorten(property);
    Flaw {
        message: format!("no template uses `{name}`"),
        remedy: format!("Write {{{{ {name} }}}} where it belongs, or take it out of input_schema."),
        place: Place::InputSchema(Some(name)),
        at: None,
    }
}
