//! The `Idempotency-Key` header, and the fingerprint of what it came with: taken only where there is a
//! key.

use actix_web::http::header::{HeaderMap, HeaderName};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::errors::{Code, Problem};

/// The request's header.
const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Set on the answer to a repeat.
pub(super) const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// The longest key.
const MAX_BYTES: usize = 255;

/// The key of a request, if it has one.
pub(super) fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut all = headers.get_all(KEY);
    let Some(first) = all.next() else {
        return Ok(None);
    };
    let key = first.to_str().ok().filter(|key| is_valid(key));
    match (key, all.next()) {
        (Some(key), None) => Ok(Some(key.to_owned())),
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

/// SHA-256 over the canonical JSON of an object with these `fields`, in hexadecimal: the order of
/// fields and white space do not count.
pub(super) fn fingerprint(fields: &[(&str, &Value)]) -> String {
    let mut hash = Sha256::new();
    feed_object(&mut hash, fields.to_vec());
    let digest = hash.finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn feed_object(hash: &mut Sha256, mut fields: Vec<(&str, &Value)>) {
    fields.sort_by_key(|(name, _)| *name);
    hash.update(b"{");
    for (name, value) in fields {
        feed(hash, &Value::String(name.to_owned()));
        hash.update(b":");
        feed(hash, value);
        hash.update(b",");
    }
    hash.update(b"}");
}

/// Feeds `value` to the hash with the fields of objects sorted. Does not rest on the map type that
/// serde_json was built with. The parser's limit bounds the recursion.
fn feed(hash: &mut Sha256, value: &Value) {
    match value {
        Value::Object(fields) => {
            feed_object(
                hash,
                fields
                    .iter()
                    .map(|(name, value)| (name.as_str(), value))
                    .collect(),
            );
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
        let fingerprint = |value: &Value| {
            let mut hash = Sha256::new();
            feed(&mut hash, value);
            hash.finalize()
        };
        let a = parse(r#"{"b":[1,{"x":null,"y":"한"}],"a":true}"#);
        let b = parse(r#"{ "a": true, "b": [1, {"y": "한", "x": null}] }"#);
        assert_eq!(fingerprint(&a), fingerprint(&b));
        assert_ne!(fingerprint(&json!([1, 2])), fingerprint(&json!([2, 1])));
        assert_ne!(
            fingerprint(&json!(["a", "b"])),
            fingerprint(&json!(["a,b"]))
        );
    }

    /// Claims are stored with it, so it must not change.
    #[test]
    fn the_fingerprint_of_a_request_is_the_one_it_always_was() {
        let (task, input) = (json!("say"), json!({ "b": [1, 2.5], "a": "x" }));
        let (user, metadata) = (Value::Null, json!({ "k": "v" }));
        let fields = [
            ("task", &task),
            ("input", &input),
            ("user", &user),
            ("metadata", &metadata),
        ];
        let mut whole = Sha256::new();
        let spelled =
            r#"{"input":{"a":"x","b":[1,2.5,],},"metadata":{"k":"v",},"task":"say","user":null,}"#;
        whole.update(spelled);
        let whole: String = whole
            .finalize()
            .iter()
            .map(|b| format!("{b:02x}"))
            .collect();
        assert_eq!(fingerprint(&fields), whole);
    }

    proptest! {
        #[test]
        fn a_key_is_taken_exactly_when_it_is_visible_ascii_of_1_to_255(
            bytes in proptest::collection::vec(32_u8..=255, 0..300),
        ) {
            let mut headers = HeaderMap::new();
            let Ok(value) = HeaderValue::from_bytes(&bytes) else { return Ok(()) };
            headers.insert(KEY, value);
            let good = (1..=255).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
            prop_assert_eq!(key(&headers).is_ok(), good);
        }
    }

    #[test]
    fn mutants_of_keys_are_taken_or_refused() {
        crate::fuzz::run("idempotency-key", |bytes| {
            if let Ok(value) = HeaderValue::from_bytes(bytes) {
                let headers = HeaderMap::from_iter([(KEY, value)]);
                let good =
                    (1..=255).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
                assert_eq!(key(&headers).is_ok(), good);
            }
        });
    }
}
