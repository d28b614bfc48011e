//! JSON Schemas, compiled once, with mistakes told in sentences that quote no value.

use jsonschema::error::ValidationErrorKind;
use jsonschema::{PatternOptions, ValidationError, Validator};
use serde_json::Value;

mod bounds;
mod graph;

use bounds::Bounds;
pub(crate) use bounds::Unusable;

/// The most bytes that a compiled pattern may take, and its cache while it matches.
const MAX_COMPILED_BYTES: usize = 256 * 1024;

/// The most characters of a name that a message repeats.
const LONGEST_NAME: usize = 64;

/// A compiled schema.
#[derive(Debug)]
pub(crate) struct Schema {
    validator: Validator,
    bounds: Bounds,
    /// The keys of the top level's `properties`, where it has them.
    properties: Option<Vec<String>>,
    /// The top level's `required`.
    required: Vec<String>,
}

/// What does not fit, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// A JSON pointer (RFC 6901) from the value's root.
    pub pointer: String,
    /// A sentence without the value.
    pub message: String,
}

impl Schema {
    /// Compiles a schema. It must be whole: nothing is fetched from files or networks.
    ///
    /// # Errors
    /// When it is no schema, or checking by it would take work without bound.
    pub(crate) fn compile(schema: &Value) -> Result<Self, Unusable> {
        let bounds = Bounds::of(schema)?;
        let validator = jsonschema::options()
            .offline()
            // Linear in the text's length: a pattern cannot be made to run away by an input.
            .with_pattern_options(
                PatternOptions::regex()
                    .size_limit(MAX_COMPILED_BYTES)
                    .dfa_size_limit(MAX_COMPILED_BYTES),
            )
            .build(schema)
            .map_err(|error| {
                let message = match error.instance_path().as_str() {
                    "" => format!("this is no JSON Schema: {error}"),
                    place => format!("this is no JSON Schema: at {place}: {error}"),
                };
                let remedy = "Write a JSON Schema (2020-12), such as {\"type\": \"object\"}.";
                Unusable::new(message, remedy)
            })?;
        let properties = schema.get("properties").and_then(Value::as_object);
        let required = schema.get("required").and_then(Value::as_array);
        Ok(Self {
            validator,
            bounds,
            properties: properties.map(|properties| properties.keys().cloned().collect()),
            required: required
                .into_iter()
                .flatten()
                .filter_map(|name| name.as_str().map(str::to_owned))
                .collect(),
        })
    }

    /// The variables that the schema names, or `None` where it names none itself.
    pub(crate) fn properties(&self) -> Option<&[String]> {
        self.properties.as_deref()
    }

    /// Whether an input must have this variable.
    pub(crate) fn requires(&self, name: &str) -> bool {
        self.required.iter().any(|required| required == name)
    }

    /// Checks a value, unless that would take too much work: then it does not fit.
    pub(crate) fn check(&self, value: &Value) -> Result<(), Misfit> {
        if !self.bounds.allow(value) {
            return Err(Misfit {
                pointer: String::new(),
                message:
                    "the value is too large, or nested too deeply, to be checked by its schema"
                        .to_owned(),
            });
        }
        self.validator
            .validate(value)
            .map_err(|error| self.misfit(&error))
    }

    fn misfit(&self, error: &ValidationError<'_>) -> Misfit {
        let place = error.instance_path().as_str();
        match error.kind() {
            ValidationErrorKind::Required { property } => {
                let name = property.as_str().unwrap_or_default();
                Misfit {
                    pointer: join(place, name),
                    message: format!("`{}` is missing", shorten(name)),
                }
            }
            ValidationErrorKind::AdditionalProperties { unexpected }
            | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
                let name = unexpected.first().map_or("", String::as_str);
                let known = match (place, self.properties()) {
                    ("", Some(known)) if !known.is_empty() => {
                        format!("; known are `{}`", known.join("`, `"))
                    }
                    _ => String::new(),
                };
                Misfit {
                    pointer: join(place, name),
                    message: format!("`{}` is not known here{known}", shorten(name)),
                }
            }
            _ => Misfit {
                pointer: place.to_owned(),
                message: error.masked_with("the value").to_string(),
            },
        }
    }
}

/// A JSON pointer one key further, the key escaped (and shortened: it may be the sender's).
pub(crate) fn join(pointer: &str, key: &str) -> String {
    let key = shorten(key).replace('~', "~0").replace('/', "~1");
    format!("{pointer}/{key}")
}

/// The start of a name.
pub(crate) fn shorten(name: &str) -> String {
    if name.chars().nth(LONGEST_NAME).is_none() {
        return name.to_owned();
    }
    name.chars().take(LONGEST_NAME).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn misfit(schema: &Value, value: &Value) -> (String, String) {
        let misfit = Schema::compile(schema).unwrap().check(value).unwrap_err();
        (misfit.pointer, misfit.message)
    }

    #[test]
    fn a_misfit_names_the_field_and_not_the_value() {
        let schema = json!({
            "type": "object",
            "required": ["essay"],
            "additionalProperties": false,
            "properties": {
                "essay": { "type": "string", "maxLength": 5 },
                "a/b": { "enum": ["x", "y"] },
            },
        });
        for (value, pointer, message) in [
            (json!({}), "/essay", "`essay` is missing"),
            (
                json!({"essay": 7}),
                "/essay",
                r#"the value is not of type "string""#,
            ),
            (
                json!({"essay": "canary"}),
                "/essay",
                "the value is longer than 5 characters",
            ),
            (
                json!({"essay": "", "a/b": "canary"}),
                "/a~1b",
                r#"the value is not one of "x" or "y""#,
            ),
            (
                json!({"essay": "", "c~": 1}),
                "/c~0",
                "`c~` is not known here; known are `a/b`, `essay`",
            ),
        ] {
            let found = misfit(&schema, &value);
            assert_eq!(found, (pointer.to_owned(), message.to_owned()));
            assert!(!found.1.contains("canary"));
        }
    }

    #[test]
    fn a_schema_that_points_elsewhere_is_refused_and_nothing_is_fetched() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/schema.json", listener.local_addr().unwrap());
        for reference in [url.as_str(), "file:///etc/passwd", "other.json"] {
            let refused = Schema::compile(&json!({ "$ref": reference }));
            assert!(refused.is_err(), "{reference} was taken");
        }
        listener.set_nonblocking(true).unwrap();
        assert!(listener.accept().is_err(), "somebody called");
        let inner = json!({ "$defs": { "x": { "type": "string" } }, "$ref": "#/$defs/x" });
        assert!(Schema::compile(&inner).is_ok());
    }

    #[test]
    fn a_name_of_the_sender_is_repeated_only_in_part() {
        let schema = json!({ "additionalProperties": false });
        let (pointer, message) = misfit(&schema, &json!({ "x".repeat(10_000): 1 }));
        assert!(pointer.chars().count() < 80 && message.chars().count() < 120);
    }

    #[test]
    fn mutants_of_schemas_check_or_are_refused() {
        let values = [
            json!(null),
            json!(1.5),
            json!("a"),
            json!({ "essay": "long text", "n": [{}] }),
        ];
        crate::fuzz::run_text("json-schema", |text| {
            let Ok(schema) = serde_json::from_str::<Value>(text) else {
                return;
            };
            if let Ok(schema) = Schema::compile(&schema) {
                for value in &values {
                    drop(schema.check(value));
                }
            }
        });
    }
}
