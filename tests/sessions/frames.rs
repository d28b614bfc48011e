//! Frames that break RFC 6455 or the protocol's limits, byte by byte.

use std::time::{Duration, Instant};

use punchcard::http::{Options, SessionOptions};
use punchcard_actors::sessions::SessionLimits;
use serde_json::json;

use crate::edge::Edge;
use crate::wire::{BINARY, CLOSE, CONTINUATION, FIN, PING, PONG, TEXT, Wire, frame, head};

/// How long a connection may stay open after the server closed: it lingers for two seconds so that
/// the client can read why.
const LINGER: Duration = Duration::from_secs(4);

fn small() -> Edge {
    let options = Options {
        session: SessionOptions {
            max_message_bytes: 1_000,
            max_frames_per_second: 50,
            ..SessionOptions::default()
        },
        ..Options::default()
    };
    Edge::start_with(options, SessionLimits::default())
}

#[tokio::test]
async fn a_message_over_the_limit_is_refused_at_its_first_bytes_or_fragment() {
    let edge = &small();
    let too_large = [
        // Refused by what it says, long before it is there.
        head(FIN | TEXT, 1_001, true),
        head(FIN | TEXT, 1 << 40, true),
        head(FIN | TEXT, i64::MAX.unsigned_abs(), true),
        head(FIN | TEXT, u64::MAX, true),
        [
            frame(TEXT, &[b'x'; 900]),
            frame(FIN | CONTINUATION, &[b'x'; 101]),
        ]
        .concat(),
    ];
    let each = too_large.map(|bytes| async move {
        let mut wire = Wire::session(edge, "min").await;
        wire.send(&bytes).await;
        assert_eq!(wire.closed().await, (1009, "too_big".into()));
        wire.ended_within(LINGER).await;
    });
    futures_util::future::join_all(each).await;
    let mut fits = Wire::session(edge, "min").await;
    let nonce = "x".repeat(900);
    fits.say(&json!({"type": "ping", "nonce": nonce})).await;
    assert_eq!(fits.hear().await["nonce"], nonce);
}

#[tokio::test]
async fn fragments_without_end_are_too_big_even_when_they_are_empty() {
    let edge = &small();
    let each = [0, 1, 900].map(|size| async move {
        let mut wire = Wire::session(edge, "min").await;
        let more = frame(CONTINUATION, &vec![b' '; size]);
        let endless = [frame(TEXT, b""), more.repeat(64)].concat();
        // As fast as the rate allows; the limit on fragments comes first.
        wire.send(&endless[..endless.len() / 2]).await;
        tokio::time::sleep(Duration::from_millis(1_100)).await;
        wire.send(&endless[endless.len() / 2..]).await;
        assert_eq!(wire.closed().await, (1009, "too_big".into()), "{size}");
        wire.ended_within(LINGER).await;
    });
    futures_util::future::join_all(each).await;
}

#[tokio::test]
async fn floods_of_any_kind_of_frame_are_closed() {
    let edge = &small();
    let floods = [
        frame(FIN | PING, b"a"),
        frame(FIN | PONG, b"a"),
        frame(FIN | TEXT, br#"{"type":"ping"}"#),
        // Asks for nothing that can be done, and is answered each time.
        frame(
            FIN | TEXT,
            br#"{"type":"ack","ticket":"01920000-0000-7000-8000-000000000001"}"#,
        ),
    ];
    let each = floods.map(|flood| async move {
        let mut wire = Wire::session(edge, "min").await;
        wire.send(&flood.repeat(51)).await;
        assert_eq!(wire.closed().await, (4429, "too_many_messages".into()));
        // It goes on, but nobody listens.
        wire.send(&flood.repeat(200)).await;
        wire.ended_within(LINGER).await;
    });
    futures_util::future::join_all(each).await;
    let mut steady = Wire::session(edge, "min").await;
    for _ in 0..2 {
        wire_ping(&mut steady, 45).await;
        tokio::time::sleep(Duration::from_millis(1_100)).await;
    }
    steady.say(&json!({"type": "ping", "nonce": 1})).await;
    assert_eq!(steady.hear().await["nonce"], 1);
}

async fn wire_ping(wire: &mut Wire, count: usize) {
    for _ in 0..count {
        wire.send(&frame(FIN | PING, b"hi")).await;
        let pong = wire.frame().await.expect("an answer");
        assert_eq!((pong.first, pong.payload), (FIN | PONG, b"hi".to_vec()));
    }
}

#[tokio::test]
async fn frames_that_break_the_rules_close_the_session() {
    let edge = small();
    let ping = br#"{"type":"ping"}"#;
    let mut unmasked = head(FIN | TEXT, ping.len() as u64, false);
    unmasked.extend(ping);
    let broken = [
        ("binary", frame(FIN | BINARY, ping)),
        ("binary in fragments", frame(BINARY, ping)),
        ("not UTF-8", frame(FIN | TEXT, b"{\"type\":\"ping\xff\"}")),
        (
            "half a character",
            frame(FIN | TEXT, "한".as_bytes().split_at(2).0),
        ),
        ("unmasked", unmasked),
        ("reserved bit 1", frame(FIN | 0x40 | TEXT, ping)),
        ("reserved bit 3", frame(FIN | 0x10 | TEXT, ping)),
        ("reserved opcode", frame(FIN | 0x3, ping)),
        ("reserved control opcode", frame(FIN | 0xB, ping)),
        ("continuation of nothing", frame(FIN | CONTINUATION, ping)),
        (
            "text within a message",
            [frame(TEXT, b"{"), frame(FIN | TEXT, ping)].concat(),
        ),
        ("ping in fragments", frame(PING, b"a")),
        ("ping too long", frame(FIN | PING, &[b'a'; 126])),
        ("not JSON", frame(FIN | TEXT, b"ping")),
        ("deep JSON", frame(FIN | TEXT, "[".repeat(900).as_bytes())),
        ("an unknown type", frame(FIN | TEXT, br#"{"type":"admin"}"#)),
        (
            "an unknown field",
            frame(FIN | TEXT, br#"{"type":"ping","tenant":"x"}"#),
        ),
        (
            "a second hello",
            frame(FIN | TEXT, br#"{"type":"hello","token":"x"}"#),
        ),
        ("empty", frame(FIN | TEXT, b"")),
    ];
    let each = broken.into_iter().map(|(what, bytes)| {
        let edge = &edge;
        async move {
            // A user each: one of them has no more than sixteen sessions.
            let mut wire = Wire::session(edge, &what.replace(' ', "-")).await;
            wire.send(&bytes).await;
            assert_eq!(wire.closed().await, (4400, "bad_frame".into()), "{what}");
            let answer = frame(FIN | CLOSE, &4400_u16.to_be_bytes());
            wire.send(&answer).await;
            wire.ended_within(LINGER).await;
        }
    });
    futures_util::future::join_all(each).await;
    // Nothing of it is left.
    crate::until_watched_by(&edge, 0).await;
}

#[tokio::test]
async fn a_clients_close_is_answered_and_the_connection_ends_at_once() {
    let edge = small();
    for payload in [&b""[..], &1000_u16.to_be_bytes(), b"\x03\xe9bye"] {
        let mut wire = Wire::session(&edge, "min").await;
        let begun = Instant::now();
        wire.send(&frame(FIN | CLOSE, payload)).await;
        let answer = wire.frame().await.expect("an answer");
        assert_eq!(answer.first, FIN | CLOSE);
        wire.ended_within(LINGER).await;
        assert!(begun.elapsed() < Duration::from_secs(1), "it lingered");
    }
    crate::until_watched_by(&edge, 0).await;
}
