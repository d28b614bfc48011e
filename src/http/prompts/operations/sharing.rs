//! Partials, and prompts that travel.

use punchcard_events::TaskName;
use serde_json::json;

use super::writing::TAG;
use crate::http::errors::Code;
use crate::http::openapi::common::NumberTag;
use crate::http::openapi::{Operation, delete, get, post, put};
use crate::http::prompts::bundle::Bundles;
use crate::http::prompts::import::ImportView;
use crate::http::prompts::partials::{PartialBody, PartialList, PartialView};
use crate::http::prompts::versions::Reference;

pub(super) fn operations() -> Vec<Operation> {
    vec![list(), save(), remove(), export(), import()]
}

fn list() -> Operation {
    get("/v1/partials", "listPartials", "List the partials")
        .gives::<PartialList<'static>>(200, "All of them, with their texts.")
        .refuses(&[Code::InvalidParameter, Code::PromptDamaged])
}

fn save() -> Operation {
    put("/v1/partials/{name}", "savePartial", "Save a partial")
        .about("Prompts include it with `{% include \"tone\" %}`. A version keeps the text it was published with.")
        .of_what_was_seen()
        .body::<PartialBody>()
        .example(json!({ "text": "Be kind, and brief." }))
        .gives::<PartialView<'static>>(200, "The partial.")
        .with_header::<NumberTag>("ETag", TAG)
        .changes_the_prompt()
        .refuses(&[Code::PartialConflict, Code::PromptDamaged])
}

fn remove() -> Operation {
    delete(
        "/v1/partials/{name}",
        "removePartial",
        "Take a partial away",
    )
    .of_what_is_there()
    .gives_nothing(204, "It is gone.")
    .changes_the_prompt()
    .refuses(&[Code::PartialConflict, Code::PromptDamaged])
}

fn export() -> Operation {
    get("/v1/prompts/export", "exportPrompts", "Export prompts")
        .query::<Reference>(
            "ref",
            "Which content of each; `production` unless you say otherwise.",
        )
        .query_list::<TaskName>(
            "task",
            "Only these prompts; all of them have what is asked for, or nothing is exported.",
        )
        .gives::<Bundles>(200, "The prompts, as an import takes them.")
        .names_a_content()
        .refuses(&[Code::NoPrompt, Code::TooLong, Code::PromptDamaged])
}

fn import() -> Operation {
    post("/v1/prompts/import", "importPrompts", "Import prompts")
        .about(
            "Writes drafts, test sets and partials; nothing that users get changes. Everything is \
             checked before the first write, and with one mistake nothing is written.",
        )
        .body::<Bundles>()
        .example(json!({ "prompts": [{ "task": "explain", "content": {
            "messages": [{ "role": "user", "content": "Explain {{ word }}." }],
            "model": "gpt", "answer": "text",
        }}]}))
        .gives::<ImportView>(200, "What became of each part.")
        .changes_the_prompt()
        .refuses(&[
            Code::ImportRefused,
            Code::DraftConflict,
            Code::TestSetConflict,
            Code::PartialConflict,
            Code::TooManyPrompts,
            Code::PromptDamaged,
            Code::InvalidParameter,
            Code::PromptRetired,
        ])
}
