//! Event streams (SSE) under the same fire as sessions.

use std::num::NonZeroUsize;
use std::time::Duration;

use punchcard::http::Options;
use punchcard_actors::sessions::SessionLimits;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::edge::{Edge, KEY, OTHER_KEY, complete, text};
use crate::wire::connect;

/// How many readers stop.
const STOPPED: usize = 40;

/// Opens a stream of `ticket` and reads its first bytes.
async fn open(edge: &Edge, ticket: &str) -> TcpStream {
    let mut stream = connect(edge.address).await;
    let head = format!(
        "GET /v1/tickets/{ticket}/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("a head");
    stream.read_u8().await.expect("an answer");
    stream
}

#[tokio::test]
async fn event_streams_that_nobody_reads_are_cut_and_one_that_is_read_goes_on() {
    let limits = SessionLimits {
        slow_consumer_deadline: Duration::from_secs(1),
        ..SessionLimits::default()
    };
    let edge = Edge::start_with(Options::default(), limits);
    let script = edge.model.script();
    let ticket = edge.issue(None).await;
    let mut stopped = Vec::new();
    for _ in 0..STOPPED {
        stopped.push(open(&edge, &ticket).await);
    }
    let path = format!("/v1/tickets/{ticket}/stream");
    let healthy = async { edge.get(KEY, &path).await };
    let long = "x".repeat(500_000);
    let fire = async {
        crate::until_watched_by(&edge, STOPPED + 1).await;
        script.send(text(&long)).expect("a model");
        crate::until_watched_by(&edge, 1).await;
        script.send(complete()).expect("a model");
    };
    let (healthy, ()) = tokio::join!(healthy, fire);
    assert!(healthy.body.contains("event: answer\n"));
    let pieces = healthy.body.matches("event: text\n").count();
    assert!(pieces >= long.len() / 16_384, "{pieces} pieces");
    for mut stream in stopped {
        let mut rest = Vec::new();
        let end = stream.read_to_end(&mut rest);
        let _ = tokio::time::timeout(Duration::from_secs(5), end)
            .await
            .expect("it was cut");
        assert!(rest.len() < long.len(), "it never stopped");
    }
}

#[tokio::test]
async fn one_tenants_streams_are_bounded_and_leave_room_for_another_and_for_sessions() {
    let limits = SessionLimits {
        streams_per_tenant: NonZeroUsize::MIN.saturating_add(1),
        ..SessionLimits::default()
    };
    let edge = Edge::start_with(Options::default(), limits);
    let _script = edge.model.script();
    let ticket = edge.issue(None).await;
    let path = format!("/v1/tickets/{ticket}/stream");
    let mut open_streams = vec![open(&edge, &ticket).await, open(&edge, &ticket).await];
    let refused = edge.get(KEY, &path).await;
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (503, "overloaded")
    );
    assert!(refused.header("retry-after").is_some());
    let mut session = crate::wire::Wire::session(&edge, "min").await;

    let body = r#"{"task":"echo","input":{}}"#;
    let other = edge.send("POST", OTHER_KEY, "/v1/tickets", "", body).await;
    let other = other.json()["id"].as_str().expect("an id").to_owned();
    let other = format!("/v1/tickets/{other}/stream");
    assert_eq!(edge.get(OTHER_KEY, &other).await.status, 200);

    drop(open_streams.pop());
    crate::until_watched_by(&edge, 2).await;
    open(&edge, &ticket).await;
    session.say(&serde_json::json!({"type": "ping"})).await;
    session.hear_type("pong").await;
}

#[tokio::test]
async fn a_stream_of_the_greatest_age_ends_and_its_reader_comes_back_to_the_rest() {
    let limits = SessionLimits {
        max_age: Duration::from_secs(1),
        ..SessionLimits::default()
    };
    let edge = Edge::start_with(Options::default(), limits);
    let script = edge.model.script();
    let ticket = edge.issue(None).await;
    script.send(text("first, ")).expect("a model");
    let path = format!("/v1/tickets/{ticket}/stream");
    let first = edge.get(KEY, &path).await;
    let mut lines = first.body.lines();
    let last = lines.rfind(|line| line.starts_with("id: "));
    let last = last.expect("an id").trim_start_matches("id: ").to_owned();
    script.send(text("then")).expect("a model");
    script.send(complete()).expect("a model");
    let resume = format!("Last-Event-ID: {last}\r\n");
    let second = edge.send("GET", KEY, &path, &resume, "").await;
    assert!(first.body.contains("first, ") && !second.body.contains("\"first, \""));
    assert!(second.body.contains("event: answer\n"), "{}", second.body);
}
