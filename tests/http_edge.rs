//! The HTTP edge on real sockets: keys, tenancy, bodies, idempotency, event streams and sessions.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on fails"
)]

#[path = "support/edge.rs"]
mod edge;

use std::num::NonZeroUsize;
use std::time::Duration;

use edge::{Edge, KEY, ORIGIN, OTHER_KEY, OTHER_ORIGIN, PATIENCE, complete, text};
use punchcard::http::routes::{Policy, TABLE};
use punchcard::http::{Options, SessionOptions};
use punchcard_actors::sessions::SessionLimits;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

const UNKNOWN: &str = "01920000-0000-7000-8000-000000000001";

/// A problem without what differs from request to request.
fn stable(reply: &edge::Reply) -> Value {
    let mut body = reply.json();
    body.as_object_mut()
        .expect("an object")
        .remove("request_id");
    body
}

#[tokio::test]
async fn whatever_is_wrong_with_a_key_the_answer_is_the_same() {
    let edge = Edge::start();
    let double = format!("Authorization: Bearer {KEY}\r\nAuthorization: Bearer {KEY}\r\n");
    let basic = format!("Authorization: Basic {KEY}\r\n");
    let bare = format!("Authorization: {KEY}\r\n");
    let mut seen = Vec::new();
    for headers in [
        "",
        "Authorization:\r\n",
        "Authorization: Bearer wrong\r\n",
        &double,
        &basic,
        &bare,
    ] {
        let reply = edge
            .raw(&format!("GET /v1/tickets HTTP/1.1\r\n{headers}"), b"")
            .await;
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (401, "unauthorized"),
            "{headers}"
        );
        assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
        seen.push(stable(&reply));
    }
    seen.dedup();
    assert_eq!(seen.len(), 1);
}

#[tokio::test]
async fn every_route_behind_a_key_refuses_without_one() {
    let edge = Edge::start();
    let mut guarded = 0;
    for route in TABLE {
        match route.policy() {
            Policy::Key | Policy::Ticket => guarded += 1,
            Policy::Open | Policy::Session => continue,
        }
        let path = route.path.replace("{id}", UNKNOWN);
        let reply = edge
            .raw(&format!("{} {path} HTTP/1.1\r\n", route.method), b"")
            .await;
        assert_eq!(reply.status, 401, "{} {}", route.method, route.path);
    }
    assert!(guarded >= 7, "the table lost its routes");
}

#[tokio::test]
async fn another_tenants_ticket_looks_exactly_like_an_unknown_one_on_every_route() {
    let edge = Edge::start();
    let ticket = edge.issue(Some("min")).await;
    for route in TABLE.iter().filter(|route| route.path.contains("{id}")) {
        assert_eq!(
            route.policy(),
            Policy::Ticket,
            "{} is not guarded",
            route.path
        );
        let mut seen = Vec::new();
        for id in [ticket.as_str(), UNKNOWN, "not-an-id"] {
            let path = route.path.replace("{id}", id);
            let body = r#"{"mode":"void"}"#;
            let reply = edge
                .send(route.method.as_str(), OTHER_KEY, &path, "", body)
                .await;
            assert_eq!(
                (reply.status, reply.code().as_str()),
                (404, "not_found"),
                "{path}"
            );
            seen.push(stable(&reply));
        }
        seen.dedup();
        assert_eq!(seen.len(), 1, "{}", route.path);
    }
    let list = edge.get(OTHER_KEY, "/v1/tickets").await;
    assert_eq!(list.json()["tickets"], json!([]));
    let own = edge.get(KEY, &format!("/v1/tickets/{ticket}")).await;
    assert_eq!(
        own.json()["id"],
        json!(ticket),
        "its owner still has it: nothing was cancelled"
    );
    assert_ne!(own.json()["state"], "cancelled");
}

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

#[tokio::test]
async fn a_repeated_request_gets_the_first_answer_byte_for_byte() {
    let edge = Edge::start();
    let key = "Idempotency-Key: order-17\r\n";
    let body = json!({"task": "echo", "input": {"a": 1, "b": 2}});
    let first = edge.post("/v1/tickets", key, &body).await;
    assert_eq!(
        (first.status, first.header("idempotency-replayed")),
        (202, None)
    );
    let path = first.header("location").expect("a location").to_owned();
    let waited = edge
        .post("/v1/tickets", &format!("{key}Prefer: wait=20\r\n"), &body)
        .await;
    assert_eq!(
        waited.status, 200,
        "it concludes, so the repeat may wait for it: {waited:?}"
    );
    assert_eq!(waited.header("preference-applied"), Some("wait=20"));
    let spelled = r#"{ "input": {"b":2, "a":1}, "task":"echo" }"#;
    let again = edge.send("POST", KEY, "/v1/tickets", key, spelled).await;
    assert_eq!(
        (again.status, again.body.as_str()),
        (202, first.body.as_str())
    );
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.header("location"), Some(path.as_str()));
    let other = edge
        .post("/v1/tickets", key, &json!({"task": "echo", "input": {}}))
        .await;
    assert_eq!(
        (other.status, other.code().as_str()),
        (422, "idempotency_key_reused")
    );
    let bad = edge
        .post("/v1/tickets", "Idempotency-Key: a b\r\n", &body)
        .await;
    assert_eq!(
        (bad.status, bad.code().as_str()),
        (400, "invalid_idempotency_key")
    );
}

