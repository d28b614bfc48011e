//! The clocks and the byte caps of a call.

use std::time::{Duration, Instant};

use punchcard::adapters::openai::{OpenAi, Options};
use punchcard_events::ticket::AttemptErrorKind as Kind;
use tokio::net::{TcpSocket, TcpStream};

use super::fake_model::{Behaviour, Ending, FakeModel, Step};
use super::{MORE, WHOLE, adapter, complete, options, outcome, whole};

/// A clock that the test lets run out.
const SHORT: Duration = Duration::from_millis(150);
/// How much later than the clock the call may end: generous, as the machine may be busy.
const LATE: Duration = Duration::from_secs(5);
const FINISH: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const COMMENT: &str = ": waiting\n\n";

async fn assert_time_runs_out(behaviour: Behaviour, says: &str, set: fn(&mut Options)) {
    let shown = format!("{behaviour:?}");
    let server = FakeModel::playing([behaviour]).await;
    let mut options = options(&server.base_url);
    set(&mut options);
    let adapter = OpenAi::new(options).unwrap();
    let start = Instant::now();
    let error = outcome(&adapter).await.error();
    let took = start.elapsed();
    assert_eq!(error.kind, Kind::Timeout, "{shown}");
    assert!(
        error.message.contains(says),
        "{} after {shown}",
        error.message
    );
    assert!(
        (SHORT..SHORT + LATE).contains(&took),
        "{took:?} after {shown}"
    );
    // The server was still at it, and saw the caller leave.
    server.until(|counts| counts.abandoned == 1).await;
}

fn drip(bytes: &str) -> Behaviour {
    let step = Step::Drip(bytes.as_bytes().to_vec(), Duration::from_millis(5));
    Behaviour::Stream(vec![step], Ending::Clean)
}

#[tokio::test]
async fn an_answer_must_begin_in_time() {
    let headers_only = Behaviour::Stream(vec![], Ending::Stall);
    for behaviour in [
        Behaviour::stall_before_headers(),
        headers_only,
        drip(COMMENT),
    ] {
        assert_time_runs_out(behaviour, "did not begin", |options| {
            options.first_byte_timeout = SHORT;
        })
        .await;
    }
}

#[tokio::test]
async fn an_answer_must_not_fall_silent() {
    let half_an_event = [MORE, "data: {\"cho"].concat();
    for sent in [MORE, &half_an_event] {
        assert_time_runs_out(Behaviour::stall_after(sent), "fell silent", |options| {
            options.idle_timeout = SHORT;
        })
        .await;
    }
}

#[tokio::test]
async fn an_answer_must_be_complete_in_time_however_busy_its_server_is() {
    let started_then_comments = Behaviour::Stream(
        vec![
            Step::chunk(MORE),
            Step::Endless(COMMENT.repeat(50).into_bytes()),
        ],
        Ending::Clean,
    );
    for behaviour in [drip(MORE), started_then_comments] {
        assert_time_runs_out(behaviour, "did not complete", |options| {
            options.total_timeout = SHORT;
            // So that the clock comes before the cap of the stream's bytes.
            options.max_answer_bytes = 64 << 20;
        })
        .await;
    }
}

#[tokio::test]
async fn the_connection_must_stand_in_time() {
    // Nobody accepts, and Linux drops what comes when a queue for one is full.
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(connected) = tokio::time::timeout(SHORT, TcpStream::connect(address)).await {
        queued.push(connected.unwrap());
        assert!(queued.len() < 10, "the queue does not fill");
    }
    let mut options = options(&format!("http://{address}/v1"));
    options.connect_timeout = SHORT;
    let adapter = OpenAi::new(options).unwrap();
    let start = Instant::now();
    let error = outcome(&adapter).await.error();
    assert_eq!(error.kind, Kind::Timeout, "{error:?}");
    assert!(error.message.contains("no connection"), "{error:?}");
    assert!((SHORT..SHORT + LATE).contains(&start.elapsed()));
}

#[tokio::test]
async fn clocks_too_long_to_be_told_are_no_panic() {
    let server = FakeModel::playing([whole()]).await;
    let mut options = options(&server.base_url);
    options.connect_timeout = Duration::MAX;
    options.first_byte_timeout = Duration::MAX;
    options.idle_timeout = Duration::MAX;
    options.total_timeout = Duration::MAX;
    assert_eq!(outcome(&OpenAi::new(options).unwrap()).await, complete());
    assert_eq!(server.counts().requests, 1);
}

