//! The routes of the document and of its page: bytes that are made once, and are the same for
//! everybody.

use std::sync::LazyLock;

use actix_web::HttpResponse;
use actix_web::http::header::{self, HeaderName};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::operation::{Area, Operation, get};
use super::schemas::Text;
use super::{document, page};
use crate::http::dispatch::Visit;
use crate::http::errors::Problem;
use crate::http::etag;

/// What a page may do: load its own style and script, and nothing else.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";
const REFERRER: HeaderName = HeaderName::from_static("referrer-policy");

/// Something that is served as it is.
pub(super) struct Served {
    media_type: &'static str,
    bytes: String,
    tag: String,
}

impl Served {
    fn new(media_type: &'static str, bytes: String) -> Self {
        Self {
            media_type,
            tag: etag::of(bytes.as_bytes()),
            bytes,
        }
    }

    /// The whole, or 304 for whoever has it (RFC 9110, section 13.1.2).
    fn answer(&self, visit: &Visit) -> HttpResponse {
        let has_it = etag::is_known(&visit.request, &self.tag);
        let mut response = match has_it {
            true => HttpResponse::NotModified(),
            false => HttpResponse::Ok(),
        };
        response
            .insert_header((header::ETAG, self.tag.clone()))
            .insert_header((header::CACHE_CONTROL, "no-cache"))
            .insert_header((header::CONTENT_SECURITY_POLICY, POLICY))
            .insert_header((REFERRER, "no-referrer"));
        if has_it {
            return response.finish();
        }
        response
            .content_type(self.media_type)
            .body(self.bytes.clone())
    }
}

macro_rules! served {
    ($($(#[$doc:meta])* $name:ident = $media_type:literal, $bytes:expr;)+) => {
        $(
            $(#[$doc])*
            pub(super) async fn $name(visit: Visit) -> Result<HttpResponse, Problem> {
                static SERVED: LazyLock<Served> =
                    LazyLock::new(|| Served::new($media_type, $bytes));
                Ok(SERVED.answer(&visit))
            }
        )+
    };
}

served! {
    /// `GET /v1/openapi.json`
    public_document = "application/json", document().to_string();
    /// `GET /admin/v1/openapi.json`
    admin_document = "application/json", super::admin_document().to_string();
    /// `GET /docs`
    public_page = "text/html; charset=utf-8", page::render(document());
    /// `GET /docs` of the admin listener
    admin_page = "text/html; charset=utf-8", page::render(super::admin_document());
    /// `GET /docs/style.css`
    style = "text/css; charset=utf-8", include_str!("page/style.css").to_owned();
    /// `GET /docs/script.js`
    script = "text/javascript; charset=utf-8", include_str!("page/script.js").to_owned();
}

/// An OpenAPI document.
struct OpenApi;

impl JsonSchema for OpenApi {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "OpenApi".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "required": ["openapi", "info", "paths"] })
    }
}

fn file(
    path: &'static str,
    id: &'static str,
    summary: &'static str,
    kind: &'static str,
) -> Operation {
    get(path, id, summary)
        .header::<Text>("If-None-Match", "The `ETag` of what you have.")
        .gives_as::<Text>(200, "The file.", kind)
        .with_header::<Text>("ETag", "Send it as `If-None-Match`.")
        .gives_nothing(304, "You have it.")
}

fn json_file(path: &'static str, id: &'static str, summary: &'static str) -> Operation {
    get(path, id, summary)
        .header::<Text>("If-None-Match", "The `ETag` of what you have.")
        .gives::<OpenApi>(200, "The document (OpenAPI 3.1).")
        .with_header::<Text>("ETag", "Send it as `If-None-Match`.")
        .gives_nothing(304, "You have it.")
}

pub(super) fn area() -> Area {
    Area::new(
        "This document",
        "The document of this API, and a page to read it.",
        [
            json_file("/v1/openapi.json", "readOpenApi", "This document"),
            json_file(
                "/admin/v1/openapi.json",
                "readAdminOpenApi",
                "This document",
            ),
            file("/docs", "readDocs", "A page to read it", "text/html"),
            file(
                "/docs/style.css",
                "readDocsStyle",
                "The page's style",
                "text/css",
            ),
            file(
                "/docs/script.js",
                "readDocsScript",
                "The page's script",
                "text/javascript",
            ),
        ],
    )
}
