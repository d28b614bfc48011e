//! Readers that are slow, and readers that have stopped: what counts is progress, not speed.

use std::time::{Duration, Instant};

use punchcard::http::{Options, SessionOptions};
use punchcard_actors::feed::MAX_TEXT_BYTES;
use punchcard_actors::sessions::SessionLimits;
use serde_json::{Value, json};
use tokio::io::AsyncReadExt as _;

use crate::edge::{Edge, complete, text};
use crate::wire::Wire;

fn impatient() -> Edge {
    let limits = SessionLimits {
        slow_consumer_deadline: Duration::from_secs(2),
        ..SessionLimits::default()
    };
    Edge::start_with(Options::default(), limits)
}

#[tokio::test]
async fn a_reader_that_stops_is_cut_while_its_neighbour_goes_on() {
    const PIECE: usize = 256 * 1024;
    const PIECES: u64 = 8;
    let edge = impatient();
    let script = edge.model.script();
    edge.issue(Some("min")).await;
    let mut healthy = Wire::session(&edge, "min").await;
    let mut stopped = Wire::session(&edge, "min").await;
    let mut read = 0;
    for piece in 1..=PIECES {
        script.send(text(&"x".repeat(PIECE))).expect("a model");
        while read < piece * PIECE as u64 {
            let frame = healthy.hear_type("text").await;
            let length = frame["text"].as_str().map_or(0, str::len);
            assert!(length <= MAX_TEXT_BYTES, "one frame of {length} bytes");
            assert_eq!(frame["offset"], json!(read), "no gap and no repeat");
            read += length as u64;
        }
    }
    crate::until_watched_by(&edge, 1).await;
    // What it can still read is what lay in the buffers: the fault was real, and little was held.
    let rest = stopped.ended_within(Duration::from_secs(5)).await;
    assert!(rest < 256 * 1024, "{rest} bytes were waiting for it");
    script.send(complete()).expect("a model");
    healthy.hear_type("answer").await;
}

/// Reads at most so many bytes in a tenth of a second, until the server closes or `whole` bytes of
/// text are there. Says how many are.
async fn read_slowly(wire: &mut Wire, step: usize, whole: usize) -> usize {
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; step]);
    loop {
        tick.tick().await;
        let Ok(Ok(1..)) = tokio::time::timeout(Duration::from_secs(20), async {
            let read = wire.stream.read(&mut buffer).await?;
            bytes.extend_from_slice(&buffer[..read]);
            std::io::Result::Ok(read)
        })
        .await
        else {
            break;
        };
        if bytes.iter().filter(|byte| **byte == b'Z').count() >= whole {
            break;
        }
    }
    bytes.iter().filter(|byte| **byte == b'Z').count()
}

#[tokio::test]
async fn a_slow_reader_keeps_its_session_as_long_as_it_goes_on() {
    const WHOLE: usize = 120_000;
    let edge = impatient();
    let script = edge.model.script();
    edge.issue(Some("min")).await;
    let mut slow = Wire::session(&edge, "min").await;
    let mut stopped = Wire::session(&edge, "min").await;
    script.send(text(&"Z".repeat(WHOLE))).expect("a model");
    let begun = Instant::now();
    let shown = read_slowly(&mut slow, 1_500, WHOLE).await;
    assert_eq!(shown, WHOLE, "it was cut although it read");
    assert!(begun.elapsed() > Duration::from_secs(6), "it was not slow");
    // The same deadline cut the one that did not read: it was not simply off.
    assert_eq!(edge.sessions.count().await, Ok(1));
    let rest = stopped.ended_within(Duration::from_secs(1)).await;
    assert!(rest < WHOLE, "it never stopped");
}

#[tokio::test]
async fn whoever_comes_late_gets_a_long_text_in_pieces_and_other_tickets_do_not_wait_for_it() {
    let edge = Edge::start();
    let scripts = [edge.model.script(), edge.model.script()];
    let long = edge.issue(Some("min")).await;
    scripts[0]
        .send(text(&"한🙂".repeat(60_000)))
        .expect("a model");
    until_text(&edge, &long).await;
    let short = edge.issue(Some("min")).await;
    scripts[1].send(text("short")).expect("a model");
    until_text(&edge, &short).await;

    let mut late = Wire::session(&edge, "min").await;
    let (mut told, mut before_short) = (0, None);
    while told < 180_000 {
        let frame = late.hear_type("text").await;
        let piece = frame["text"].as_str().expect("a text");
        assert!(piece.len() <= MAX_TEXT_BYTES);
        if frame["ticket"] == json!(short) {
            before_short = Some(told);
        } else {
            assert_eq!(frame["offset"], json!(told), "no gap and no repeat");
            told += piece.encode_utf16().count();
        }
    }
    assert!(
        before_short.is_some_and(|told| told < 20_000),
        "{before_short:?}"
    );
}

/// Waits until a fresh session is told some text of `ticket`.
async fn until_text(edge: &Edge, ticket: &str) {
    let mut fresh = Wire::session(edge, "min").await;
    let of = |frame: &Value| frame["type"] == "text" && frame["ticket"] == json!(ticket);
    while !of(&fresh.hear().await) {}
}

#[tokio::test]
async fn a_reader_that_rests_in_the_middle_of_what_it_is_owed_is_told_the_rest() {
    const ANSWERS: usize = 8;
    let patience = Duration::from_millis(500);
    let options = Options {
        session: SessionOptions {
            hello_timeout: patience,
            ..SessionOptions::default()
        },
        ..Options::default()
    };
    let edge = Edge::start_with(options, SessionLimits::default());
    let mut first = Wire::session(&edge, "min").await;
    for _ in 0..ANSWERS {
        let script = edge.model.script();
        edge.issue(Some("min")).await;
        script.send(text(&"x".repeat(400 * 1024))).expect("a model");
        script.send(complete()).expect("a model");
        first.hear_type("answer").await;
    }
    drop(first);
    let mut owed = Wire::session(&edge, "min").await;
    tokio::time::sleep(patience * 4).await;
    for _ in 0..ANSWERS {
        owed.hear_type("answer").await;
    }
}