#[tokio::test]
async fn showing_an_issuer_its_answer_is_the_delivery_only_without_a_user() {
    let edge = Edge::start();
    for (user, state) in [(None, "delivered"), (Some("min"), "persisted")] {
        let body = json!({"task": "echo", "input": {}, "user": user});
        let reply = edge.post("/v1/tickets", "Prefer: wait=20\r\n", &body).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.json()["state"], state);
        assert_eq!(reply.json()["answer"], "fine");
    }
    let list = edge.get(KEY, "/v1/tickets?limit=1").await.json();
    assert_eq!(list["tickets"].as_array().map(Vec::len), Some(1));
    assert_eq!(list["tickets"][0]["user"], "min", "newest first");
    let cursor = list["next_cursor"].as_str().expect("a cursor");
    let next = edge
        .get(KEY, &format!("/v1/tickets?limit=1&cursor={cursor}"))
        .await
        .json();
    assert_eq!(next["tickets"][0]["state"], "delivered");
    assert_eq!(next.get("next_cursor"), None);
}

#[tokio::test]
async fn a_wait_that_ends_early_is_an_acceptance() {
    let edge = Edge::start();
    let _script = edge.model.script();
    let body = json!({"task": "echo", "input": {}});
    let reply = edge.post("/v1/tickets", "Prefer: wait=1\r\n", &body).await;
    assert_eq!(
        (reply.status, reply.json()["state"].clone()),
        (202, json!("requested"))
    );
}

#[tokio::test]
async fn an_event_stream_ends_with_the_outcome_and_resumes_behind_what_was_read() {
    let edge = Edge::start();
    let script = edge.model.script();
    let ticket = edge.issue(None).await;
    for line in [text("hello "), text("한🙂"), complete()] {
        script.send(line).expect("a model that listens");
    }
    let path = format!("/v1/tickets/{ticket}/stream");
    let whole = edge.get(KEY, &path).await;
    assert_eq!(whole.header("content-type"), Some("text/event-stream"));
    assert!(whole.body.contains("event: answer\n"), "{whole:?}");
    let end = whole
        .body
        .lines()
        .rfind(|line| line.starts_with("id: "))
        .expect("an id");
    let last = format!("Last-Event-ID: {}\r\n", &end[4..]);
    let after = edge.send("GET", KEY, &path, &last, "").await;
    assert_eq!(
        after.status, 204,
        "after the outcome there is nothing: {after:?}"
    );
    let bad = edge
        .send("GET", KEY, &path, "Last-Event-ID: x\r\n", "")
        .await;
    assert_eq!(
        (bad.status, bad.code().as_str()),
        (400, "invalid_parameter")
    );
    let state = edge.get(KEY, &format!("/v1/tickets/{ticket}")).await.json();
    assert_eq!(state["delivered"]["channel"], "fetch");
}

#[tokio::test]
async fn a_session_opens_only_from_a_listed_origin_with_the_subprotocol() {
    let edge = Edge::start();
    for origin in [
        None,
        Some("null"),
        Some("none"),
        Some("https://app.example.com.evil.test"),
        Some("https://app.example.com:444"),
    ] {
        let refused = edge
            .connect(origin, Some("punchcard.v1"))
            .await
            .err()
            .expect("a refusal");
        let WsError::Http(response) = refused else {
            panic!("{refused:?}")
        };
        assert_eq!(response.status(), 403, "{origin:?}");
    }
    let refused = edge
        .connect(Some(ORIGIN), Some("other.v1"))
        .await
        .err()
        .expect("a refusal");
    let WsError::Http(response) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(response.status(), 400);
    let plain = edge.raw("GET /v1/session HTTP/1.1\r\nOrigin: https://app.example.com\r\nSec-WebSocket-Protocol: punchcard.v1\r\n", b"").await;
    assert_eq!(
        (plain.status, plain.code().as_str()),
        (426, "upgrade_required")
    );
}

