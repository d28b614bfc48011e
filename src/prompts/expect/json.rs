//! Expectations about a place in a JSON answer, by a JSON path (RFC 9535).
//!
//! A path is bounded, so that no path and answer together keep the program busy: it may go down
//! through all levels once, filter once, and look at the root once. `match` and `search` are not
//! there: they would compile a pattern for every value they look at.

use serde_json::Value;
use serde_json_path::JsonPath;

use super::measures::range;
use super::quote::quote;

/// The most bytes of a path.
const MAX_PATH_BYTES: usize = 200;

/// How often each of these may stand in a path. Each use may multiply the work.
const MOST: [(&str, usize); 6] = [("..", 1), ("?", 1), ("$", 1), ("(", 4), (",", 3), ("!", 4)];

/// Whether the value at `path` is `expected`.
pub(super) fn equals(path: &str, expected: &Value, answer: &str) -> Result<(), String> {
    let wanted = || format!("At {path} the answer should have {}", show(expected));
    at(path, answer, wanted, |found| same(found, expected))
}

/// Whether the number at `path` is in the range.
pub(super) fn number(
    path: &str,
    min: Option<f64>,
    max: Option<f64>,
    answer: &str,
) -> Result<(), String> {
    let wanted = || match (min, max) {
        (None, None) => format!("At {path} the answer should have a number"),
        _ => format!(
            "At {path} the answer should have a number, {}",
            range(min, max)
        ),
    };
    at(path, answer, wanted, |found| {
        found.as_f64().is_some_and(|found| {
            min.is_none_or(|min| found >= min) && max.is_none_or(|max| found <= max)
        })
    })
}

/// Looks at the one value that `path` selects.
fn at(
    path: &str,
    answer: &str,
    wanted: impl Fn() -> String,
    holds: impl Fn(&Value) -> bool,
) -> Result<(), String> {
    let compiled =
        compile(path).map_err(|why| format!("The path {} cannot be used: {why}.", quote(path)))?;
    let Ok(document) = serde_json::from_str::<Value>(answer) else {
        let (wanted, found) = (wanted(), quote(answer));
        return Err(format!(
            "{wanted}, but the answer is no JSON document: it is {found}."
        ));
    };
    let nodes = compiled.query(&document).all();
    match nodes.as_slice() {
        [found] if holds(found) => Ok(()),
        [found] => Err(format!("{}, but it has {}.", wanted(), show(found))),
        [] => Err(format!("{}, but nothing is there.", wanted())),
        many => Err(format!(
            "{}, but the path selects {} values; write one that selects a single value.",
            wanted(),
            many.len()
        )),
    }
}

/// A path, ready for use.
///
/// # Errors
/// With what is wrong with it, as a part of a sentence.
pub(super) fn compile(path: &str) -> Result<JsonPath, String> {
    if path.len() > MAX_PATH_BYTES {
        return Err(format!("it has more than {MAX_PATH_BYTES} bytes"));
    }
    for (part, most) in MOST {
        if path.matches(part).count() > most {
            return Err(format!("`{part}` stands in it more than {most} times"));
        }
    }
    JsonPath::parse(path).map_err(|error| {
        let place = error.position().saturating_add(1);
        format!("{}, at character {place}", error.message())
    })
}

/// Whether two values are the same, numbers by what they count: 5 is 5.0 (as JSON Schema has it,
/// draft 2020-12, section 4.2.2).
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => {
            one == other || one.as_f64().is_some_and(|one| Some(one) == other.as_f64())
        }
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(key, value)| {
                    let there = other.get(key);
                    there.is_some_and(|there| same(value, there))
                })
        }
        (one, other) => one == other,
    }
}

/// A value as it would stand in a document, shortened.
fn show(value: &Value) -> String {
    match value {
        Value::String(text) => quote_text(text),
        other => {
            let text = quote(&other.to_string());
            text.trim_matches('"').to_owned()
        }
    }
}

fn quote_text(text: &str) -> String {
    if text.is_empty() {
        return "an empty text".to_owned();
    }
    quote(text)
}
