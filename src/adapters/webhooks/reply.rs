//! What a reply means. The table is in `docs/callbacks.md`.

use std::sync::Arc;

use bytes::Bytes;
use punchcard_actors::ports::PreProcessReply;
use punchcard_events::Timestamp;
use punchcard_events::ticket::{Blame, CallbackError, CallbackErrorKind};
use reqwest::StatusCode;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use serde_json::Value;

use super::failure::{clean, error};
use crate::adapters::retry_after;

/// A reply, as far as it was read.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) status: StatusCode,
    pub(super) retry_after_ms: Option<u64>,
    /// Whether the reply says that its body is JSON.
    pub(super) is_json: bool,
    pub(super) body: Bytes,
}

/// What a reply's body is read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UseOfBody {
    /// It may replace something.
    Contract,
    /// It may say why.
    Reason,
    /// It is not read.
    None,
}

/// What the body of a reply with this status is read for.
pub(super) fn use_of_body(status: StatusCode) -> UseOfBody {
    if status.is_success() {
        UseOfBody::Contract
    } else if status == StatusCode::UNPROCESSABLE_ENTITY {
        UseOfBody::Reason
    } else {
        UseOfBody::None
    }
}

const HOW_TO_REPLY: &str =
    "answer 204 to leave the input as it is, or 200 with {\"input\": {…}} to replace it";

/// The meaning of a reply to a pre-process call.
pub(super) fn pre_process(received: &Received) -> Result<PreProcessReply, CallbackError> {
    let unclear = |what: &str| {
        let message = format!("the pre-process reply {what}: {HOW_TO_REPLY}");
        Err(error(CallbackErrorKind::Body, message))
    };
    match received.status {
        StatusCode::NO_CONTENT => Ok(PreProcessReply::Unchanged),
        StatusCode::OK if received.body.is_empty() => unclear("has status 200 and no body"),
        StatusCode::OK => match serde_json::from_slice::<Value>(&received.body) {
            Ok(Value::Object(mut reply)) => match reply.remove("input") {
                Some(input @ Value::Object(_)) => Ok(PreProcessReply::Replaced(Arc::new(input))),
                Some(_) => unclear("has an `input` that is not a JSON object"),
                None => unclear("has no `input`"),
            },
            Ok(_) => unclear("is not a JSON object"),
            Err(invalid) => unclear(&not_json(&invalid)),
        },
        other if other.is_success() => unclear(&format!("has status {}", other.as_u16())),
        other => Err(refusal_or_failure(other, received)),
    }
}

/// The meaning of a reply to a post-process call: what takes the answer's place, if anything.
pub(super) fn post_process(received: &Received) -> Result<Option<Arc<Value>>, CallbackError> {
    if !received.status.is_success() {
        return Err(refusal_or_failure(received.status, received));
    }
    if received.body.is_empty() {
        return Ok(None);
    }
    match serde_json::from_slice::<Value>(&received.body) {
        // Many serialisers write a field without a value as null, so null is none.
        Ok(Value::Object(mut reply)) => Ok(reply
            .remove("answer")
            .filter(|answer| !answer.is_null())
            .map(Arc::new)),
        Ok(_) => Ok(None),
        // It was to be JSON, so perhaps it was to replace the answer.
        Err(invalid) if received.is_json => Err(error(
            CallbackErrorKind::Body,
            format!(
                "the post-process reply says it is JSON but {}: answer 204, or 200 with \
                 {{\"answer\": …}} to replace the answer",
                not_json(&invalid)
            ),
        )),
        Err(_) => Ok(None),
    }
}

/// Where JSON breaks off, without quoting it.
fn not_json(invalid: &serde_json::Error) -> String {
    format!(
        "is not valid JSON (line {}, column {})",
        invalid.line(),
        invalid.column()
    )
}

fn refusal_or_failure(status: StatusCode, received: &Received) -> CallbackError {
    match status {
        StatusCode::UNPROCESSABLE_ENTITY => error(
            CallbackErrorKind::Refused,
            reason(&received.body).unwrap_or_else(|| {
                "the tenant's API refused the ticket (422) and gave no reason".to_owned()
            }),
        ),
        StatusCode::GONE => error(
            CallbackErrorKind::Gone,
            "the tenant's API says that this endpoint is gone (410)",
        ),
        other if other.is_redirection() => error(
            CallbackErrorKind::Status,
            format!(
                "the tenant's API answered {}: redirects are not followed, configure the final URL",
                other.as_u16()
            ),
        ),
        other => CallbackError {
            kind: CallbackErrorKind::Status,
            message: format!("the tenant's API answered {}", other.as_u16()),
            retry_after_ms: received.retry_after_ms,
            blame: blame(other),
        },
    }
}