#[tokio::test]
async fn a_token_opens_one_session_from_its_own_tenants_origin() {
    let edge = Edge::start();
    let token = edge.token("min").await;
    let hello = json!({"type": "hello", "token": token});
    let mut foreign = edge
        .connect(Some(OTHER_ORIGIN), Some("punchcard.v1"))
        .await
        .expect("an upgrade");
    foreign.say(&hello).await;
    assert_eq!(foreign.closed().await, (4406, "forbidden_origin".into()));
    let mut again = edge
        .connect(Some(ORIGIN), Some("punchcard.v1"))
        .await
        .expect("an upgrade");
    again.say(&hello).await;
    assert_eq!(
        again.closed().await,
        (4401, "bad_token".into()),
        "it was used"
    );
    let mut first = edge.session("min", json!([])).await;
    assert_eq!(first.hear().await["type"], "welcome");
}

#[tokio::test]
async fn a_client_that_breaks_the_protocol_is_closed_with_the_code_that_says_so() {
    let options = Options {
        session: SessionOptions {
            hello_timeout: Duration::from_millis(300),
            max_message_bytes: 1_000,
            max_frames_per_second: 20,
            ..SessionOptions::default()
        },
        ..Options::default()
    };
    let edge = Edge::start_with(options, SessionLimits::default());
    let mut silent = edge
        .connect(Some(ORIGIN), Some("punchcard.v1"))
        .await
        .expect("an upgrade");
    assert_eq!(silent.closed().await, (4408, "no_hello".into()));

    let mut early = edge
        .connect(Some(ORIGIN), Some("punchcard.v1"))
        .await
        .expect("an upgrade");
    early.say(&json!({"type": "ping"})).await;
    assert_eq!(early.closed().await.0, 4408);

    let mut wrong = edge.session("min", json!([])).await;
    wrong.say(&json!({"type": "hello", "token": "x"})).await;
    assert_eq!(wrong.closed().await, (4400, "bad_frame".into()));

    let mut huge = edge.session("min", json!([])).await;
    huge.hear_type("welcome").await;
    huge.say(&json!({"type": "ping", "nonce": "x".repeat(1_000)}))
        .await;
    assert_eq!(huge.closed().await.0, 1009);

    let mut hasty = edge.session("min", json!([])).await;
    for _ in 0..60 {
        use futures_util::SinkExt as _;
        // The server may have closed already.
        let _ = hasty.0.send(Message::text(r#"{"type":"ping"}"#)).await;
    }
    assert_eq!(hasty.closed().await, (4429, "too_many_messages".into()));
}

#[tokio::test]
async fn a_user_sees_text_and_answer_and_one_acknowledgement_reaches_every_tab() {
    let edge = Edge::start();
    let script = edge.model.script();
    let ticket = edge.issue(Some("min")).await;
    let mut tab = edge.session("min", json!([])).await;
    let mut other = edge.session("min", json!([])).await;
    let mut stranger = edge.session("lee", json!([])).await;
    let welcome = tab.hear().await;
    assert_eq!(welcome["tickets"][0]["ticket"], json!(ticket));
    assert_eq!(stranger.hear().await["tickets"], json!([]));

    script.send(text("한🙂")).expect("a model that listens");
    assert_eq!(tab.hear_type("text").await["offset"], 0);
    script.send(text("!")).expect("a model that listens");
    let more = tab.hear_type("text").await;
    assert_eq!(
        (more["offset"].clone(), more["text"].clone()),
        (json!(3), json!("!"))
    );

    tab.say(&json!({"type": "ack", "ticket": ticket})).await;
    assert_eq!(tab.hear_type("error").await["code"], "not_shown");
    stranger
        .say(&json!({"type": "cancel", "ticket": ticket, "mode": "void"}))
        .await;
    assert_eq!(stranger.hear_type("error").await["code"], "unknown_ticket");

    script.send(complete()).expect("a model that listens");
    assert_eq!(tab.hear_type("answer").await["answer"], "한🙂!");
    assert_eq!(other.hear_type("answer").await["answer"], "한🙂!");
    tab.say(&json!({"type": "ack", "ticket": ticket})).await;
    assert_eq!(other.hear_type("state").await["state"], "delivered");
    let read = edge.get(KEY, &format!("/v1/tickets/{ticket}")).await.json();
    assert_eq!(read["delivered"]["channel"], "session");
    assert_eq!(read["delivered"]["acknowledged_by"], welcome["session"]);
}

#[tokio::test]
async fn a_cursor_resumes_exactly_and_an_unknown_one_is_said_to_be_lost() {
    let edge = Edge::start();
    let script = edge.model.script();
    let ticket = edge.issue(Some("min")).await;
    script.send(text("한🙂 abc")).expect("a model that listens");
    let mut tab = edge.session("min", json!([])).await;
    tab.hear_type("text").await;
    let foreign = edge.issue(Some("lee")).await;
    let mut back = edge
        .session(
            "min",
            json!([
                {"ticket": ticket, "generation": 1, "offset": 4},
                {"ticket": foreign, "generation": 1, "offset": 4},
            ]),
        )
        .await;
    assert_eq!(back.hear().await["type"], "welcome");
    let lost = back.hear_type("lost").await;
    assert_eq!(
        (lost["ticket"].clone(), lost["reason"].clone()),
        (json!(foreign), json!("unknown_ticket"))
    );
    let rest = back.hear_type("text").await;
    assert_eq!(
        (rest["offset"].clone(), rest["text"].clone()),
        (json!(4), json!("abc"))
    );
}

#[tokio::test]
async fn the_oldest_session_makes_room_and_a_drain_sends_everybody_away() {
    let limits = SessionLimits {
        sessions_per_user: NonZeroUsize::MIN,
        ..SessionLimits::default()
    };
    let edge = Edge::start_with(Options::default(), limits);
    let mut old = edge.session("min", json!([])).await;
    old.hear_type("welcome").await;
    let mut new = edge.session("min", json!([])).await;
    new.hear_type("welcome").await;
    assert_eq!(old.closed().await, (4409, "session_limit".into()));
    edge.sessions.close_all().await.expect("a supervisor");
    let (code, reason) = new.closed().await;
    assert_eq!(code, 4503);
    assert!(
        reason.starts_with("going_away;reconnect_in_ms="),
        "{reason}"
    );
    let mut late = edge.session("min", json!([])).await;
    assert_eq!(late.closed().await.0, 4503);
}

#[tokio::test]
async fn a_reader_that_stops_is_cut_while_its_neighbour_goes_on() {
    const PIECE: usize = 1024 * 1024;
    const PIECES: u64 = 14;
    let limits = SessionLimits {
        slow_consumer_deadline: Duration::from_millis(500),
        ..SessionLimits::default()
    };
    let edge = Edge::start_with(Options::default(), limits);
    let script = edge.model.script();
    edge.issue(Some("min")).await;
    let mut healthy = edge.session("min", json!([])).await;
    let mut stopped = edge.session("min", json!([])).await;
    healthy.hear_type("welcome").await;
    stopped.hear_type("welcome").await;
    assert_eq!(edge.sessions.count().await, Ok(2));

    // The stopped reader never reads again: its socket's buffers fill, and its actor freezes.
    let mut read = 0;
    for piece in 1..=PIECES {
        script
            .send(text(&"x".repeat(PIECE)))
            .expect("a model that listens");
        while read < piece * PIECE as u64 {
            let frame = healthy.hear_type("text").await;
            let length = frame["text"].as_str().map_or(0, str::len);
            assert_eq!(frame["offset"], json!(read), "no gap and no repeat");
            read += length as u64;
        }
    }
    until_watched_by(&edge, 1).await;

    // What it can still read is what lay in the buffers: the fault was real.
    let stream = stopped.0.get_mut();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(
        (rest.len() as u64) < PIECES * PIECE as u64,
        "it never stopped"
    );

    script.send(complete()).expect("a model that listens");
    healthy.hear_type("answer").await;
}

#[tokio::test]
async fn an_event_stream_that_nobody_reads_is_cut_too() {
    let limits = SessionLimits {
        slow_consumer_deadline: Duration::from_millis(500),
        ..SessionLimits::default()
    };
    let edge = Edge::start_with(Options::default(), limits);
    let script = edge.model.script();
    let ticket = edge.issue(None).await;
    let mut stopped = tokio::net::TcpStream::connect(edge.address)
        .await
        .expect("a connection");
    let head = format!(
        "GET /v1/tickets/{ticket}/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\r\n"
    );
    stopped.write_all(head.as_bytes()).await.expect("a head");
    until_watched_by(&edge, 1).await;
    let mut sent = 0;
    let feed = async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        // Until the buffers between here and there are full, however large this system makes them.
        while edge.sessions.count().await == Ok(1) {
            let piece = "x".repeat(512 * 1024);
            sent += piece.len();
            script.send(text(&piece)).expect("a model that listens");
            tick.tick().await;
        }
    };
    tokio::time::timeout(PATIENCE, feed)
        .await
        .expect("the stopped reader is cut");
    let mut rest = Vec::new();
    let _ = stopped.read_to_end(&mut rest).await;
    assert!(rest.len() < sent, "it never stopped");
}

/// Waits until so many watchers are connected.
async fn until_watched_by(edge: &Edge, count: usize) {
    let reached = async {
        let mut tick = tokio::time::interval(Duration::from_millis(20));
        while edge.sessions.count().await != Ok(count) {
            tick.tick().await;
        }
    };
    let reached = tokio::time::timeout(PATIENCE, reached).await;
    reached.expect("the count is reached in time");
}
