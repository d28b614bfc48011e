//! From the upgrade to the welcome: origins, the subprotocol, extensions, and hello.

use std::time::{Duration, Instant};

use punchcard::http::{Options, SessionOptions};
use punchcard_actors::sessions::SessionLimits;
use serde_json::json;

use crate::edge::{Edge, ORIGIN};
use crate::wire::{CONTINUATION, FIN, PING, TEXT, UPGRADE, Wire, frame, upgrade};

#[tokio::test]
async fn only_a_listed_origin_is_let_in_and_any_other_is_refused_before_the_upgrade() {
    let edge = Edge::start();
    for headers in [
        "",
        "Origin:\r\n",
        "Origin: null\r\n",
        "Origin: none\r\n",
        "Origin: *\r\n",
        "Origin: http://app.example.com\r\n",
        "Origin: https://app.example.com.evil.test\r\n",
        "Origin: https://app.example.com:444\r\n",
        "Origin: https://app.example.com/\r\n",
        "Origin: https://app.example.com.\r\n",
        "Origin: https://evil@app.example.com\r\n",
        "Origin: https://sub.app.example.com\r\n",
        "Origin: https://app.example.com https://evil.test\r\n",
        "Origin: https://app.example.com\r\nOrigin: https://app.example.com\r\n",
        "Origin: https://app.example.com\r\nOrigin: https://evil.test\r\n",
    ] {
        let (head, _) = upgrade(edge.address, &format!("{headers}{UPGRADE}")).await;
        assert!(head.starts_with("http/1.1 403"), "{headers:?}: {head}");
        assert!(head.contains("application/problem+json"), "{head}");
    }
    // Scheme and host do not depend on their case (RFC 6454, section 4): the same origin.
    for origin in [ORIGIN.to_owned(), ORIGIN.to_uppercase()] {
        let (head, _) = upgrade(edge.address, &format!("Origin: {origin}\r\n{UPGRADE}")).await;
        assert!(head.starts_with("http/1.1 101"), "{origin}: {head}");
    }
}

#[tokio::test]
async fn without_the_subprotocol_or_the_upgrade_there_is_no_session() {
    let edge = Edge::start();
    let origin = format!("Origin: {ORIGIN}\r\n");
    for (wrong, right, status) in [
        ("punchcard.v1", "punchcard.v2", 400),
        ("punchcard.v1", "punchcard.v1x", 400),
        ("websocket", "h2c", 426),
        ("Version: 13", "Version: 12", 426),
        ("Connection: Upgrade", "Connection: keep-alive", 426),
    ] {
        let headers = UPGRADE.replace(wrong, right);
        let (head, _) = upgrade(edge.address, &format!("{origin}{headers}")).await;
        assert!(
            head.starts_with(&format!("http/1.1 {status}")),
            "{right}: {head}"
        );
    }
    let plain = edge
        .raw(
            &format!(
                "GET /v1/session HTTP/1.1\r\n{origin}Sec-WebSocket-Protocol: punchcard.v1\r\n"
            ),
            b"",
        )
        .await;
    assert_eq!(
        (plain.status, plain.code().as_str()),
        (426, "upgrade_required")
    );
}

#[tokio::test]
async fn compression_is_not_negotiated_however_it_is_offered() {
    let edge = Edge::start();
    for offer in [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits",
        "x-webkit-deflate-frame",
    ] {
        let offer = format!("Origin: {ORIGIN}\r\nSec-WebSocket-Extensions: {offer}\r\n{UPGRADE}");
        let (head, mut wire) = upgrade(edge.address, &offer).await;
        assert!(head.starts_with("http/1.1 101"), "{head}");
        assert!(!head.contains("sec-websocket-extensions"), "{head}");
        // A client that compresses all the same sets a bit that means nothing here.
        let hello = json!({"type": "hello", "token": edge.token("min").await});
        let compressed = frame(FIN | 0x40 | TEXT, hello.to_string().as_bytes());
        wire.send(&compressed).await;
        assert_eq!(wire.closed().await, (4400, "bad_frame".into()));
    }
}

