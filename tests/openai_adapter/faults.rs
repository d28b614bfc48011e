//! Everything a model's server can do wrong, through the real adapter and the real runtime: what is
//! recorded, and that no part of an answer is ever taken for one.
//!
//! Each fault proves that it fired: the server's ledger has the call that met it. What is cut and
//! split byte by byte is in `bytes.rs`, what floods in `floods.rs`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use punchcard::adapters::models::Models;
use punchcard::adapters::openai::{OpenAi, Options};
use punchcard_actors::testing::memory_store::MemoryStore;
use punchcard_actors::testing::world::{TestRuntime, World, in_real_time};
use punchcard_events::TicketId;
use punchcard_events::retry::RetryPolicy;
use punchcard_events::ticket::{
    AttemptErrorKind as Kind, AttemptFailed, FallbackReason, StateName, TicketEvent, TicketState,
};
use serde_json::json;

use super::fake_model::{Behaviour, Ending, FakeModel, Step};
use super::{MORE, WHOLE, adapter, complete, options, outcome, whole};

/// The clocks of a call in these tests.
const FIRST_BYTE: Duration = Duration::from_millis(300);
const IDLE: Duration = Duration::from_millis(200);
const TOTAL: Duration = Duration::from_millis(600);
/// How much later than its clock a call may end.
const LATE: Duration = Duration::from_secs(1);

fn stream(events: &[&str]) -> Behaviour {
    Behaviour::bytes(events.concat(), Ending::Clean)
}

fn raw(text: &str, ending: Ending) -> Behaviour {
    Behaviour::Raw(text.as_bytes().to_vec(), ending)
}

fn drip(bytes: &str) -> Behaviour {
    let step = Step::Drip(bytes.as_bytes().to_vec(), Duration::from_millis(5));
    Behaviour::Stream(vec![step], Ending::Clean)
}

fn slow_head() -> Behaviour {
    let pause = Duration::from_millis(5);
    Behaviour::RawDrip(
        b"HTTP/1.1 200 OK\r\nx-slow: ".to_vec(),
        b"x".to_vec(),
        pause,
    )
}

/// A response of another type than an event stream.
fn of_type(media_type: &str, body: &str) -> Behaviour {
    let header = ("content-type", media_type.to_owned());
    Behaviour::Status(200, vec![header], body.as_bytes().to_vec())
}

