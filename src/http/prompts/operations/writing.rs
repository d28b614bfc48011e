//! Drafts and versions.

use serde_json::json;

use crate::http::errors::Code;
use crate::http::openapi::common::{AnyTag, NumberTag, PageLimit};
use crate::http::openapi::{Operation, Text, delete, get, post, put};
use crate::http::prompts::drafts::DraftBody;
use crate::http::prompts::render::{RenderBody, RenderedView};
use crate::http::prompts::versions::{PublishBody, Reference};
use crate::http::prompts::view::{DraftView, PromptView, VersionPage, VersionView};
use crate::prompts::DiffView;

/// What the tag of something that is edited is for.
pub(super) const TAG: &str = "Send it as `If-Match` with a change.";

impl Operation {
    /// A change says what its author started from.
    pub(super) fn of_what_was_seen(self) -> Self {
        self.header::<NumberTag>("If-Match", "The `ETag` of what you looked at.")
            .header::<AnyTag>("If-None-Match", "`*`, where there was nothing.")
            .refuses(&[Code::PreconditionRequired, Code::InvalidParameter])
    }

    /// The same for something that must be there.
    pub(super) fn of_what_is_there(self) -> Self {
        self.header::<NumberTag>("If-Match", "The `ETag` of what you looked at.")
            .required()
            .refuses(&[Code::PreconditionRequired, Code::InvalidParameter])
    }

    /// What any change of a prompt may come to.
    pub(super) fn changes_the_prompt(self) -> Self {
        self.refuses(&[
            Code::PromptBusy,
            Code::OutcomeUnknown,
            Code::TooLong,
            Code::TooMany,
        ])
    }

    /// What the desk refuses of a content by its name.
    pub(super) fn names_a_content(self) -> Self {
        self.refuses(&[Code::NoDraft, Code::NoSuchVersion, Code::NoSuchLabel])
    }
}

pub(super) fn operations() -> Vec<Operation> {
    vec![
        read_draft(),
        save_draft(),
        discard_draft(),
        publish(),
        list_versions(),
        read_version(),
        diff(),
        render(),
    ]
}

fn read_draft() -> Operation {
    get("/v1/prompts/{task}/draft", "readDraft", "Read the draft")
        .gives::<DraftView>(200, "The draft.")
        .with_header::<NumberTag>("ETag", TAG)
        .refuses(&[Code::NoDraft])
}

fn save_draft() -> Operation {
    put("/v1/prompts/{task}/draft", "saveDraft", "Save the draft")
        .about("A draft may hold mistakes: it is saved, and they are its `findings`.")
        .of_what_was_seen()
        .body::<DraftBody>()
        .example(json!({ "content": {
            "messages": [{ "role": "user", "content": "Explain {{ word }} in two sentences." }],
            "model": "gpt", "parameters": { "temperature": 0.3 }, "answer": "text",
        }}))
        .gives::<DraftView>(201, "A new draft.")
        .with_header::<NumberTag>("ETag", TAG)
        .gives::<DraftView>(200, "The changed draft.")
        .with_header::<NumberTag>("ETag", TAG)
        .changes_the_prompt()
        .refuses(&[
            Code::DraftConflict,
            Code::DraftWithPartials,
            Code::ReservedName,
            Code::NoSuchVersion,
            Code::NotFinite,
            Code::PromptRetired,
            Code::TooManyPrompts,
            Code::NoDraft,
        ])
}

fn discard_draft() -> Operation {
    delete(
        "/v1/prompts/{task}/draft",
        "discardDraft",
        "Throw the draft away",
    )
    .of_what_is_there()
    .gives::<PromptView>(200, "The prompt without it.")
    .changes_the_prompt()
    .refuses(&[Code::NoDraft, Code::DraftConflict])
}

fn publish() -> Operation {
    post(
        "/v1/prompts/{task}/versions",
        "publishVersion",
        "Publish the draft as a version",
    )
    .body::<PublishBody>()
    .example(json!({ "edit": 3, "notes": "Kinder to beginners" }))
    .gives::<VersionView>(201, "The version.")
    .with_header::<Text>("Location", "Where the version is.")
    .changes_the_prompt()
    .refuses(&[
        Code::BrokenPrompt,
        Code::NoDraft,
        Code::DraftConflict,
        Code::NotTheDraft,
        Code::SameAsVersion,
        Code::PromptRetired,
        Code::NotFinite,
    ])
}

fn list_versions() -> Operation {
    get(
        "/v1/prompts/{task}/versions",
        "listVersions",
        "List the versions",
    )
    .query::<PageLimit>("limit", "How many.")
    .query::<u32>("after", "The `next_cursor` of the page before.")
    .gives::<VersionPage>(200, "A page, the newest first, without the contents.")
}

fn read_version() -> Operation {
    get(
        "/v1/prompts/{task}/versions/{ref}",
        "readVersion",
        "Read a version",
    )
    .gives::<VersionOrDraft>(200, "The version; of `draft`, the draft.")
    .with_header::<NumberTag>("ETag", "Only of the draft.")
    .names_a_content()
}

/// What a reference names.
#[derive(schemars::JsonSchema)]
#[schemars(untagged, inline)]
#[expect(dead_code, reason = "only its schema is used")]
enum VersionOrDraft {
    Version(VersionView),
    Draft(DraftView),
}

fn diff() -> Operation {
    get(
        "/v1/prompts/{task}/diff",
        "diffContents",
        "Compare two contents",
    )
    .query::<Reference>("from", "The first.")
    .required()
    .query::<Reference>("to", "The second.")
    .required()
    .gives::<DiffView>(
        200,
        "What is in the second and not in the first, and the other way round.",
    )
    .names_a_content()
}

fn render() -> Operation {
    post(
        "/v1/prompts/{task}/render",
        "renderPrompt",
        "See what the model would be sent",
    )
    .about(
        "Nothing is sent, and nothing is kept: a `content` that is still being written is checked \
         and rendered as it is. With a mistake in it, the problem has its `findings`.",
    )
    .body::<RenderBody>()
    .example(json!({ "ref": "draft", "input": { "word": "tide" } }))
    .gives::<RenderedView<'static>>(200, "The messages.")
    .names_a_content()
    .refuses(&[Code::BrokenPrompt, Code::InvalidInput])
}
