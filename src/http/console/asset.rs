//! One file as it is served: its type, and the headers that keep it to itself.

use std::borrow::Cow;

use actix_web::http::header::{self, HeaderName};
use actix_web::{HttpRequest, HttpResponse};

use crate::http::etag;

/// What the page may do: load its own files, ask its own origin, and make no markup of texts
/// (`require-trusted-types-for`).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// The other headers of every file: it says nowhere where it was, shares its process with no other page, is
/// embedded nowhere, and wants none of the machine's senses.
const GUARDS: [(HeaderName, &str); 5] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (HeaderName::from_static("referrer-policy"), "no-referrer"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
];

/// A file of the console.
pub(super) struct Asset {
    media_type: &'static str,
    bytes: Cow<'static, [u8]>,
    tag: String,
}

impl Asset {
    /// A file by its name's ending; `None` for an ending that no file of the console has.
    pub(super) fn new(path: &str, bytes: impl Into<Cow<'static, [u8]>>) -> Option<Self> {
        let bytes = bytes.into();
        Some(Self {
            media_type: media_type(path)?,
            tag: etag::of(&bytes),
            bytes,
        })
    }

    /// The whole, or 304 for whoever has it.
    pub(super) fn answer(&self, request: &HttpRequest) -> HttpResponse {
        let has_it = etag::is_known(request, &self.tag);
        let mut response = match has_it {
            true => HttpResponse::NotModified(),
            false => HttpResponse::Ok(),
        };
        response
            .insert_header((header::ETAG, self.tag.clone()))
            .insert_header((header::CACHE_CONTROL, "no-cache"));
        for guard in GUARDS {
            response.insert_header(guard);
        }
        if has_it {
            return response.finish();
        }
        response
            .content_type(self.media_type)
            .body(match &self.bytes {
                Cow::Borrowed(bytes) => actix_web::web::Bytes::from_static(bytes),
                Cow::Owned(bytes) => actix_web::web::Bytes::from(bytes.clone()),
            })
    }
}

/// The type of a file; only these endings are ever served.
pub(super) fn media_type(path: &str) -> Option<&'static str> {
    let (_, ending) = path.rsplit_once('.')?;
    Some(match ending {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => return None,
    })
}
