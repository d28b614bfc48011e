//! JSON Schemas of the types that are written as texts with a rule. The other types derive theirs.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::ids::{LabelName, PartialName, TaskName, TenantId, UserId};
use crate::prompt::ContentHash;
use crate::shadow_run::Share;
use crate::time::Timestamp;

/// What `is_slug` in `ids.rs` takes.
const SLUG: &str = "^[a-z]([a-z0-9-]{0,62}[a-z0-9])?$";

macro_rules! text {
    ($name:ident, $schema:expr) => {
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

text!(
    TenantId,
    json_schema!({
        "type": "string", "pattern": SLUG, "examples": ["onehour"],
        "description": "A company that issues tickets.",
    })
);
text!(
    TaskName,
    json_schema!({
        "type": "string", "pattern": SLUG, "examples": ["writing-review"],
        "description": "A named AI function of a tenant.",
    })
);
text!(
    PartialName,
    json_schema!({
        "type": "string", "pattern": SLUG, "examples": ["tone"],
        "description": "A piece of prompt text that a tenant's prompts share.",
    })
);
text!(
    LabelName,
    json_schema!({
        "type": "string", "pattern": SLUG, "not": { "pattern": "^(draft|v[0-9]+)$" },
        "examples": ["production"],
        "description": "A movable pointer to a version of a prompt.",
    })
);
text!(
    UserId,
    json_schema!({
        "type": "string", "minLength": 1, "maxLength": 128,
        "pattern": r"^[^\u0000-\u001f\u007f-\u009f]+$", "examples": ["student-17"],
        "description": "A tenant's end user, by the tenant's own id for them: 1 to 128 bytes \
                        without control characters.",
    })
);
text!(
    Timestamp,
    json_schema!({
        "type": "string", "format": "date-time", "examples": ["2026-11-23T10:44:30.123Z"],
        "pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?Z$",
        "description": "A point in time: RFC 3339 in UTC, with milliseconds.",
    })
);
text!(
    Share,
    json_schema!({
        "type": "number", "exclusiveMinimum": 0, "maximum": 1, "examples": [0.1],
        "description": "A share of some tickets: more than none of them, and at most all.",
    })
);
text!(
    ContentHash,
    json_schema!({
        "type": "string", "pattern": "^[0-9a-f]{64}$",
        "description": "The SHA-256 of a prompt's content.",
    })
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schema_names_its_type_and_says_its_rule() {
        let schema = schemars::schema_for!(TaskName);
        assert_eq!(schema.get("pattern").and_then(|p| p.as_str()), Some(SLUG));
        assert_eq!(TaskName::schema_name(), "TaskName");
    }
}
