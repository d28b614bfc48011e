//! JSON as bytes: how many there are, and their hash in one order.

use std::io;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// How many bytes the value has as JSON. Nothing is kept of them.
pub(super) fn json_bytes(value: &Value) -> usize {
    struct Count(usize);

    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut count = Count(0);
    match serde_json::to_writer(&mut count, value) {
        Ok(()) => count.0,
        // A value has no key that is not text and the counter takes everything; should that
        // change, an input that cannot be counted is too large.
        Err(_) => usize::MAX,
    }
}

/// SHA-256 of the value as compact JSON with sorted keys, in hexadecimal.
pub(super) fn sha256(value: &Value) -> String {
    let mut text = String::new();
    write(value, &mut text);
    let digest = Sha256::digest(text);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sorts keys itself, so that no feature of another crate can change a stored hash.
fn write(value: &Value, text: &mut String) {
    match value {
        Value::Object(entries) => {
            let mut sorted: Vec<_> = entries.iter().collect();
            sorted.sort_by_key(|(key, _)| *key);
            text.push('{');
            for (place, (key, value)) in sorted.into_iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                text.push_str(&Value::from(key.as_str()).to_string());
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            text.push_str(&value.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_size_is_that_of_the_json_text() {
        let value = json!({ "a": ["한글", 1.5, null], "b": "\n" });
        assert_eq!(json_bytes(&value), value.to_string().len());
    }

    #[test]
    fn the_hash_is_over_sorted_compact_json() {
        let value: Value = serde_json::from_str(r#"{ "b": [1, null], "a": "x\"" }"#).unwrap();
        let mut text = String::new();
        write(&value, &mut text);
        assert_eq!(text, r#"{"a":"x\"","b":[1,null]}"#);
        assert_eq!(
            sha256(&json!({})),
            "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
    }
}
