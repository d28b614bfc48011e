//! Documents, place by place.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::MAX_CHANGES;

/// A place where two documents differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct JsonChange {
    /// The place, as a JSON pointer (RFC 6901); empty for the whole document.
    pub pointer: String,
    /// How they differ there.
    pub op: JsonOp,
    /// What the left one has there; absent where it has nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left: Option<Value>,
    /// What the right one has there; absent where it has nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub right: Option<Value>,
}

/// How two documents differ in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum JsonOp {
    /// Only the right one has it.
    Added,
    /// Only the left one has it.
    Removed,
    /// Both have something else there.
    Changed,
}

/// The most bytes that the pointers of a comparison's places have together. What stands in the places
/// is at most the two documents once more.
const MAX_POINTER_BYTES: usize = 1 << 20;

/// The deepest places in which they differ, members in the order of their names, and whether there are
/// more than are listed. Lists are compared element by element: one that was put in front moves all
/// others.
pub(super) fn differences(left: &Value, right: &Value) -> (Vec<JsonChange>, bool) {
    let mut walk = Walk::default();
    walk.compare(Some(left), Some(right));
    (walk.found, walk.is_full)
}

/// A way through two documents at once. A long name that many places share would make a list far larger
/// than both documents, so it ends where its bounds are.
#[derive(Default)]
struct Walk {
    /// Where it is.
    pointer: String,
    found: Vec<JsonChange>,
    /// Bytes of the pointers in `found`.
    bytes: usize,
    /// Whether a place was left out.
    is_full: bool,
}

impl Walk {
    /// A parsed document is at most 128 deep, so this recursion is too.
    fn compare(&mut self, left: Option<&Value>, right: Option<&Value>) {
        if self.is_full {
            return;
        }
        let op = match (left, right) {
            (None, None) => return,
            (Some(left), Some(right)) if left == right => return,
            (Some(Value::Object(one)), Some(Value::Object(other))) => {
                let names: BTreeSet<_> = one.keys().chain(other.keys()).collect();
                for name in names {
                    let step = name.replace('~', "~0").replace('/', "~1");
                    self.within(&step, one.get(name), other.get(name));
                }
                return;
            }
            (Some(Value::Array(one)), Some(Value::Array(other))) => {
                for index in 0..one.len().max(other.len()) {
                    self.within(&index.to_string(), one.get(index), other.get(index));
                }
                return;
            }
            (None, Some(_)) => JsonOp::Added,
            (Some(_), None) => JsonOp::Removed,
            (Some(_), Some(_)) => JsonOp::Changed,
        };
        self.find(op, left, right);
    }

    fn within(&mut self, step: &str, left: Option<&Value>, right: Option<&Value>) {
        let length = self.pointer.len();
        self.pointer.push('/');
        self.pointer.push_str(step);
        self.compare(left, right);
        self.pointer.truncate(length);
    }

    fn find(&mut self, op: JsonOp, left: Option<&Value>, right: Option<&Value>) {
        let bytes = self.bytes.saturating_add(self.pointer.len());
        if self.found.len() == MAX_CHANGES || bytes > MAX_POINTER_BYTES {
            self.is_full = true;
            return;
        }
        self.bytes = bytes;
        self.found.push(JsonChange {
            pointer: self.pointer.clone(),
            op,
            left: left.cloned(),
            right: right.cloned(),
        });
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_long_name_that_many_places_share_does_not_make_a_long_list() {
        let name = "n".repeat(32 * 1024);
        let (left, right) = (json!({ &name: vec![1; 16_000] }), json!({ &name: [] }));
        let (found, cut) = differences(&left, &right);
        assert!(cut);
        let bytes: usize = found.iter().map(|change| change.pointer.len()).sum();
        assert!((1..=MAX_POINTER_BYTES).contains(&bytes), "{bytes}");
    }
}
