//! Documents, place by place.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

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

/// The deepest places in which they differ, members in the order of their names. Lists are compared
/// element by element: one that was put in front moves all others.
pub(super) fn differences(left: &Value, right: &Value) -> Vec<JsonChange> {
    let mut found = Vec::new();
    walk(&mut String::new(), Some(left), Some(right), &mut found);
    found
}

/// A parsed document is at most 128 deep, so this recursion is too.
fn walk(
    pointer: &mut String,
    left: Option<&Value>,
    right: Option<&Value>,
    found: &mut Vec<JsonChange>,
) {
    let op = match (left, right) {
        (None, None) => return,
        (Some(left), Some(right)) if left == right => return,
        (Some(Value::Object(one)), Some(Value::Object(other))) => {
            let names: BTreeSet<_> = one.keys().chain(other.keys()).collect();
            for name in names {
                let step = name.replace('~', "~0").replace('/', "~1");
                let (one, other) = (one.get(name), other.get(name));
                within(pointer, &step, |pointer| walk(pointer, one, other, found));
            }
            return;
        }
        (Some(Value::Array(one)), Some(Value::Array(other))) => {
            for index in 0..one.len().max(other.len()) {
                let (one, other) = (one.get(index), other.get(index));
                let step = index.to_string();
                within(pointer, &step, |pointer| walk(pointer, one, other, found));
            }
            return;
        }
        (None, Some(_)) => JsonOp::Added,
        (Some(_), None) => JsonOp::Removed,
        (Some(_), Some(_)) => JsonOp::Changed,
    };
    found.push(JsonChange {
        pointer: pointer.clone(),
        op,
        left: left.cloned(),
        right: right.cloned(),
    });
}

fn within(pointer: &mut String, step: &str, walk: impl FnOnce(&mut String)) {
    let length = pointer.len();
    pointer.push('/');
    pointer.push_str(step);
    walk(pointer);
    pointer.truncate(length);
}
