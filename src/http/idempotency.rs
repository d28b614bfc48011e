//! The `Idempotency-Key` header and the fingerprint of what it came with.

use actix_web::http::header::{HeaderMap, HeaderName};
use punchcard_events::ticket::Idempotency;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::errors::{Code, Problem};

/// The request's header.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Set on the answer to a repeat.
pub(super) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The longest key.
const MAX_BYTES: usize = 255;

/// The key of a request, with the fingerprint of its `content`.
pub(super) fn of(headers: &HeaderMap, content: &Value) -> Result<Option<Idempotency>, Problem> {
    let mut all = headers.get_all(KEY);
    let Some(first) = all.next() else {
        return Ok(None);
    };
    let key = first.to_str().ok().filter(|key| is_valid(key));
    match (key, all.next()) {
        (Some(key), None) => Ok(Some(Idempotency {
            key: key.to_owned(),
            fingerprint: fingerprint(content),
        })),
        (_, _) => Err(Problem::new(
            Code::InvalidIdempotencyKey,
            "Send one Idempotency-Key of 1 to 255 visible ASCII characters.",
        )
        .field("Idempotency-Key")),
    }
}

fn is_valid(key: &str) -> bool {
    (1..=MAX_BYTES).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())
}

/// SHA-256 over canonical JSON, in hexadecimal: the order of fields and white space do not count.
fn fingerprint(content: &Value) -> String {
    let mut hash = Sha256::new();
    feed(&mut hash, content);
    let digest = hash.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Feeds `value` to the hash with the fields of objects sorted. Does not rest on the map type that
/// serde_json was built with. The parser's limit bounds the recursion.
fn feed(hash: &mut Sha256, value: &Value) {
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<_> = fields.iter().collect();
            sorted.sort_by_key(|(name, _)| *name);
            hash.update(b"{");
            for (name, value) in sorted {
                feed(hash, &Value::String(name.clone()));
                hash.update(b":");
                feed(hash, value);
                hash.update(b",");
            }
            hash.update(b"}");
        }
        Value::Array(items) => {
            hash.update(b"[");
            for item in items {
                feed(hash, item);
                hash.update(b",");
            }
            hash.update(b"]");
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            hash.update(value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn a_fingerprint_is_of_the_content_and_not_of_its_spelling() {
        let parse = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        let a = parse(r#"{"b":[1,{"x":null,"y":"한"}],"a":true}"#);
        let b = parse(r#"{ "a": true, "b": [1, {"y": "한", "x": null}] }"#);
        assert_eq!(fingerprint(&a), fingerprint(&b));
        assert_ne!(fingerprint(&json!([1, 2])), fingerprint(&json!([2, 1])));
        assert_ne!(
            fingerprint(&json!(["a", "b"])),
            fingerprint(&json!(["a,b"]))
        );
    }

    proptest! {
        #[test]
        fn a_key_is_taken_exactly_when_it_is_visible_ascii_of_1_to_255(
            key in proptest::collection::vec(32_u8..=255, 0..300),
        ) {
            let mut headers = HeaderMap::new();
            let Ok(value) = HeaderValue::from_bytes(&key) else { return Ok(()) };
            headers.insert(KEY, value);
            let good = (1..=255).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
            prop_assert_eq!(of(&headers, &Value::Null).is_ok(), good);
        }
    }

    #[test]
    fn mutants_of_keys_are_taken_or_refused() {
        crate::fuzz::run("idempotency-key", |key| {
            if let Ok(value) = HeaderValue::from_bytes(key) {
                let headers = HeaderMap::from_iter([(KEY, value)]);
                let good = (1..=255).contains(&key.len()) && key.iter().all(u8::is_ascii_graphic);
                assert_eq!(of(&headers, &Value::Null).is_ok(), good);
            }
        });
    }
}
