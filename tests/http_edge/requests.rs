//! Requests that are wrong, too large or too slow.

use std::time::Duration;

use punchcard::http::Options;
use punchcard_actors::sessions::SessionLimits;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::edge::{Edge, KEY, PATIENCE};

#[tokio::test]
async fn unknown_paths_and_methods_are_problems_too() {
    let edge = Edge::start();
    let reply = edge.get(KEY, "/v1/nothing").await;
    assert_eq!((reply.status, reply.code().as_str()), (404, "not_found"));
    let reply = edge.send("DELETE", KEY, "/v1/tickets", "", "").await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (405, "method_not_allowed")
    );
    assert_eq!(reply.header("allow"), Some("POST, GET"));
    assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
    let ready = edge.raw("GET /readyz HTTP/1.1\r\n", b"").await;
    assert_eq!(
        (ready.status, ready.json()["status"].clone()),
        (200, json!("ok"))
    );
}

#[tokio::test]
async fn a_bad_body_gets_its_code_and_its_field() {
    let options = Options {
        max_body_bytes: 2_000,
        ..Options::default()
    };
    let edge = Edge::start_with(options, SessionLimits::default());
    let deep = format!(
        r#"{{"task":"echo","input":{}{}}}"#,
        "[".repeat(900),
        "]".repeat(900)
    );
    let large = format!(r#"{{"task":"echo","input":"{}"}}"#, "x".repeat(2_000));
    for (body, status, code, field) in [
        (
            r#"{"task":"echo","input":{},"tenant":"x"}"#,
            400,
            "invalid_request",
            json!("/tenant"),
        ),
        (
            r#"{"task":"echo","input":{},"state":"x"}"#,
            400,
            "invalid_request",
            json!("/state"),
        ),
        (
            r#"{"task":"echo"}"#,
            400,
            "invalid_request",
            json!("/input"),
        ),
        (
            r#"{"task":"nope","input":{}}"#,
            422,
            "unknown_task",
            json!("/task"),
        ),
        (
            r#"{"task":"echo","input":NaN}"#,
            400,
            "invalid_json",
            Value::Null,
        ),
        (
            r#"{"task":"echo","input":"\ud800"}"#,
            400,
            "invalid_json",
            Value::Null,
        ),
        (&deep, 400, "invalid_json", Value::Null),
        (&large, 413, "body_too_large", Value::Null),
    ] {
        let reply = edge.send("POST", KEY, "/v1/tickets", "", body).await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (status, code),
            "{reply:?}"
        );
        assert_eq!(reply.json()["field"], field, "{reply:?}");
    }
    let head = format!("POST /v1/tickets HTTP/1.1\r\nAuthorization: Bearer {KEY}\r\n");
    let reply = edge
        .raw(&format!("{head}Content-Type: text/plain\r\n"), b"{}")
        .await;
    assert_eq!(
        (reply.status, reply.code().as_str()),
        (415, "unsupported_media_type")
    );
    let gzip = "Content-Encoding: gzip\r\n";
    let reply = edge.send("POST", KEY, "/v1/tickets", gzip, "{}").await;
    assert_eq!(reply.status, 415);
}

#[tokio::test]
async fn a_slow_body_is_cut_within_its_deadline() {
    let options = Options {
        body_timeout: Duration::from_millis(300),
        ..Options::default()
    };
    let edge = Edge::start_with(options, SessionLimits::default());
    let mut stream = tokio::net::TcpStream::connect(edge.address)
        .await
        .expect("a connection");
    let head = format!(
        "POST /v1/tickets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
    );
    stream.write_all(head.as_bytes()).await.expect("a head");
    let mut answer = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    read.expect("an end in time").expect("an answer");
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(answer.contains("request_timeout"), "{answer}");
}

/// A body that issues a ticket and has exactly `bytes` bytes.
fn body_of(bytes: usize) -> String {
    let empty = r#"{"task":"echo","input":""}"#.len();
    format!(
        r#"{{"task":"echo","input":"{}"}}"#,
        "x".repeat(bytes - empty)
    )
}

#[tokio::test]
async fn a_body_may_have_exactly_as_many_bytes_as_the_limit_announced_or_not() {
    const LIMIT: usize = 20_000;
    let options = Options {
        max_body_bytes: LIMIT,
        ..Options::default()
    };
    let edge = Edge::start_with(options, SessionLimits::default());
    for (bytes, status) in [(LIMIT, 202), (LIMIT + 1, 413)] {
        let body = body_of(bytes);
        assert_eq!(body.len(), bytes);
        let announced = edge.send("POST", KEY, "/v1/tickets", "", &body).await;
        assert_eq!(announced.status, status, "{bytes} bytes: {announced:?}");

        let mut stream = tokio::net::TcpStream::connect(edge.address)
            .await
            .expect("a connection");
        let head = format!(
            "POST /v1/tickets HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {KEY}\r\n\
             Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        );
        let chunk = format!("{bytes:x}\r\n{body}\r\n0\r\n\r\n");
        stream.write_all(head.as_bytes()).await.expect("a head");
        // The server may answer and close before it has read everything.
        let _ = stream.write_all(chunk.as_bytes()).await;
        let answer = answer_of(&mut stream).await;
        let expected = format!("HTTP/1.1 {status}");
        assert!(answer.starts_with(&expected), "{bytes} bytes: {answer}");
    }
}

#[tokio::test]
async fn a_body_that_is_packed_is_refused_before_any_of_it_is_read() {
    let edge = Edge::start();
    for encoding in ["gzip", "deflate", "br", "zstd", "identity, gzip"] {
        let mut stream = tokio::net::TcpStream::connect(edge.address)
            .await
            .expect("a connection");
        // A bomb is announced and never sent: an answer to it can have read none of it.
        let head = format!(
            "POST /v1/tickets HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {KEY}\r\n\
             Content-Type: application/json\r\nContent-Encoding: {encoding}\r\nContent-Length: 1000000\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.expect("a head");
        let answer = answer_of(&mut stream).await;
        assert!(answer.starts_with("HTTP/1.1 415"), "{encoding}: {answer}");
    }
}

#[tokio::test]
async fn a_body_that_trickles_in_is_cut_although_it_never_stops() {
    let options = Options {
        body_timeout: Duration::from_millis(400),
        ..Options::default()
    };
    let edge = Edge::start_with(options, SessionLimits::default());
    let stream = tokio::net::TcpStream::connect(edge.address)
        .await
        .expect("a connection");
    let (mut reader, mut writer) = stream.into_split();
    let head = format!(
        "POST /v1/tickets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n"
    );
    writer.write_all(head.as_bytes()).await.expect("a head");
    let trickle = async {
        let mut bytes = 0;
        while writer.write_all(b" ").await.is_ok() {
            bytes += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        bytes
    };
    let mut answer = Vec::new();
    let both = async { tokio::join!(trickle, reader.read_to_end(&mut answer)) };
    let (bytes, _) = tokio::time::timeout(PATIENCE, both)
        .await
        .expect("the connection is closed, so that writing to it fails");
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.1 408"), "{answer}");
    assert!(bytes > 2, "the body came all the time");
}

/// The first bytes of the answer: its status line at least.
async fn answer_of(stream: &mut tokio::net::TcpStream) -> String {
    let mut answer = vec![0; 4_096];
    let read = tokio::time::timeout(PATIENCE, stream.read(&mut answer)).await;
    let read = read.expect("an answer in time").expect("an answer");
    String::from_utf8_lossy(&answer[..read]).into_owned()
}
