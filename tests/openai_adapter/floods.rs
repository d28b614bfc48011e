//! Ten gigabytes of everything: the caller leaves at a limit, so its memory is bounded by what it
//! has read. The server counts what the system took from it.

use std::time::{Duration, Instant};

use punchcard::adapters::openai::OpenAi;
use punchcard_events::ticket::AttemptErrorKind as Kind;

use super::fake_model::{Behaviour, Ending, FakeModel, Step, TEN_GB};
use super::{MORE, WHOLE, complete, options, outcome};

/// What lies in the buffers of two sockets at most (`tcp_wmem` and `tcp_rmem` of Linux), and so may
/// have been sent without having been read.
const SOCKET_BUFFERS: u64 = 16 << 20;
/// What the text of an answer may have in these tests, and 256 times that, and 1 MiB, the stream.
const ANSWER: usize = 4 << 10;
const STREAM: u64 = 256 * (4 << 10) + (1 << 20);
/// What hyper takes of a head: 408 KiB.
const HEAD: u64 = 1 << 20;

fn stream(piece: &str) -> Behaviour {
    Behaviour::endless(piece.repeat(8_192 / piece.len()))
}

fn refusal(status: u16) -> Behaviour {
    let spaces = vec![Step::Endless(vec![b' '; 4_096])];
    let json = ("content-type", "application/json".to_owned());
    Behaviour::ChunkedStatus(status, vec![json], spaces, Ending::Clean)
}

fn head(piece: &str) -> Behaviour {
    Behaviour::RawEndless(b"HTTP/1.1 200 OK\r\n".to_vec(), piece.as_bytes().to_vec())
}

#[tokio::test]
async fn of_ten_gigabytes_no_more_is_read_than_a_cap() {
    let empty = "data: {\"choices\":[{\"delta\":{\"content\":\"\"}}]}\n\n";
    let reasoning = "data: {\"choices\":[{\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\n";
    let informational = Behaviour::RawEndless(
        b"HTTP/1.1 100 Continue\r\n\r\n".to_vec(),
        b"HTTP/1.1 102 Processing\r\n\r\n".to_vec(),
    );
    let announced = Behaviour::RawEndless(
        format!("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {TEN_GB}\r\n\r\n")
            .into_bytes(),
        b"<p>more</p>".to_vec(),
    );
    for (name, behaviour, kinds, cap) in [
        ("text", stream(MORE), &[Kind::TooLarge][..], STREAM),
        (
            "comments",
            stream(": waiting\n\n"),
            &[Kind::TooLarge],
            STREAM,
        ),
        ("blank lines", stream("\n"), &[Kind::TooLarge], STREAM),
        ("empty texts", stream(empty), &[Kind::TooLarge], STREAM),
        ("reasoning", stream(reasoning), &[Kind::TooLarge], STREAM),
        ("one line", stream("xxxx"), &[Kind::Protocol], STREAM),
        ("one event", stream("data: x\n"), &[Kind::Protocol], STREAM),
        ("zeros", stream("\0"), &[Kind::Protocol], STREAM),
        ("a refusal", refusal(429), &[Kind::RateLimited], STREAM),
        ("a redirect", refusal(302), &[Kind::Protocol], STREAM),
        ("JSON", refusal(200), &[Kind::Protocol], STREAM),
        ("HTML, announced", announced, &[Kind::Protocol], STREAM),
        (
            "headers",
            head("x-more: more\r\n"),
            &[Kind::Connection],
            HEAD,
        ),
        ("one header", head("x"), &[Kind::Connection], HEAD),
        // Each is read over; only the clock of the first byte ends them.
        (
            "interim responses",
            informational,
            &[Kind::Connection, Kind::Timeout],
            TEN_GB,
        ),
    ] {
        let server = FakeModel::playing([behaviour]).await;
        let mut options = options(&server.base_url);
        options.max_answer_bytes = ANSWER;
        // Parsing takes its time in a debug build; the clocks are for what no cap ends.
        options.first_byte_timeout = match cap {
            TEN_GB => Duration::from_secs(1),
            _ => Duration::from_secs(20),
        };
        let begun = Instant::now();
        let outcome = outcome(&OpenAi::new(options).unwrap()).await;
        assert!(outcome.text.len() <= ANSWER, "{name}");
        let error = outcome.error();
        assert!(kinds.contains(&error.kind), "{name}: {error:?}");
        assert!(begun.elapsed() < Duration::from_secs(30), "{name}");
        server.until(|counts| counts.abandoned == 1).await;
        let flooded = server.counts().flooded;
        assert!(flooded > 0, "nothing came: {name}");
        assert!(flooded <= cap + SOCKET_BUFFERS, "{flooded} bytes of {name}");
    }
}

#[tokio::test]
async fn what_floods_in_after_an_answer_is_not_read_and_changes_nothing() {
    let finish = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    let unfinished = WHOLE.replace("data: [DONE]\n\n", "");
    assert!(unfinished.ends_with(finish));
    for answer in [WHOLE, &unfinished] {
        let steps = vec![
            Step::chunk(answer),
            Step::Endless(b": and more\n\n".to_vec()),
        ];
        let server = FakeModel::playing([Behaviour::Stream(steps, Ending::Clean)]).await;
        let mut options = options(&server.base_url);
        options.max_answer_bytes = ANSWER;
        let adapter = OpenAi::new(options).unwrap();
        assert_eq!(outcome(&adapter).await, complete());
        server.until(|counts| counts.abandoned == 1).await;
        let flooded = server.counts().flooded;
        assert!(
            flooded > 0 && flooded <= STREAM + SOCKET_BUFFERS,
            "{flooded}"
        );
    }
}