#[tokio::test]
async fn a_hello_may_come_byte_by_byte_or_in_fragments_with_pings_between() {
    let edge = Edge::start();
    let hello = |token: String| json!({"type": "hello", "token": token}).to_string();
    let mut slow = Wire::open(edge.address).await;
    for byte in frame(FIN | TEXT, hello(edge.token("min").await).as_bytes()) {
        slow.send(&[byte]).await;
    }
    assert_eq!(slow.hear().await["type"], "welcome");

    let mut pieces = Wire::open(edge.address).await;
    let hello = hello(edge.token("min").await);
    let chunks: Vec<&[u8]> = hello.as_bytes().chunks(hello.len() / 7).collect();
    for (place, chunk) in chunks.iter().enumerate() {
        let kind = if place == 0 { TEXT } else { CONTINUATION };
        let last = if place + 1 == chunks.len() { FIN } else { 0 };
        pieces.send(&frame(last | kind, chunk)).await;
        if last == 0 && place % 3 == 0 {
            pieces.send(&frame(FIN | PING, b"between")).await;
        }
    }
    assert_eq!(pieces.hear().await["type"], "welcome");
}

#[tokio::test]
async fn whoever_does_not_say_hello_in_time_is_closed_whatever_else_it_sends() {
    let hello_timeout = Duration::from_millis(500);
    let options = Options {
        session: SessionOptions {
            hello_timeout,
            ..SessionOptions::default()
        },
        ..Options::default()
    };
    let edge = Edge::start_with(options, SessionLimits::default());
    let begun = Instant::now();
    let mut silent = Wire::open(edge.address).await;
    let mut pings = Wire::open(edge.address).await;
    let mut half = Wire::open(edge.address).await;
    pings.send(&frame(FIN | PING, b"")).await;
    half.send(&frame(TEXT, br#"{"type":"hello","#)).await;
    for wire in [&mut silent, &mut pings, &mut half] {
        assert_eq!(wire.closed().await, (4408, "no_hello".into()));
    }
    assert!(begun.elapsed() >= hello_timeout);
    let mut early = Wire::open(edge.address).await;
    early.say(&json!({"type": "ping"})).await;
    assert_eq!(early.closed().await, (4408, "no_hello".into()));
    // Nor do they stay when they do not answer the close frame.
    for wire in [&mut silent, &mut pings, &mut half, &mut early] {
        wire.ended_within(Duration::from_secs(4)).await;
    }
    assert_eq!(edge.sessions.count().await, Ok(0));
}

#[tokio::test]
async fn a_hello_is_read_strictly_and_a_cursor_of_anothers_ticket_tells_nothing() {
    let edge = Edge::start();
    let ticket = edge.issue(Some("lee")).await;
    let cursor =
        |offset: &str| format!(r#"{{"ticket":"{ticket}","generation":1,"offset":{offset}}}"#);
    let many = vec![cursor("0"); 501].join(",");
    for cursors in [
        many.as_str(),
        &cursor("-1"),
        &cursor("1e99"),
        &cursor("0.5"),
        &cursor("18446744073709551616"),
        r#"{"ticket":"7","generation":1,"offset":0}"#,
        &cursor("0").replace(":1,", ":-1,"),
        &cursor("0").replace("}", r#","tenant":"x"}"#),
    ] {
        let mut wire = Wire::open(edge.address).await;
        let token = edge.token("min").await;
        let hello = format!(r#"{{"type":"hello","token":"{token}","cursors":[{cursors}]}}"#);
        wire.send(&frame(FIN | TEXT, hello.as_bytes())).await;
        assert_eq!(wire.closed().await, (4400, "bad_frame".into()));
    }
    let unknown = "01920000-0000-7000-8000-000000000001";
    for (generation, offset) in [(0, 0), (1, 4), (u32::MAX, u64::MAX)] {
        let cursors = [unknown, &ticket]
            .map(|t| json!({"ticket": t, "generation": generation, "offset": offset}));
        let token = edge.token("min").await;
        let mut wire = Wire::greeted(edge.address, &token, json!(cursors)).await;
        assert_eq!(wire.hear().await["tickets"], json!([]));
        for ticket in [unknown, &ticket] {
            let lost = json!({"type": "lost", "ticket": ticket, "generation": generation, "reason": "unknown_ticket"});
            assert_eq!(wire.hear().await, lost);
        }
    }
}