/// What a status without a meaning of its own says of the tenant's API. One that turns down a call is
/// alive: a wrong path or key of one task must not hold up the calls of the others.
fn blame(status: StatusCode) -> Blame {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Blame::Overloaded,
        StatusCode::REQUEST_TIMEOUT => Blame::Class,
        other if other.is_client_error() => Blame::Nobody,
        _ => Blame::Class,
    }
}

fn reason(body: &[u8]) -> Option<String> {
    let reply: Value = serde_json::from_slice(body).ok()?;
    clean(reply.get("reason")?.as_str()?)
}

/// How long the receiver asks to wait: `Retry-After` of a 429 or 503. With other statuses it says
/// nothing that the ticket's own schedule does not.
pub(super) fn retry_after_ms(
    status: StatusCode,
    headers: &HeaderMap,
    now: Timestamp,
) -> Option<u64> {
    if status != StatusCode::TOO_MANY_REQUESTS && status != StatusCode::SERVICE_UNAVAILABLE {
        return None;
    }
    retry_after::standard_ms(headers, Some(now))
}

/// Whether a reply calls its body JSON: `application/json`, or a type that ends in `+json`
/// (RFC 6839).
pub(super) fn says_json(headers: &HeaderMap) -> bool {
    let Some(Ok(text)) = headers.get(CONTENT_TYPE).map(|value| value.to_str()) else {
        return false;
    };
    let essence = text.split(';').next().unwrap_or("").trim();
    let essence = essence.to_ascii_lowercase();
    essence == "application/json" || essence.ends_with("+json")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use reqwest::header::RETRY_AFTER;
    use serde_json::json;

    use super::*;

    fn received(status: u16, body: &str, is_json: bool) -> Received {
        Received {
            status: StatusCode::from_u16(status).unwrap(),
            retry_after_ms: None,
            is_json,
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    fn pre(status: u16, body: &str) -> Result<PreProcessReply, CallbackErrorKind> {
        pre_process(&received(status, body, true)).map_err(|error| error.kind)
    }

    fn post(status: u16, body: &str, is_json: bool) -> Result<Option<Value>, CallbackErrorKind> {
        post_process(&received(status, body, is_json))
            .map(|answer| answer.map(|answer| (*answer).clone()))
            .map_err(|error| error.kind)
    }

    #[test]
    fn a_status_that_turns_down_one_call_is_no_blame_for_the_api() {
        let blame = |status| blame(StatusCode::from_u16(status).unwrap());
        for status in [400, 401, 403, 404, 405, 413, 415, 451] {
            assert_eq!(blame(status), Blame::Nobody, "{status}");
        }
        assert_eq!(blame(429), Blame::Overloaded);
        for status in [408, 500, 502, 503, 504] {
            assert_eq!(blame(status), Blame::Class, "{status}");
        }
    }

    #[test]
    fn a_pre_process_reply_replaces_the_input_or_leaves_it() {
        let replaced = PreProcessReply::Replaced(Arc::new(json!({"essay": "x"})));
        assert_eq!(
            pre(200, r#"{"input": {"essay": "x"}, "more": 1}"#),
            Ok(replaced)
        );
        assert_eq!(pre(204, ""), Ok(PreProcessReply::Unchanged));
    }

    #[test]
    fn an_unclear_pre_process_reply_is_told_what_would_be_clear() {
        let deep = format!("{{\"input\":{}", "[".repeat(10_000));
        for (status, body) in [
            (200, ""),
            (200, "{}"),
            (200, "OK"),
            (200, "[]"),
            (200, "null"),
            (200, "{"),
            (200, r#"{"input": "text"}"#),
            (200, r#"{"input": null}"#),
            (200, &deep),
            (201, r#"{"input": {}}"#),
            (202, ""),
            (205, ""),
            (206, "{}"),
        ] {
            let error = pre_process(&received(status, body, true)).unwrap_err();
            assert_eq!(error.kind, CallbackErrorKind::Body, "{status} {body:.40}");
            assert!(error.message.contains("answer 204"), "{}", error.message);
        }
    }

    #[test]
    fn a_post_process_reply_persists_and_may_replace() {
        assert_eq!(post(204, "", false), Ok(None));
        assert_eq!(post(200, "", true), Ok(None));
        assert_eq!(post(201, "OK", false), Ok(None));
        assert_eq!(post(202, "{}", true), Ok(None));
        assert_eq!(post(200, "\"OK\"", true), Ok(None));
        assert_eq!(post(200, r#"{"id": 7, "answer": null}"#, true), Ok(None));
        assert_eq!(post(200, r#"{"answer": "a"}"#, true), Ok(Some(json!("a"))));
        assert_eq!(
            post(299, r#"{"answer": {"b": 1}}"#, false),
            Ok(Some(json!({"b": 1})))
        );
        assert_eq!(post(200, "OK", true), Err(CallbackErrorKind::Body));
    }

    #[test]
    fn other_statuses_mean_the_same_for_both_calls() {
        use CallbackErrorKind::{Gone, Refused, Status};
        for (status, kind) in [
            (301, Status),
            (302, Status),
            (304, Status),
            (307, Status),
            (308, Status),
            (400, Status),
            (401, Status),
            (404, Status),
            (409, Status),
            (410, Gone),
            (422, Refused),
            (429, Status),
            (500, Status),
            (503, Status),
            (999, Status),
        ] {
            assert_eq!(pre(status, ""), Err(kind), "{status}");
            assert_eq!(post(status, "", false), Err(kind), "{status}");
        }
    }

    #[test]
    fn a_refusal_gives_its_reason_made_fit_to_be_shown() {
        let message = |body: &str| pre_process(&received(422, body, true)).unwrap_err().message;
        assert_eq!(
            message(r#"{"reason": "too\n\u001b[31mshort"}"#),
            "too [31mshort"
        );
        for none in [
            "",
            "nonsense",
            "{}",
            r#"{"reason": 7}"#,
            r#"{"reason": "\u0000"}"#,
            "[]",
        ] {
            assert!(message(none).contains("gave no reason"), "{none}");
        }
    }

    #[test]
    fn no_message_quotes_the_body() {
        for body in [
            "{\"input\": \"canary\"}",
            "canary",
            "{\"input\": canary}",
            "\"canary\"",
        ] {
            let error = pre_process(&received(200, body, true)).unwrap_err();
            assert!(!error.message.contains("canary"), "{}", error.message);
        }
        let error = post_process(&received(200, "canary", true)).unwrap_err();
        assert!(!error.message.contains("canary"), "{}", error.message);
    }

    fn wait(status: u16, text: &str) -> Option<u64> {
        let headers = HeaderMap::from_iter([(RETRY_AFTER, text.parse().unwrap())]);
        let now = "1994-11-06T08:49:30Z".parse().unwrap();
        retry_after_ms(StatusCode::from_u16(status).unwrap(), &headers, now)
    }

    #[test]
    fn only_a_429_or_503_says_when() {
        for status in [429, 503] {
            assert_eq!(wait(status, "7"), Some(7_000));
            assert_eq!(wait(status, "Sun, 06 Nov 1994 08:49:37 GMT"), Some(7_000));
            assert_eq!(wait(status, "soon"), None);
        }
        assert_eq!(wait(500, "7"), None);
    }

    #[test]
    fn json_is_known_by_its_media_type() {
        for (text, is_json) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/problem+json", true),
            ("text/plain", false),
            ("text/json5", false),
            ("", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, text.parse().unwrap())]);
            assert_eq!(says_json(&headers), is_json, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_reply_makes_the_reading_panic(
            status in 100_u16..1000, body in any::<Vec<u8>>(), is_json: bool, after in ".{0,40}",
        ) {
            let status = StatusCode::from_u16(status).unwrap();
            let received = Received { status, retry_after_ms: None, is_json, body: body.into() };
            drop(pre_process(&received));
            drop(post_process(&received));
            if let Ok(value) = reqwest::header::HeaderValue::from_bytes(after.as_bytes()) {
                let headers = HeaderMap::from_iter([(RETRY_AFTER, value)]);
                let _ = retry_after_ms(status, &headers, Timestamp::from_millis(0));
            }
        }
    }

    #[test]
    fn mutants_of_replies_are_read_or_refused() {
        crate::fuzz::run("callback-reply", |input| {
            let Some((status, body)) = input.split_at_checked(4) else {
                return;
            };
            let Ok(status) = StatusCode::from_bytes(status.trim_ascii()) else {
                return;
            };
            let body = Bytes::copy_from_slice(body);
            let received = Received {
                status,
                retry_after_ms: None,
                is_json: true,
                body,
            };
            drop(pre_process(&received));
            drop(post_process(&received));
        });
    }
}
