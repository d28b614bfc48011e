//! What a refusal, an error object or a lost connection means, in domain words.
//!
//! The sentences name the status and the server's own error code, never its free text: that may
//! quote the prompt or a part of the key.

use std::borrow::Cow;
use std::error::Error;
use std::io;

use punchcard_events::ticket::{AttemptError, AttemptErrorKind as Kind};
use reqwest::header::HeaderMap;
use serde::Deserialize;

use crate::adapters::retry_after;

/// Longer codes are not words any more.
const MAX_CODE_BYTES: usize = 64;

/// An error of `kind`.
pub(super) fn error(kind: Kind, message: impl Into<String>) -> AttemptError {
    AttemptError {
        kind,
        message: message.into(),
        retry_after_ms: None,
    }
}

/// An error object of the API, as far as it is read.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "RawError")]
pub(super) struct ErrorObject {
    code: Option<String>,
    kind: Option<String>,
    /// A status that the object names as its code, as some gateways do.
    status: Option<u16>,
}

/// The shapes in the field: an object with `code` (a word or a number) and `type`, or a bare text.
#[derive(Deserialize)]
#[serde(untagged)]
enum RawError<'a> {
    #[serde(borrow)]
    Object(RawObject<'a>),
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct RawObject<'a> {
    #[serde(borrow, default)]
    code: Option<RawCode<'a>>,
    #[serde(borrow, default, rename = "type")]
    kind: Option<RawCode<'a>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawCode<'a> {
    Number(u16),
    #[serde(borrow)]
    Word(Cow<'a, str>),
    Other(serde::de::IgnoredAny),
}

impl From<RawError<'_>> for ErrorObject {
    fn from(raw: RawError<'_>) -> Self {
        let RawError::Object(object) = raw else {
            return Self::default();
        };
        let mut status = None;
        let mut word = |code| match code {
            RawCode::Number(number) => {
                status = Some(number);
                None
            }
            RawCode::Word(text) => {
                status = status.or_else(|| text.parse().ok());
                is_word(&text).then(|| text.into_owned())
            }
            RawCode::Other(_) => None,
        };
        let code = object.code.and_then(&mut word);
        let kind = object.kind.and_then(&mut word);
        Self { code, kind, status }
    }
}

/// Whether a code is one that may be shown: a short word, no text that somebody could have filled
/// with a prompt or a key. Codes are made of letters, and at most name a status; keys have more
/// digits than that.
fn is_word(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (1..=MAX_CODE_BYTES).contains(&text.len())
        && text.bytes().all(allowed)
        && digits <= 3
        && !text.starts_with("sk-")
}

impl ErrorObject {
    /// The error in a body, or nothing known when it has none.
    pub(super) fn in_body(body: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Body {
            error: Option<ErrorObject>,
        }
        serde_json::from_slice::<Body>(body).ok()?.error
    }

    fn has(&self, words: &[&str]) -> bool {
        let either = [&self.code, &self.kind];
        either
            .into_iter()
            .flatten()
            .any(|word| words.contains(&word.as_str()))
    }

    /// What the object says whatever the status is.
    fn unmistakable(&self) -> Option<Kind> {
        if self.has(&[
            "insufficient_quota",
            "billing_hard_limit_reached",
            "billing_not_active",
        ]) {
            Some(Kind::QuotaExceeded)
        } else if self.has(&[
            "content_filter",
            "content_policy_violation",
            "content_filtered",
            "ResponsibleAIPolicyViolation",
        ]) {
            Some(Kind::ContentFiltered)
        } else if self.has(&["context_length_exceeded", "string_above_max_length"]) {
            Some(Kind::InvalidRequest)
        } else {
            None
        }
    }

    /// What it says where there is no status to go by.
    fn by_itself(&self) -> Kind {
        if self.has(&[
            "invalid_api_key",
            "authentication_error",
            "permission_error",
        ]) {
            Kind::Unauthorized
        } else if self.has(&[
            "rate_limit_exceeded",
            "rate_limit_error",
            "tokens",
            "requests",
        ]) {
            Kind::RateLimited
        } else if self.has(&[
            "invalid_request_error",
            "model_not_found",
            "BadRequestError",
        ]) {
            Kind::InvalidRequest
        } else {
            self.status
                .map_or(Kind::Server, |status| match by_status(status) {
                    // A number below 400 is no status; the object is an error all the same.
                    Kind::Protocol => Kind::Server,
                    kind => kind,
                })
        }
    }

    fn describe(&self) -> String {
        match (&self.code, &self.kind, self.status) {
            (Some(word), _, _) | (None, Some(word), _) => format!(" ({word})"),
            (None, None, Some(status)) => format!(" ({status})"),
            (None, None, None) => String::new(),
        }
    }
}

/// What a status other than 200 means.
const fn by_status(status: u16) -> Kind {
    match status {
        401 | 403 => Kind::Unauthorized,
        402 => Kind::QuotaExceeded,
        408 | 504 => Kind::Timeout,
        429 => Kind::RateLimited,
        // Conflict and "too early" pass; they say nothing about the request itself.
        409 | 425 | 500..=599 => Kind::Server,
        400..=499 => Kind::InvalidRequest,
        _ => Kind::Protocol,
    }
}

/// A response that is a refusal by its status.
pub(super) fn of_status(status: u16, headers: &HeaderMap, body: &[u8]) -> AttemptError {
    let object = ErrorObject::in_body(body).unwrap_or_default();
    let kind = match status {
        400..=499 => object.unmistakable().unwrap_or_else(|| by_status(status)),
        _ => by_status(status),
    };
    let what = match (kind, status) {
        (Kind::InvalidRequest, 404) => {
            "the model's server knows no such model or path: it answered"
        }
        (Kind::Protocol, 300..=399) => "redirects are not followed: the model's server answered",
        _ => "the model's server answered",
    };
    AttemptError {
        kind,
        message: format!("{what} {status}{}", object.describe()),
        retry_after_ms: kind
            .is_transient()
            .then(|| retry_after::of_model_server_ms(headers))
            .flatten(),
    }
}

/// An error object where an answer was promised by the status 200.
pub(super) fn of_object(object: &ErrorObject) -> AttemptError {
    let kind = object.unmistakable().unwrap_or_else(|| object.by_itself());
    let message = format!(
        "the model's server sent an error in place of an answer{}",
        object.describe()
    );
    error(kind, message)
}

/// A request that got no response.
pub(super) fn of_transport(failure: &reqwest::Error) -> AttemptError {
    if failure.is_timeout() {
        return error(Kind::Timeout, "no connection to the model's server in time");
    }
    if failure.is_builder() {
        return error(
            Kind::InvalidRequest,
            "the request to the model's server cannot be made",
        );
    }
    let mut source = failure.source();
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            let kind = io.kind();
            return error(
                Kind::Connection,
                format!("no connection to the model's server: {kind}"),
            );
        }
        source = cause.source();
    }
    error(
        Kind::Connection,
        "the connection to the model's server was lost",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_classed_by_status_and_by_the_codes_that_matter() {
        let cases = [
            (302, "", Kind::Protocol),
            (400, "", Kind::InvalidRequest),
            (
                400,
                r#"{"error":{"code":"context_length_exceeded"}}"#,
                Kind::InvalidRequest,
            ),
            (
                400,
                r#"{"error":{"code":"content_policy_violation"}}"#,
                Kind::ContentFiltered,
            ),
            (
                400,
                r#"{"error":{"code":"content_filter","type":null}}"#,
                Kind::ContentFiltered,
            ),
            (
                401,
                r#"{"error":{"type":"invalid_request_error"}}"#,
                Kind::Unauthorized,
            ),
            (402, "", Kind::QuotaExceeded),
            (403, "", Kind::Unauthorized),
            (404, r#"{"error":"model not found"}"#, Kind::InvalidRequest),
            (408, "", Kind::Timeout),
            (409, "", Kind::Server),
            (413, "<html>", Kind::InvalidRequest),
            (422, "", Kind::InvalidRequest),
            (429, "", Kind::RateLimited),
            (
                429,
                r#"{"error":{"code":"insufficient_quota"}}"#,
                Kind::QuotaExceeded,
            ),
            (
                429,
                r#"{"error":{"type":"insufficient_quota","code":[]}}"#,
                Kind::QuotaExceeded,
            ),
            (500, r#"{"error":{"code":"content_filter"}}"#, Kind::Server),
            (503, "", Kind::Server),
            (504, "", Kind::Timeout),
            (599, "", Kind::Server),
        ];
        for (status, body, kind) in cases {
            let error = of_status(status, &HeaderMap::new(), body.as_bytes());
            assert_eq!(error.kind, kind, "{status} {body}");
            assert!(
                error.message.contains(&status.to_string()),
                "{}",
                error.message
            );
        }
    }

    #[test]
    fn an_error_object_is_classed_without_a_status() {
        let cases = [
            (r#"{"message":"x"}"#, Kind::Server),
            (r#""overloaded""#, Kind::Server),
            (r#"{"code":502}"#, Kind::Server),
            (r#"{"code":"429"}"#, Kind::RateLimited),
            (r#"{"code":7}"#, Kind::Server),
            (r#"{"type":"server_error"}"#, Kind::Server),
            (r#"{"type":"rate_limit_error"}"#, Kind::RateLimited),
            (r#"{"code":"insufficient_quota"}"#, Kind::QuotaExceeded),
            (r#"{"type":"invalid_request_error"}"#, Kind::InvalidRequest),
            (r#"{"code":"content_filter"}"#, Kind::ContentFiltered),
            (r#"{"code":"invalid_api_key"}"#, Kind::Unauthorized),
        ];
        for (object, kind) in cases {
            let parsed: ErrorObject = serde_json::from_str(object).unwrap();
            assert_eq!(of_object(&parsed).kind, kind, "{object}");
        }
    }

    #[test]
    fn the_servers_free_text_is_never_repeated() {
        let body = r#"{"error":{"message":"bad key sk-1","code":"said: sk-1","type":"sk-1"}}"#;
        let error = of_status(401, &HeaderMap::new(), body.as_bytes());
        assert!(!error.message.contains("sk-1"), "{}", error.message);

        let body = r#"{"error":{"code":"gsk_a1b2c3d4"}}"#;
        let error = of_status(401, &HeaderMap::new(), body.as_bytes());
        assert!(!error.message.contains("gsk"), "{}", error.message);
    }

    #[test]
    fn only_an_error_worth_repeating_says_when() {
        let one = reqwest::header::HeaderValue::from_static("1");
        let wait = HeaderMap::from_iter([(reqwest::header::RETRY_AFTER, one)]);
        assert_eq!(of_status(503, &wait, b"").retry_after_ms, Some(1_000));
        assert_eq!(of_status(401, &wait, b"").retry_after_ms, None);
    }
}
