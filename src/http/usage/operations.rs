//! What is said of the usage route.

use punchcard_actors::usage::Day;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::view::UsageView;
use crate::http::errors::Code;
use crate::http::openapi::{Area, Text, get};

pub(in crate::http) fn area() -> Area {
    let usage = get("/v1/usage", "readUsage", "Read what was used")
        .about(
            "What the tenant's tickets used and what it cost, added up by what is asked for, and how \
             its budgets stand. Rows are about a second behind.",
        )
        .query::<Day>("from", "The first day (UTC); without it, the first of the month.")
        .query::<Day>("to", "The last day (UTC); without it, today.")
        .query::<Groups>(
            "group_by",
            "A row for each of these together, separated by commas; `day` where it is absent.",
        )
        .query::<Format>("format", "Without it, `Accept: text/csv` decides.")
        .gives::<UsageView>(200, "The rows, their total, and how the budgets stand now.")
        .or_as::<Text>("text/csv")
        .refuses(&[Code::TooManyRows, Code::UsageUnavailable]);
    Area::new("Usage", "What was used, and how much is left.", [usage])
}

/// What usage is grouped by.
struct Groups;

impl JsonSchema for Groups {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "UsageGroups".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let one = "(day|tenant|task|version|model)";
        json_schema!({
            "type": "string", "pattern": format!("^({one}(,{one})*)?$"), "examples": ["task,model"],
        })
    }
}

/// How usage is shown.
struct Format;

impl JsonSchema for Format {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "UsageFormat".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "enum": ["json", "csv"] })
    }
}
