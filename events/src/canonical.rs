//! JSON in one order, so that equal values have equal hashes.

use serde_json::Value;
use sha2::{Digest, Sha256};

/// SHA-256 of the value as compact JSON with sorted keys.
pub fn sha256(value: &Value) -> [u8; 32] {
    let mut text = String::new();
    write(value, &mut text);
    Sha256::digest(text).into()
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
    fn the_hash_is_over_sorted_compact_json() -> serde_json::Result<()> {
        let value: Value = serde_json::from_str(r#"{ "b": [1, null], "a": "x\"" }"#)?;
        let mut text = String::new();
        write(&value, &mut text);
        assert_eq!(text, r#"{"a":"x\"","b":[1,null]}"#);
        assert_eq!(sha256(&json!({}))[..4], [0x44, 0x13, 0x6f, 0xa3]);
        Ok(())
    }
}
