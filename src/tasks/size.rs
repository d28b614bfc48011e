//! JSON as bytes: how many there are.

use std::io;

use serde_json::Value;

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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_size_is_that_of_the_json_text() {
        let value = json!({ "a": ["한글", 1.5, null], "b": "\n" });
        assert_eq!(json_bytes(&value), value.to_string().len());
    }
}