#[tokio::test]
async fn a_finished_answer_waits_for_its_token_count_only_so_long_even_if_bytes_keep_coming() {
    let finished = WHOLE.replace("data: [DONE]\n\n", "");
    let comments = Step::Drip(COMMENT.as_bytes().to_vec(), Duration::from_millis(5));
    let then_comments = vec![Step::chunk(&finished), comments];
    let behaviours = [
        Behaviour::stall_after(&finished),
        Behaviour::Stream(then_comments, Ending::Clean),
    ];
    for behaviour in behaviours {
        let server = FakeModel::playing([behaviour]).await;
        let mut options = options(&server.base_url);
        options.idle_timeout = SHORT;
        let start = Instant::now();
        assert_eq!(outcome(&OpenAi::new(options).unwrap()).await, complete());
        assert!(start.elapsed() < SHORT + LATE);
        server.until(|counts| counts.abandoned == 1).await;
    }
}

#[tokio::test]
async fn a_refusal_does_not_wait_for_the_rest_of_its_body() {
    let json = ("content-type", "application/json".to_owned());
    let body = vec![Step::chunk("{\"error\":")];
    let server = FakeModel::playing([Behaviour::ChunkedStatus(
        429,
        vec![json],
        body,
        Ending::Stall,
    )])
    .await;
    let start = Instant::now();
    let error = outcome(&adapter(&server)).await.error();
    assert_eq!(error.kind, Kind::RateLimited);
    assert!(
        start.elapsed() < Duration::from_secs(10),
        "{:?}",
        start.elapsed()
    );
    server.until(|counts| counts.abandoned == 1).await;
}

#[tokio::test]
async fn an_answer_may_have_just_so_many_bytes() {
    let answer = |pieces: usize| [&MORE.repeat(pieces), FINISH].concat();
    for (pieces, fits) in [(4, true), (5, false)] {
        let server = FakeModel::playing([Behaviour::bytes(answer(pieces), Ending::Clean)]).await;
        let mut options = options(&server.base_url);
        options.max_answer_bytes = 4 * "more".len();
        let outcome = outcome(&OpenAi::new(options).unwrap()).await;
        // What fits is handed on before the error.
        assert_eq!(outcome.text, "moremoremoremore");
        assert_eq!(outcome.end.is_ok(), fits, "{:?}", outcome.end);
        assert_eq!(server.counts().requests, 1);
    }
}

#[tokio::test]
async fn an_endless_stream_ends_at_a_limit() {
    let cases = [
        (Behaviour::endless(MORE.repeat(100)), Kind::TooLarge),
        (Behaviour::endless("x".repeat(4_000)), Kind::Protocol),
        (Behaviour::endless("data: x\n".repeat(500)), Kind::Protocol),
    ];
    for (behaviour, kind) in cases {
        let server = FakeModel::playing([behaviour]).await;
        let outcome = outcome(&adapter(&server)).await;
        assert!(outcome.text.len() <= 64 << 10);
        assert_eq!(outcome.error().kind, kind);
        server.until(|counts| counts.abandoned == 1).await;
    }
}

#[tokio::test]
async fn an_errors_body_is_read_up_to_64_kib() {
    let padded = |padding: usize| {
        let quota = "{\"error\":{\"code\":\"insufficient_quota\"}}";
        Behaviour::status(429, &[&" ".repeat(padding), quota].concat())
    };
    let endless = vec![Step::Endless(vec![b' '; 8_192])];
    let cases = [
        (padded(60 << 10), Kind::QuotaExceeded),
        (padded(64 << 10), Kind::RateLimited),
        (
            Behaviour::ChunkedStatus(429, vec![], endless, Ending::Clean),
            Kind::RateLimited,
        ),
    ];
    for (behaviour, kind) in cases {
        let server = FakeModel::playing([behaviour]).await;
        let start = Instant::now();
        assert_eq!(outcome(&adapter(&server)).await.error().kind, kind);
        assert!(start.elapsed() < LATE);
        server
            .until(|counts| counts.played + counts.abandoned == 1)
            .await;
    }
}
