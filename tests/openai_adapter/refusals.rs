//! What servers answer in place of an answer, and what it means.

use punchcard_events::ticket::AttemptErrorKind as Kind;

use super::fake_model::{Behaviour, Ending, FakeModel, Step};
use super::{KEY, MORE, PROMPT, adapter, complete, outcome, whole};

/// Each behaviour on a server of its own: the error it gave, and that it was played.
async fn assert_kinds(cases: impl IntoIterator<Item = (Behaviour, Kind)>) {
    for (behaviour, kind) in cases {
        let shown = format!("{behaviour:?}");
        let server = FakeModel::playing([behaviour]).await;
        let error = outcome(&adapter(&server)).await.error();
        assert_eq!(error.kind, kind, "{error:?} after {shown}");
        server
            .until(|counts| counts.played + counts.abandoned == 1)
            .await;
        assert_eq!(server.counts().requests, 1, "{shown}");
    }
}

#[tokio::test]
async fn a_status_other_than_200_is_an_error_of_its_kind() {
    let quota = r#"{"error":{"code":"insufficient_quota","message":"pay"}}"#;
    let filter = r#"{"error":{"code":"content_filter"}}"#;
    assert_kinds([
        (Behaviour::status(204, ""), Kind::Protocol),
        (Behaviour::status(400, "{}"), Kind::InvalidRequest),
        (Behaviour::status(400, filter), Kind::ContentFiltered),
        (Behaviour::status(401, "{}"), Kind::Unauthorized),
        (Behaviour::status(403, "<html>"), Kind::Unauthorized),
        (Behaviour::status(404, "{}"), Kind::InvalidRequest),
        (Behaviour::status(408, ""), Kind::Timeout),
        (Behaviour::status(429, "{}"), Kind::RateLimited),
        (Behaviour::status(429, quota), Kind::QuotaExceeded),
        (Behaviour::status(500, "{}"), Kind::Server),
        (Behaviour::status(502, "<html>"), Kind::Server),
        (Behaviour::status(503, ""), Kind::Server),
        (Behaviour::status(504, ""), Kind::Timeout),
    ])
    .await;
}

#[tokio::test]
async fn a_broken_response_is_a_lost_connection_and_never_an_answer() {
    let raw = |bytes: &[u8], ending| Behaviour::Raw(bytes.to_vec(), ending);
    let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n";
    let with = |rest: &[u8]| [head.as_slice(), rest].concat();
    assert_kinds([
        (raw(b"", Ending::Fin), Kind::Connection),
        (raw(b"", Ending::Reset), Kind::Connection),
        (
            raw(b"\x15\x03\x01 no http\r\n\r\n", Ending::Fin),
            Kind::Connection,
        ),
        (raw(b"HTTP/1.1 2", Ending::Fin), Kind::Connection),
        (raw(head, Ending::Fin), Kind::Connection),
        (
            raw(&with(b"content-length: 99\r\n\r\ndata: {"), Ending::Fin),
            Kind::Incomplete,
        ),
        (
            raw(
                &with(b"transfer-encoding: chunked\r\n\r\nzz\r\n"),
                Ending::Fin,
            ),
            Kind::Incomplete,
        ),
        (
            raw(&with(b"content-length: 0\r\n\r\n"), Ending::Clean),
            Kind::Incomplete,
        ),
        // A head without an end.
        (
            raw(&with(&b"x-more: more\r\n".repeat(200)), Ending::Stall),
            Kind::Connection,
        ),
    ])
    .await;
}

#[tokio::test]
async fn an_error_in_a_stream_or_in_a_200_is_an_error_and_never_an_answer() {
    let stream = |events: &[&str]| Behaviour::bytes(events.concat(), Ending::Clean);
    let done = "data: [DONE]\n\n";
    let object = "data: {\"error\":{\"message\":\"x\",\"type\":\"server_error\"}}\n\n";
    let limited = "data: {\"error\":{\"code\":\"429\"}}\n\n";
    let flat = "data: {\"object\":\"error\",\"message\":\"x\",\"type\":\"BadRequestError\",\"code\":400}\n\n";
    let typed = "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"x\"}}\n\n";
    let stop = "data: {\"choices\":[{\"finish_reason\":\"stop\"}]}\n\n";
    let json = |body| Behaviour::status(200, body);
    assert_kinds([
        (stream(&[object]), Kind::Server),
        (stream(&[MORE, object, done]), Kind::Server),
        (stream(&[MORE, limited, done]), Kind::RateLimited),
        (stream(&[MORE, flat, done]), Kind::InvalidRequest),
        (stream(&[MORE, typed, done]), Kind::Server),
        (stream(&[MORE, "data: no json\n\n"]), Kind::Protocol),
        (stream(&["data: \u{0}\u{1}\n\n"]), Kind::Protocol),
        (stream(&[stop, done]), Kind::Incomplete),
        (stream(&[done]), Kind::Incomplete),
        (stream(&["no event stream at all"]), Kind::Incomplete),
        (
            json("{\"error\":{\"code\":\"insufficient_quota\"}}"),
            Kind::QuotaExceeded,
        ),
        (json("{\"error\":\"overloaded\"}"), Kind::Server),
        (
            json("{\"choices\":[{\"message\":{\"content\":\"x\"}}]}"),
            Kind::Protocol,
        ),
    ])
    .await;
}

