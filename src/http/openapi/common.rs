//! What means the same wherever it stands: parameters of paths, headers, and the problems that come
//! of a policy, a body or a parameter.

use std::borrow::Cow;

use punchcard_events::{LabelName, PartialName, TaskName, TenantId};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use uuid::Uuid;

use super::operation::{MakeSchema, Operation, Place};
use super::schemas::Text;
use crate::http::errors::Code;
use crate::http::prompts::Reference;
use crate::http::routes::{Policy, Route};

macro_rules! small {
    ($(#[$doc:meta])* $name:ident, $schema:expr) => {
        $(#[$doc])*
        pub(in crate::http) struct $name;

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

small!(
    /// How many entries a page has.
    PageLimit,
    json_schema!({ "type": "integer", "minimum": 1, "maximum": 200, "default": 50 })
);
small!(
    /// An idempotency key.
    IdempotencyKey,
    json_schema!({
        "type": "string", "pattern": "^[!-~]{1,255}$", "examples": ["essay-17-review"],
    })
);
small!(
    /// What may be preferred of an answer.
    Preference,
    json_schema!({ "type": "string", "examples": ["wait=25"] })
);
small!(
    /// A strong entity tag: a number in quotes.
    NumberTag,
    json_schema!({ "type": "string", "pattern": "^\"[0-9]{1,9}\"$", "examples": ["\"3\""] })
);
small!(
    /// A strong entity tag: a text in quotes.
    TextTag,
    json_schema!({ "type": "string", "pattern": "^\"[^\"]{1,64}\"$", "examples": ["\"9f2c41d0a1b2c3d4\""] })
);
small!(
    /// The readable start of a key, which names it.
    KeyPrefix,
    json_schema!({ "type": "string", "pattern": "^pk_[0-9A-Za-z_]{1,61}$", "examples": ["pk_live_0aB1cD2e"] })
);
small!(
    /// The entity tag that stands for anything.
    AnyTag,
    json_schema!({ "type": "string", "const": "*" })
);
small!(
    /// The code of a ticket's failure.
    FailureCode,
    json_schema!({
        "type": "string", "pattern": "^[a-z0-9_]{1,64}$", "examples": ["attempts_exhausted"],
    })
);
small!(
    /// Seconds.
    Seconds,
    json_schema!({ "type": "integer", "minimum": 0 })
);

/// A parameter of a path: its schema, and what it is.
pub(super) fn path_parameter(name: &str) -> Option<(MakeSchema, &'static str)> {
    let make: MakeSchema = match name {
        "id" | "run" | "shadow_run" | "batch" | "endpoint" | "redrive" => {
            SchemaGenerator::subschema_for::<Uuid>
        }
        "task" => SchemaGenerator::subschema_for::<TaskName>,
        "tenant" => SchemaGenerator::subschema_for::<TenantId>,
        "label" => SchemaGenerator::subschema_for::<LabelName>,
        "name" => SchemaGenerator::subschema_for::<PartialName>,
        "prefix" => SchemaGenerator::subschema_for::<KeyPrefix>,
        "ref" => SchemaGenerator::subschema_for::<Reference>,
        "model" => SchemaGenerator::subschema_for::<Text>,
        "delivery" | "folder" | "kind" | "part" | "file" => SchemaGenerator::subschema_for::<Text>,
        _ => return None,
    };
    let about = match name {
        "id" => "Its id.",
        "run" => "The test run's id.",
        "shadow_run" => "The shadow run's id.",
        "endpoint" => "The webhook endpoint's id.",
        "delivery" => "The message's `webhook-id`.",
        "folder" | "kind" | "part" => "A folder.",
        "file" => "A file.",
        "batch" => "The batch's id.",
        "redrive" => "The redrive's id.",
        "task" => "The task's name.",
        "tenant" => "The tenant's name.",
        "label" => "The label.",
        "name" => "The partial's name.",
        "prefix" => "The readable start of the key.",
        "model" => "The model's name; a slash in it is encoded.",
        _ => "`draft`, a version such as `3` or `v3`, or a label such as `production`.",
    };
    Some((make, about))
}

/// The names between braces in a path.
pub(super) fn names_in(path: &str) -> impl Iterator<Item = &str> {
    let pieces = path.split('{').skip(1);
    pieces.filter_map(|piece| piece.split('}').next())
}

/// Every problem that a route can give.
pub(super) fn codes(route: &Route, operation: &Operation) -> Vec<Code> {
    let mut codes = operation.codes.clone();
    codes.extend(of_policy(route.policy()));
    if let Some(body) = &operation.body {
        codes.extend(OF_BODIES);
        if body.media_type == "application/json" {
            codes.push(Code::InvalidJson);
        }
    }
    if !route.method.is_safe() && route.policy() != Policy::Open {
        codes.push(Code::CrossSite);
    }
    let asks = |place: Place| operation.parameters.iter().any(|p| p.place == place);
    if asks(Place::Query) {
        codes.push(Code::InvalidParameter);
    }
    codes.sort_by_key(|code| (code.status().as_u16(), code.as_str()));
    codes.dedup();
    codes
}

const OF_KEYS: [Code; 4] = [
    Code::Unauthorized,
    Code::RoleMissing,
    Code::StoreUnavailable,
    Code::Internal,
];

fn of_policy(policy: Policy) -> Vec<Code> {
    let more: &[Code] = match policy {
        Policy::Open | Policy::Session => return vec![],
        Policy::Operator => {
            return vec![Code::Unauthorized, Code::StoreUnavailable, Code::Internal];
        }
        Policy::Key => &[],
        Policy::Ticket => &[Code::NotFound],
        Policy::Prompt => &[Code::InvalidParameter, Code::NoPrompt, Code::PromptDamaged],
    };
    [&OF_KEYS, more].concat()
}

const OF_BODIES: [Code; 6] = [
    Code::InvalidRequest,
    Code::BodyTooLarge,
    Code::UnsupportedMediaType,
    Code::RequestTimeout,
    Code::TooManyRequests,
    Code::Overloaded,
];
