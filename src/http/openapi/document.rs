//! The document: everything that is known of a table of routes, put together.

use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::common::{codes, names_in, path_parameter};
use super::operation::{Answer, Area, Body, Operation, Parameter, Place};
use super::schemas::Schemas;
use super::{areas, examples};
use crate::http::errors::Code;
use crate::http::routes::{self, Policy, Route};

/// The document of the public routes (OpenAPI 3.1).
pub fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
        let about = "Issue tickets for a language model's work, follow them, and keep the prompts \
                     that they run. Every request but those marked as open carries an API key: \
                     `Authorization: Bearer <key>`. Unknown fields and parameters are refused. \
                     Whatever is refused is a problem (RFC 9457) with a stable `code`.";
        of_table("Punchcard", about, routes::table())
    });
    &DOCUMENT
}

/// The document of the routes of the admin listener.
pub fn admin_document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
        let about = "What operators do. These routes are served on the admin listener only, which \
                     is not for the open internet; keys are those of the configuration's `[admin]`.";
        of_table("Punchcard, for operators", about, routes::admin_table())
    });
    &DOCUMENT
}

fn of_table(
    title: &str,
    about: &str,
    table: impl Iterator<Item = &'static Route> + Clone,
) -> Value {
    let mut schemas = Schemas::new();
    let mut paths: Map<String, Value> = Map::new();
    let mut tags = Vec::new();
    for Area {
        name,
        about,
        operations,
    } in areas()
    {
        let mut used = false;
        for operation in &operations {
            let is_its =
                |route: &&Route| route.method == operation.method && route.path == operation.path;
            let Some(route) = table.clone().find(is_its) else {
                continue;
            };
            used = true;
            let said = said(name, route, operation, &mut schemas);
            let path = paths.entry(operation.path).or_insert_with(|| json!({}));
            path[operation.method.as_str().to_ascii_lowercase()] = said;
        }
        if used {
            tags.push(json!({ "name": name, "description": about }));
        }
    }
    let mut document = json!({
        "openapi": "3.1.1",
        "info": {
            "title": title,
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "Durable, event-sourced tickets for language models",
            "description": about,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
        "servers": [{ "url": "/", "description": "Where this document came from." }],
        "tags": tags,
        "paths": paths,
    });
    let mut named = schemas.finish(&mut document);
    named.insert("Problem".to_owned(), problem());
    document["components"] = json!({
        "schemas": named,
        "headers": headers(),
        "securitySchemes": { "apiKey": {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key, `pk_live_…`. It has roles; each operation lists those of \
                            which one is needed.",
        }},
    });
    document
}

fn said(area: &str, route: &Route, operation: &Operation, schemas: &mut Schemas) -> Value {
    let mut said = json!({
        "operationId": operation.id,
        "tags": [area],
        "summary": operation.summary,
        "security": security(route),
        "responses": responses(route, operation, schemas),
    });
    if !operation.about.is_empty() {
        said["description"] = operation.about.into();
    }
    let parameters = parameters(operation, schemas);
    if !parameters.is_empty() {
        said["parameters"] = parameters.into();
    }
    if let Some(body) = &operation.body {
        said["requestBody"] = request_body(body, schemas);
    }
    said["x-codeSamples"] = json!([{
        "lang": "sh",
        "label": "curl",
        "source": examples::curl(route, operation),
    }]);
    said
}

/// One of the roles is enough, and each is written as a requirement of its own (OpenAPI 3.1.1,
/// section 4.8.30: role names of schemes that are not OAuth).
fn security(route: &Route) -> Value {
    let Some(roles) = route.roles() else {
        return match route.policy() {
            Policy::Open | Policy::Session => json!([]),
            Policy::Key | Policy::Ticket | Policy::Prompt | Policy::Operator => {
                json!([{ "apiKey": [] }])
            }
        };
    };
    let sufficient = roles.sufficient();
    let each = sufficient
        .iter()
        .map(|role| json!({ "apiKey": [role.as_str()] }));
    each.collect()
}

fn parameters(operation: &Operation, schemas: &mut Schemas) -> Vec<Value> {
    let is_said = |name: &str| {
        let mut said = operation.parameters.iter();
        said.any(|other| other.place == Place::Path && other.name == name)
    };
    let of_path = names_in(operation.path).filter(|name| !is_said(name));
    let mut all: Vec<Value> = of_path
        .filter_map(|name| path_parameter(name).map(|known| (name, known)))
        .map(|(name, (make, about))| {
            json!({
                "name": name, "in": "path", "required": true, "description": about,
                "schema": schemas.request(make),
            })
        })
        .collect();
    all.extend(operation.parameters.iter().map(|p| parameter(p, schemas)));
    all
}

fn parameter(parameter: &Parameter, schemas: &mut Schemas) -> Value {
    let place = match parameter.place {
        Place::Path => "path",
        Place::Query => "query",
        Place::Header => "header",
    };
    let schema = schemas.request(parameter.schema);
    let schema = match parameter.list {
        true => json!({ "type": "array", "items": schema }),
        false => schema,
    };
    json!({
        "name": parameter.name, "in": place, "required": parameter.required,
        "description": parameter.about, "schema": schema,
    })
}

fn request_body(body: &Body, schemas: &mut Schemas) -> Value {
    let mut content = json!({ "schema": schemas.request(body.schema) });
    if let Some(example) = &body.example {
        content["example"] = example.clone();
    }
    json!({ "required": body.required, "content": { body.media_type: content } })
}

fn responses(route: &Route, operation: &Operation, schemas: &mut Schemas) -> Value {
    let mut responses = Map::new();
    for answer in &operation.answers {
        responses.insert(answer.status.to_string(), response(answer, schemas));
    }
    let codes = codes(route, operation);
    for of_status in codes.chunk_by(|one, other| one.status() == other.status()) {
        let status = of_status.first().map(|code| code.status().as_u16());
        let status = status.unwrap_or_default().to_string();
        let refused = refused(of_status);
        match responses.get_mut(&status) {
            // Such as a 503 that is no problem too: both may come.
            Some(there) => {
                there["content"]["application/problem+json"] =
                    refused["content"]["application/problem+json"].clone();
            }
            None => {
                responses.insert(status, refused);
            }
        }
    }
    responses.into()
}

fn response(answer: &Answer, schemas: &mut Schemas) -> Value {
    let mut headers = json!({ "X-Request-Id": { "$ref": "#/components/headers/X-Request-Id" } });
    for header in &answer.headers {
        headers[header.name] = json!({
            "description": header.about, "schema": schemas.answer(header.schema),
        });
    }
    let mut response = json!({ "description": answer.about, "headers": headers });
    for (media_type, make) in &answer.content {
        response["content"][media_type] = json!({ "schema": schemas.answer(*make) });
    }
    response
}

/// The problems of one status.
fn refused(codes: &[Code]) -> Value {
    let status = codes.first().map_or(500, |code| code.status().as_u16());
    let titles: Vec<_> = codes
        .iter()
        .map(|code| format!("`{}`: {}.", code.as_str(), code.title()))
        .collect();
    let words: Vec<_> = codes.iter().map(|code| code.as_str()).collect();
    let mut headers = json!({ "X-Request-Id": { "$ref": "#/components/headers/X-Request-Id" } });
    let more: &[&str] = match status {
        401 => &["WWW-Authenticate"],
        429 | 503 => &["Retry-After"],
        426 => &["Upgrade"],
        _ => &[],
    };
    for name in more {
        headers[name] = json!({ "$ref": format!("#/components/headers/{name}") });
    }
    json!({
        "description": titles.join(" "),
        "headers": headers,
        "content": { "application/problem+json": { "schema": {
            "allOf": [{ "$ref": "#/components/schemas/Problem" }],
            "properties": { "status": { "const": status }, "code": { "enum": words } },
        }}},
    })
}

fn problem() -> Value {
    json!({
        "type": "object",
        "description": "Why a request was not done (RFC 9457). Programs go by `code`.",
        "required": ["type", "title", "status", "detail", "code", "request_id"],
        "properties": {
            "type": { "type": "string", "format": "uri", "description": "`urn:punchcard:problem:` and the code." },
            "title": { "type": "string", "description": "The code in a few words." },
            "status": { "type": "integer", "minimum": 400, "maximum": 599 },
            "detail": { "type": "string", "description": "What is wrong, as a sentence." },
            "code": { "type": "string", "pattern": "^[a-z_]+$" },
            "field": { "type": "string", "description": "What of the request is wrong: a JSON pointer (RFC 6901) into the body, or the name of a parameter or header." },
            "remedy": { "type": "string", "description": "What to do about it." },
            "limit": { "description": "The limit that was reached." },
            "current": { "description": "What is there now, where somebody was faster." },
            "findings": { "type": "array", "description": "The mistakes that were found." },
            "task": { "type": "string", "description": "The task whose own limit was reached." },
            "renewed_at": { "type": "string", "format": "date-time", "description": "When a budget's next period begins." },
            "error": { "type": "object", "description": "The same in the shape of OpenAI's errors; only on its routes." },
            "rejected": { "type": "array", "description": "The lines of a batch that are wrong." },
            "saved": { "description": "What was done before it went wrong." },
            "request_id": { "type": "string", "format": "uuid" },
        },
        "examples": [{
            "type": "urn:punchcard:problem:unknown_task", "title": "Unknown task", "status": 422,
            "detail": "there is no task `essay`", "code": "unknown_task", "field": "/task",
            "request_id": "01920000-0000-7000-8000-000000000002",
        }],
    })
}

fn headers() -> Value {
    let text = |about: &str| json!({ "description": about, "schema": { "type": "string" } });
    json!({
        "X-Request-Id": {
            "description": "Name it when you ask about a request.",
            "schema": { "type": "string", "format": "uuid" },
        },
        "Retry-After": {
            "description": "After so many seconds it is worth asking again.",
            "schema": { "type": "integer", "minimum": 1 },
        },
        "WWW-Authenticate": text("How to authenticate (RFC 9110)."),
        "Upgrade": text("The protocol that the route speaks."),
    })
}
