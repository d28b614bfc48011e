//! What is said of these routes in the OpenAPI document. The shapes are OpenAI's, so they are written
//! as schemas here: what is read and written are maps and values that no type of ours describes.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::json;

use crate::http::errors::Code;
use crate::http::openapi::common::IdempotencyKey;
use crate::http::openapi::{Area, Operation, Text, get, post};
use crate::http::view::TicketView;

/// Every operation of this face.
pub(in crate::http) fn area() -> Area {
    Area::new(
        "OpenAI-compatible",
        "For clients of OpenAI's API: a chat completion is a ticket. Problems of these routes have \
         the member `error` beside their own, in OpenAI's shape.",
        [complete(), list(), read()],
    )
}

fn complete() -> Operation {
    post(
        "/v1/chat/completions",
        "createChatCompletion",
        "Create a chat completion",
    )
    .about(
        "`model` names a task in production, or a model that you may use by its own name. What \
         OpenAI's API has and this one does not is refused by name. A client that hangs up cancels \
         nothing: the ticket's id is in the answer's id and in `X-Punchcard-Ticket`.",
    )
    .header::<IdempotencyKey>(
        "Idempotency-Key",
        "Names the request: a repeat is the same ticket, in either form of answer.",
    )
    .header::<Text>(
        "Prefer",
        "`respond-async` (RFC 7240): 202 with the ticket at once, with `wait=10` after ten seconds; \
         `wait=10` alone: 504 after ten seconds.",
    )
    .header::<Text>(
        "traceparent",
        "The W3C trace context; passed on to callbacks and the model.",
    )
    .body::<ChatCompletionRequest>()
    .example(json!({
        "model": "writing-review",
        "messages": [{ "role": "user", "content": "Last year I take many online class." }],
    }))
    .gives::<ChatCompletion>(200, "The answer, or its chunks with `stream: true`.")
    .or_as::<Text>("text/event-stream")
    .with_header::<Text>("X-Punchcard-Ticket", "The ticket.")
    .with_header::<Text>("Idempotency-Replayed", "`true` on the answer to a repeat.")
    .gives::<TicketView>(202, "The ticket; only with `Prefer: respond-async`.")
    .with_header::<Text>("Location", "Where the ticket is.")
    .with_header::<Text>("X-Punchcard-Ticket", "The ticket.")
    .with_header::<Text>("Idempotency-Replayed", "`true` on the answer to a repeat.")
    .with_header::<Text>("Preference-Applied", "`respond-async`.")
    .refuses(&[
        Code::ModelNotFound,
        Code::UnsupportedParameter,
        Code::InvalidInput,
        Code::InputTooLarge,
        Code::InvalidIdempotencyKey,
        Code::IdempotencyKeyReused,
        Code::IdempotencyKeyInFlight,
        Code::TooManyOpenTickets,
        Code::TooManyRequests,
        Code::TicketFailed,
        Code::TicketCancelled,
        Code::StillRunning,
        Code::ResultExpired,
        Code::Overloaded,
        Code::Stopping,
    ])
}

fn list() -> Operation {
    get("/v1/models", "listModels", "List models")
        .about("Your tasks in production, and the models that you may use by their own names.")
        .gives::<ModelList>(200, "All of them.")
}

fn read() -> Operation {
    get("/v1/models/{model}", "readModel", "Read a model")
        .gives::<Model>(200, "The task or model.")
        .refuses(&[Code::ModelNotFound])
}

macro_rules! shape {
    ($(#[$doc:meta])* $name:ident, $schema:expr) => {
        $(#[$doc])*
        struct $name;

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

shape!(
    /// See [`Body`](super::ask::Body).
    ChatCompletionRequest,
    json_schema!({
        "type": "object",
        "required": ["model", "messages"],
        "additionalProperties": false,
        "properties": {
            "model": { "type": "string", "minLength": 1, "maxLength": 256 },
            "messages": { "type": "array", "maxItems": 1_000, "items": message() },
            "input": {
                "type": ["object", "null"],
                "description": "The values of the prompt's variables; the messages follow the prompt.",
            },
            "temperature": { "type": ["number", "null"], "minimum": 0, "maximum": 2 },
            "top_p": { "type": ["number", "null"], "minimum": 0, "maximum": 1 },
            "max_tokens": { "type": ["integer", "null"], "minimum": 1, "maximum": u32::MAX },
            "max_completion_tokens": { "type": ["integer", "null"], "minimum": 1, "maximum": u32::MAX },
            "seed": { "type": ["integer", "null"], "minimum": i64::MIN, "maximum": i64::MAX },
            "response_format": {
                "type": ["object", "null"],
                "required": ["type"],
                "additionalProperties": false,
                "properties": { "type": { "enum": ["text", "json_object"] } },
            },
            "stream": { "type": ["boolean", "null"] },
            "stream_options": {
                "type": ["object", "null"],
                "additionalProperties": false,
                "properties": {
                    "include_usage": { "type": ["boolean", "null"] },
                    "include_obfuscation": { "enum": [false, null] },
                },
            },
            "metadata": {
                "type": ["object", "null"],
                "maxProperties": 16,
                "additionalProperties": { "type": "string", "maxLength": 512 },
            },
            "user": { "type": ["string", "null"], "maxLength": 512 },
            "safety_identifier": { "type": ["string", "null"], "maxLength": 512 },
        },
    })
);

fn message() -> serde_json::Value {
    let part = json!({
        "type": "object",
        "required": ["type", "text"],
        "additionalProperties": false,
        "properties": { "type": { "const": "text" }, "text": { "type": "string" } },
    });
    json!({
        "type": "object",
        "required": ["role", "content"],
        "additionalProperties": false,
        "properties": {
            "role": { "enum": ["system", "developer", "user", "assistant"] },
            "content": { "anyOf": [{ "type": "string" }, { "type": "array", "items": part }] },
        },
    })
}

shape!(
    /// See [`Title::completion`](super::answer::Title::completion).
    ChatCompletion,
    json_schema!({
        "type": "object",
        "required": ["id", "object", "created", "model", "choices"],
        "properties": {
            "id": { "type": "string", "pattern": "^chatcmpl-" },
            "object": { "const": "chat.completion" },
            "created": { "type": "integer" },
            "model": { "type": "string" },
            "choices": { "type": "array", "minItems": 1, "maxItems": 1, "items": {
                "type": "object",
                "required": ["index", "message", "finish_reason"],
                "properties": {
                    "index": { "const": 0 },
                    "message": {
                        "type": "object",
                        "required": ["role", "content"],
                        "properties": {
                            "role": { "const": "assistant" },
                            "content": { "type": "string" },
                        },
                    },
                    "finish_reason": { "enum": ["stop", "length", "content_filter"] },
                },
            } },
            "usage": { "type": "object", "properties": {
                "prompt_tokens": { "type": "integer" },
                "completion_tokens": { "type": "integer" },
                "total_tokens": { "type": "integer" },
            } },
        },
    })
);

fn model() -> serde_json::Value {
    json!({
        "type": "object",
        "required": ["id", "object", "created", "owned_by"],
        "properties": {
            "id": { "type": "string" },
            "object": { "const": "model" },
            "created": { "type": "integer" },
            "owned_by": { "type": "string" },
        },
    })
}

shape!(
    /// What a chat completion may name.
    Model,
    json_schema!({ "allOf": [model()] })
);
shape!(
    /// All of it.
    ModelList,
    json_schema!({
        "type": "object",
        "required": ["object", "data"],
        "properties": {
            "object": { "const": "list" },
            "data": { "type": "array", "items": model() },
        },
    })
);