/// The longest wait that is told: 366 days.
const ONE_YEAR: u64 = 31_622_400_000;

#[tokio::test]
async fn every_form_of_retry_after_is_obeyed() {
    let date = ("date", "Mon, 23 Nov 2026 10:00:00 GMT");
    let cases = [
        (429, vec![], None),
        (429, vec![("retry-after", "7")], Some(7_000)),
        (503, vec![("Retry-After", "0")], Some(0)),
        (
            429,
            vec![("retry-after", "7"), ("retry-after-ms", "250")],
            Some(250),
        ),
        (
            503,
            vec![date, ("retry-after", "Mon, 23 Nov 2026 10:00:09 GMT")],
            Some(9_000),
        ),
        (
            503,
            vec![date, ("retry-after", "Monday, 23-Nov-26 10:00:09 GMT")],
            Some(9_000),
        ),
        (
            503,
            vec![date, ("retry-after", "Mon Nov 23 10:00:09 2026")],
            Some(9_000),
        ),
        (
            503,
            vec![date, ("retry-after", "Mon, 23 Nov 2026 09:00:00 GMT")],
            Some(0),
        ),
        (
            429,
            vec![("retry-after", "3"), ("retry-after", "8")],
            Some(8_000),
        ),
        (
            429,
            vec![
                ("x-ratelimit-remaining-requests", "0"),
                ("x-ratelimit-reset-requests", "6m0s"),
                ("x-ratelimit-reset-tokens", "120ms"),
            ],
            Some(360_000),
        ),
        (429, vec![("retry-after", "99999999999")], Some(ONE_YEAR)),
        (429, vec![("retry-after", "soon")], None),
        (429, vec![("retry-after", "-3")], None),
        (429, vec![("retry-after", "")], None),
        (401, vec![("retry-after", "7")], None),
    ];
    for (status, headers, expected) in cases {
        let mut behaviour = Behaviour::status(status, "{}");
        for (name, value) in &headers {
            behaviour = behaviour.with_header(name, value);
        }
        let server = FakeModel::playing([behaviour]).await;
        let error = outcome(&adapter(&server)).await.error();
        assert_eq!(error.retry_after_ms, expected, "{status} {headers:?}");
        assert_eq!(server.counts().requests, 1);
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = FakeModel::playing([whole()]).await;
    let target = format!("{}/chat/completions", elsewhere.base_url);
    for status in [301, 302, 303, 307, 308] {
        let redirect = Behaviour::status(status, "").with_header("location", &target);
        let server = FakeModel::playing([redirect]).await;
        let error = outcome(&adapter(&server)).await.error();
        assert_eq!(error.kind, Kind::Protocol, "{status}");
        assert_eq!(server.counts().played, 1);
    }
    assert_eq!(elsewhere.counts().connections, 0);
    // The target would have answered.
    assert_eq!(outcome(&adapter(&elsewhere)).await, complete());
}

#[tokio::test]
async fn the_key_the_prompt_and_the_answer_are_in_no_error() {
    let said = format!("{KEY} {PROMPT} canary-answer");
    let object = format!(
        "{{\"error\":{{\"message\":\"{said}\",\"code\":\"{KEY}\",\"type\":\"{said}\",\"param\":\"{said}\"}}}}"
    );
    let stream = |end: &str| {
        let text = "data: {\"choices\":[{\"delta\":{\"content\":\"canary-answer\"}}]}\n\n";
        Behaviour::bytes([text, end].concat(), Ending::Clean)
    };
    let statuses = [200, 302, 400, 401, 404, 429, 500];
    let mut behaviours: Vec<Behaviour> = statuses
        .iter()
        .map(|status| Behaviour::status(*status, &object).with_header("location", &said))
        .collect();
    behaviours.extend([
        stream(""),
        stream(&format!("data: {object}\n\n")),
        stream(&format!("data: {said}\n\n")),
        stream("data: {\"choices\":[{\"delta\":{\"content\":\"canary-answer\"}}\n\n"),
        stream(&format!("data: {{\"choices\":\"{said}\"}}\n\n")),
        Behaviour::Raw(said.clone().into_bytes(), Ending::Fin),
        Behaviour::ChunkedStatus(500, vec![], vec![Step::chunk(&said)], Ending::Reset),
    ]);
    for behaviour in behaviours {
        let server = FakeModel::playing([behaviour.clone()]).await;
        let error = outcome(&adapter(&server)).await.error();
        let shown = format!("{error:?} {}", error.message);
        assert!(!shown.contains("canary"), "{shown} after {behaviour:?}");
        assert_eq!(
            server.requests()[0].header("authorization"),
            [format!("Bearer {KEY}")]
        );
    }
}