/// A fault's name, the fault, and the kind it is recorded with.
type Fault = (&'static str, Behaviour, Kind);

fn faults() -> Vec<Fault> {
    [slow(), refusals(), broken(), not_a_stream(), for_good()].concat()
}

fn slow() -> Vec<Fault> {
    let silent = Behaviour::stall_before_headers();
    let headers_only = Behaviour::Stream(vec![], Ending::Stall);
    let cases = [
        ("silence before the headers", silent),
        ("silence after the headers", headers_only),
        ("headers byte by byte", slow_head()),
        ("silence within the answer", Behaviour::stall_after(MORE)),
        ("text that drips for ever", drip(MORE)),
        ("comments that drip for ever", drip(": wait\n\n")),
        ("504", Behaviour::status(504, "")),
    ];
    cases
        .map(|(name, fault)| (name, fault, Kind::Timeout))
        .into()
}

fn refusals() -> Vec<Fault> {
    let error = |body: &str| format!("data: {{\"error\":{body}}}\n\n");
    let failed = stream(&[MORE, &error("{\"type\":\"server_error\"}")]);
    let limited = stream(&[MORE, &error("{\"code\":429}")]);
    let overloaded = "{\"error\":\"overloaded\"}";
    let status = Behaviour::status;
    let busy = status(429, "{}").with_header("retry-after-ms", "20");
    let back_at_once = status(503, "").with_header("retry-after", "0");
    vec![
        ("429", busy, Kind::RateLimited),
        ("500", status(500, "{}"), Kind::Server),
        ("502 in HTML", status(502, "<html>"), Kind::Server),
        ("503", back_at_once, Kind::Server),
        ("529", status(529, ""), Kind::Server),
        ("an error in the stream", failed, Kind::Server),
        ("a limit in the stream", limited, Kind::RateLimited),
        ("an error as a 200", status(200, overloaded), Kind::Server),
    ]
}

fn broken() -> Vec<Fault> {
    let empty = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let head = |headers: &str| raw(&format!("HTTP/1.1 200 OK\r\n{headers}\r\n"), Ending::Clean);
    let many = head(&"x: y\r\n".repeat(2_000));
    let huge = head(&format!("x: {}\r\n", "y".repeat(1 << 20)));
    let no_http = raw("220 mail.example ESMTP\r\n", Ending::Fin);
    let lost = [
        ("a reset", raw("", Ending::Reset)),
        ("a connection closed", raw("", Ending::Fin)),
        ("no HTTP", no_http),
        ("too many headers", many),
        ("a huge header", huge),
    ];
    let half = &WHOLE[..WHOLE.len() / 2];
    let cut = [
        ("a reset within", Behaviour::bytes(MORE, Ending::Reset)),
        (
            "a connection closed within",
            Behaviour::bytes(half, Ending::Fin),
        ),
        ("a clean end within", Behaviour::bytes(half, Ending::Clean)),
        ("a 200 without a body", raw(empty, Ending::Clean)),
    ];
    let lost = lost.map(|(name, fault)| (name, fault, Kind::Connection));
    let cut = cut.map(|(name, fault)| (name, fault, Kind::Incomplete));
    lost.into_iter().chain(cut).collect()
}

fn not_a_stream() -> Vec<Fault> {
    let no_utf8 = b"data: {\"choices\":\"\xff\xfe\"}\n\n";
    let redirect = Behaviour::status(307, "").with_header("location", "http://127.0.0.1:9/");
    let json = "{\"choices\":[{\"message\":{\"content\":\"x\"}}]}";
    let cases = [
        ("no JSON", stream(&[MORE, "data: {oops}\n\n"])),
        ("no UTF-8", Behaviour::bytes(no_utf8, Ending::Clean)),
        ("HTML", of_type("text/html", "<html>It works!</html>")),
        ("JSON", of_type("application/json", json)),
        ("bytes", of_type("application/octet-stream", "\u{1}\u{2}")),
        ("a redirect", redirect),
        ("204", Behaviour::status(204, "")),
    ];
    cases
        .map(|(name, fault)| (name, fault, Kind::Protocol))
        .into()
}

fn for_good() -> Vec<Fault> {
    let quota = r#"{"error":{"code":"insufficient_quota"}}"#;
    let filter = r#"{"error":{"code":"content_policy_violation"}}"#;
    let filtered = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"content_filter\"}]}\n\n";
    let refused = "data: {\"choices\":[{\"delta\":{\"refusal\":\"I must not.\"}}]}\n\n";
    let long = MORE.replace("more", &"more".repeat(1_000));
    let unfit = WHOLE.replace("canary-answer", "[1, 2");
    let status = Behaviour::status;
    vec![
        (
            "an answer that does not fit",
            stream(&[&unfit]),
            Kind::SchemaViolation,
        ),
        (
            "content, by status",
            status(400, filter),
            Kind::ContentFiltered,
        ),
        (
            "content, in the stream",
            stream(&[MORE, filtered]),
            Kind::ContentFiltered,
        ),
        (
            "the model refuses",
            stream(&[refused]),
            Kind::ContentFiltered,
        ),
        ("quota", status(429, quota), Kind::QuotaExceeded),
        ("quota, in a 200", status(200, quota), Kind::QuotaExceeded),
        ("key", status(401, "{}"), Kind::Unauthorized),
        ("no such model", status(404, "{}"), Kind::InvalidRequest),
        (
            "an answer without end",
            Behaviour::endless(&long),
            Kind::TooLarge,
        ),
    ]
}

/// The runtime over the real adapter: `small` is asked first, and then `large`.
async fn runtime(world: &World, small: &FakeModel, large: &FakeModel) -> TestRuntime {
    world.task("review", |task| {
        task.fallback_models = vec!["large".to_owned()];
        task.model_retry = RetryPolicy {
            max_tries: 3,
            initial_delay_ms: 10,
            max_delay_ms: 20,
        };
        task.check = Arc::new(|text| match text {
            "[1, 2" => Err("the answer is no JSON".to_owned()),
            _ => Ok(()),
        });
    });
    let adapter = |server: &FakeModel| {
        let options = Options {
            first_byte_timeout: FIRST_BYTE,
            idle_timeout: IDLE,
            total_timeout: TOTAL,
            ..options(&server.base_url)
        };
        Arc::new(OpenAi::new(options).unwrap())
    };
    let models = Models::default()
        .with("small", "small-1", adapter(small))
        .with("large", "large-1", adapter(large));
    let mut ports = world.ports();
    ports.model = Arc::new(models);
    world.start_over(ports).await
}

fn attempts_failed(store: &MemoryStore, ticket: TicketId) -> Vec<AttemptFailed> {
    let events = store.all_events();
    let of = events.iter().filter(|e| e.stream == ticket.stream());
    of.filter_map(|e| {
        let event = TicketEvent::decode(&e.event.kind, e.event.schema_version, &e.event.data);
        match event.unwrap() {
            TicketEvent::AttemptFailed(failed) => Some(failed),
            _ => None,
        }
    })
    .collect()
}

#[test]
fn every_fault_is_recorded_as_its_kind_and_the_ticket_has_its_answer_from_the_next_call() {
    in_real_time(async {
        let mut fired = 0;
        for (name, fault, kind) in faults() {
            let world = World::new();
            let small = FakeModel::playing([fault, whole()]).await;
            let large = FakeModel::playing([whole()]).await;
            let run = runtime(&world, &small, &large).await;
            let ticket = run.issue("review").await;
            let filtered = kind == Kind::ContentFiltered;
            let end = if filtered {
                StateName::Failed
            } else {
                StateName::Persisted
            };
            let news = run.await_state(ticket, end).await;

            let recorded = attempts_failed(&world.store, ticket);
            let kinds: Vec<_> = recorded.iter().map(|failed| failed.error.kind).collect();
            assert_eq!(kinds, [kind], "{name}: {recorded:?}");
            fired += small.counts().requests.min(1);
            // A passing fault is tried again at the same model, another at the next.
            let calls = (small.counts().requests, large.counts().requests);
            let expected = match (filtered, kind.is_transient()) {
                (true, _) => (1, 0),
                (false, true) => (2, 0),
                (false, false) => (1, 1),
            };
            assert_eq!(calls, expected, "{name}");
            let answer = news.state.final_answer();
            let whole = (!filtered).then(|| Arc::new(json!("canary-answer")));
            assert_eq!(answer, whole, "{name}");
            run.teardown().await;
        }
        assert_eq!(fired, faults().len(), "faults that were met by a call");
    });
}

#[test]
fn a_fallback_is_recorded_with_its_reason_and_the_model_that_answered_is_shown() {
    in_real_time(async {
        let world = World::new();
        let small = FakeModel::start(|_, _| Behaviour::status(500, "{}")).await;
        let large = FakeModel::playing([whole()]).await;
        let run = runtime(&world, &small, &large).await;
        let ticket = run.issue("review").await;
        let news = run.await_state(ticket, StateName::Persisted).await;
        assert_eq!((small.counts().requests, large.counts().requests), (3, 1));
        assert_eq!(news.state.model(), Some("large"));
        let why = &news.state.fallback().unwrap().why;
        assert_eq!(why.reason, FallbackReason::Failed);
        assert_eq!(why.from, "small");
        let asked: serde_json::Value = serde_json::from_slice(&large.requests()[0].body).unwrap();
        assert_eq!(asked["model"], "large-1");
        run.teardown().await;
    });
}

#[test]
fn a_wait_past_the_deadline_moves_on_to_the_next_model_and_is_recorded_at_the_last() {
    in_real_time(async {
        let world = World::new();
        let busy = |_: usize, _: &super::fake_model::Request| {
            Behaviour::status(429, "{}").with_header("retry-after", "86400")
        };
        let (small, large) = (FakeModel::start(busy).await, FakeModel::start(busy).await);
        let run = runtime(&world, &small, &large).await;
        let ticket = run.issue("review").await;
        let news = run.await_state(ticket, StateName::Failed).await;
        let TicketState::Failed(failed) = &news.state else {
            unreachable!("it was waited for");
        };
        assert_eq!(failed.failure.code, "no_time_for_retry");
        assert_eq!((small.counts().requests, large.counts().requests), (1, 1));
        let recorded = attempts_failed(&world.store, ticket);
        let waits: Vec<_> = recorded.iter().map(|f| f.error.retry_after_ms).collect();
        assert_eq!(waits, [Some(86_400_000), Some(86_400_000)]);
        assert_eq!(recorded[0].next_model.as_deref(), Some("large"));
        run.teardown().await;
    });
}

#[tokio::test]
async fn the_deadline_of_a_call_holds_to_the_second_whatever_trickles_in() {
    let text_then_comments = Behaviour::Stream(
        vec![
            Step::chunk(MORE),
            Step::Drip(b": wait\n\n".to_vec(), Duration::from_millis(5)),
        ],
        Ending::Clean,
    );
    for behaviour in [
        Behaviour::stall_before_headers(),
        slow_head(),
        drip(MORE),
        drip(": wait\n\n"),
        text_then_comments,
        Behaviour::stall_after(MORE),
    ] {
        let shown = format!("{behaviour:?}");
        let server = FakeModel::playing([behaviour]).await;
        let mut options = options(&server.base_url);
        options.total_timeout = TOTAL;
        let begun = Instant::now();
        let error = outcome(&OpenAi::new(options).unwrap()).await.error();
        let took = begun.elapsed();
        assert_eq!(error.kind, Kind::Timeout, "{shown}");
        assert!((TOTAL..TOTAL + LATE).contains(&took), "{took:?}: {shown}");
        server.until(|counts| counts.abandoned == 1).await;
    }
}

#[tokio::test]
async fn what_a_server_sends_unasked_answers_no_later_call() {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length:";
    let poison = WHOLE.replace("canary-answer", "poison");
    let poison = format!("{head} {}\r\n\r\n{poison}", poison.len());
    let server = FakeModel::start(move |number, _| {
        let junk = [poison.as_str(), "\0\0\0junk", "HTTP/1.1 "][number % 3];
        let response = format!("{head} {}\r\n\r\n{WHOLE}{junk}", WHOLE.len());
        Behaviour::Raw(response.into_bytes(), Ending::Clean)
    })
    .await;
    let adapter = adapter(&server);
    for call in 0..12 {
        assert_eq!(outcome(&adapter).await, complete(), "call {call}");
    }
    assert_eq!(server.counts().requests, 12, "no answer without a request");
}

/// Bytes that no server means: the same in every run.
fn garbage(seed: u64) -> Vec<u8> {
    // SplitMix64, so that a failure can be repeated.
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^ (bits >> 31)
    };
    let pieces: [&[u8]; 10] = [
        b"data: ",
        b"\n\n",
        b"{\"choices\":[",
        b"{\"delta\":{\"content\":\"",
        b"\"}}]}",
        b"\\ud83d",
        b"event: error\n",
        b"\r",
        b"data",
        b": ",
    ];
    let count = usize::try_from(next() % 40).unwrap();
    let mut bytes = Vec::new();
    for _ in 0..count {
        let draw = next();
        match pieces.get(usize::try_from(draw % 14).unwrap()) {
            Some(piece) => bytes.extend_from_slice(piece),
            None => bytes.extend_from_slice(&draw.to_le_bytes()),
        }
    }
    bytes
}

#[tokio::test]
async fn no_garbage_is_an_answer() {
    const SEEDS: usize = 400;
    let server = FakeModel::start(|number, _| {
        let bytes = garbage(u64::try_from(number).unwrap());
        let ending = [Ending::Clean, Ending::Fin][number % 2];
        if number % 4 < 2 {
            Behaviour::bytes(bytes, ending)
        } else {
            Behaviour::Raw(bytes, Ending::Fin)
        }
    })
    .await;
    let adapter = adapter(&server);
    for seed in 0..SEEDS {
        let error = outcome(&adapter).await.error();
        let kinds = [
            Kind::Connection,
            Kind::Incomplete,
            Kind::Protocol,
            Kind::Server,
        ];
        assert!(kinds.contains(&error.kind), "seed {seed}: {error:?}");
    }
    assert_eq!(server.counts().requests, SEEDS);
}
