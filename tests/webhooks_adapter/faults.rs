//! Everything a receiver can do wrong, once through the adapter alone and once through the real
//! runtime: what is recorded, what is left at a receiver that drops repeats, and how much is read.
//!
//! Each fault proves that it fired: the receiver's ledger has the delivery that met it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use punchcard::adapters::webhooks::{Options, Webhooks};
use punchcard_actors::testing::memory_store::MemoryStore;
use punchcard_actors::testing::world::{TestRuntime, World, in_real_time};
use punchcard_events::TicketId;
use punchcard_events::retry::RetryPolicy;
use punchcard_events::ticket::{
    CallbackErrorKind as Kind, CallbackFailed, CallbackKind, StateName, TicketEvent, TicketState,
};
use serde_json::json;

use super::fake_backend::{Behaviour, FakeBackend, Gate};
use super::{Bench, OLD_SECRET, POST, PRE, hooks, kind, options, secrets};

/// The clock of a whole call in these tests.
const TOTAL: Duration = Duration::from_millis(300);
/// How much later than its clock a call may end.
const LATE: Duration = Duration::from_secs(1);
const TEN_GB: u64 = 10_000_000_000;
/// What lies in the buffers of two sockets at most (`tcp_wmem` and `tcp_rmem` of Linux), and so may
/// have been sent without having been read.
const SOCKET_BUFFERS: u64 = 16 << 20;

fn raw(text: &str) -> Behaviour {
    let bytes = text.as_bytes().to_vec();
    Behaviour::Raw { bytes, keep: false }
}

fn huge(status: u16, announced: bool) -> Behaviour {
    Behaviour::Huge {
        status,
        bytes: TEN_GB,
        announced,
    }
}

fn endless_head(piece: &str, pause: Option<Duration>) -> Behaviour {
    let piece = piece.as_bytes().to_vec();
    Behaviour::EndlessHead { piece, pause }
}

fn slow_head() -> Behaviour {
    endless_head("x", Some(Duration::from_millis(5)))
}

fn drip() -> Behaviour {
    let pause = Duration::from_millis(5);
    Behaviour::Drip { pause }
}

/// A fault's name, the fault, and the kind it is recorded with.
type Fault = (&'static str, Behaviour, Kind);

/// Every fault that may pass.
fn passing_faults() -> Vec<Fault> {
    let of = |kind| move |(name, fault)| (name, fault, kind);
    let slow = [
        ("no answer at all", Behaviour::Stall),
        ("an answer byte by byte", drip()),
        ("headers byte by byte", slow_head()),
    ];
    let unclear = Behaviour::body(200, "application/json", "{\"input\":");
    let heavy = [
        ("10 GB, announced", huge(200, true)),
        ("10 GB in chunks", huge(200, false)),
    ];
    slow.map(of(Kind::Timeout))
        .into_iter()
        .chain(broken().map(of(Kind::Connection)))
        .chain(statuses().map(of(Kind::Status)))
        .chain(heavy.map(of(Kind::TooLarge)))
        .chain([("JSON that is none", unclear, Kind::Body)])
        .collect()
}

fn broken() -> [(&'static str, Behaviour); 8] {
    let no_chunk = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n";
    let headers = "x-more: more\r\n".repeat(300);
    [
        ("headers without end", endless_head(&headers, None)),
        (
            "one header without end",
            endless_head(&"x".repeat(4_096), None),
        ),
        ("a reset", Behaviour::Reset),
        ("a body cut short", Behaviour::CutBody),
        ("a connection closed", raw("")),
        ("no HTTP", raw("220 mail.example ESMTP\r\n")),
        ("half a head", raw("HTTP/1.1 200 OK\r\ncontent-le")),
        ("a chunk that is none", raw(no_chunk)),
    ]
}

fn statuses() -> [(&'static str, Behaviour); 8] {
    let status = Behaviour::status;
    let here = "http://127.0.0.1:9/elsewhere".parse().unwrap();
    let at_once = status(503).with_header("retry-after", "0");
    let nonsense = status(429).with_header("retry-after", "soon");
    [
        ("500", status(500)),
        ("500 with 10 GB", huge(500, false)),
        ("502", status(502)),
        ("503, come back at once", at_once),
        ("504", status(504)),
        ("429 with a wish nobody reads", nonsense),
        ("404", status(404)),
        ("a redirect", Behaviour::redirect(307, &here)),
    ]
}

/// The runtime over the real adapter, which calls `backend`.
async fn runtime(world: &World, backend: &FakeBackend) -> TestRuntime {
    world.task("essay", |task| {
        task.callback_retry = RetryPolicy {
            max_tries: 5,
            initial_delay_ms: 10,
            max_delay_ms: 20,
        };
    });
    let options = Options {
        total_timeout: TOTAL,
        ..options()
    };
    let hooks = hooks(backend.url(), &[OLD_SECRET]);
    let clock = Arc::<punchcard_actors::testing::clock::TestClock>::clone(&world.clock);
    let mut ports = world.ports();
    ports.callbacks = Arc::new(Webhooks::new(options, hooks, clock).unwrap());
    world.start_over(ports).await
}

fn callback_failures(store: &MemoryStore, ticket: TicketId) -> Vec<CallbackFailed> {
    let events = store.all_events();
    let of = events.iter().filter(|e| e.stream == ticket.stream());
    of.filter_map(|e| {
        let event = TicketEvent::decode(&e.event.kind, e.event.schema_version, &e.event.data);
        match event.unwrap() {
            TicketEvent::CallbackFailed(failed) => Some(failed),
            _ => None,
        }
    })
    .collect()
}

#[test]
fn every_fault_that_may_pass_is_recorded_tried_again_and_has_one_effect() {
    in_real_time(async {
        let mut fired = 0;
        for (name, fault, kind) in passing_faults() {
            let world = World::new();
            let backend = FakeBackend::start(secrets(&[OLD_SECRET])).await;
            for path in [PRE, POST] {
                backend.script(path, [fault.clone()]);
            }
            let run = runtime(&world, &backend).await;
            let ticket = run.issue("essay").await;
            run.await_state(ticket, StateName::Persisted).await;

            let recorded = callback_failures(&world.store, ticket);
            let recorded: Vec<_> = recorded
                .iter()
                .map(|failed| (failed.callback, failed.try_number, failed.error.kind))
                .collect();
            let expected = [CallbackKind::PreProcess, CallbackKind::PostProcess];
            assert_eq!(recorded, expected.map(|call| (call, 1, kind)), "{name}");
            let deliveries = backend.deliveries();
            assert_eq!(deliveries.len(), 4, "{name}");
            assert!(deliveries.iter().all(|one| one.signature.is_ok()), "{name}");
            // One effect for each of the two callbacks, whether or not the first try had it.
            let ids: Vec<_> = backend.effects().into_keys().collect();
            let id = |call: &str| format!("msg_{ticket}_{call}");
            assert_eq!(ids, [id("post_process"), id("pre_process")], "{name}");
            fired += deliveries.len() - 2;
            run.teardown().await;
        }
        assert_eq!(fired, 2 * passing_faults().len());
    });
}

#[test]
fn a_200_that_comes_after_our_timeout_is_followed_by_a_repeat_without_a_second_effect() {
    in_real_time(async {
        let world = World::new();
        let backend = FakeBackend::start(secrets(&[OLD_SECRET])).await;
        let (late, second) = (Gate::closed(), Gate::closed());
        let replaces = Behaviour::json(200, &json!({ "answer": "too late" }));
        let behaviours = [
            replaces.behind(&late),
            Behaviour::status(204).behind(&second),
        ];
        backend.script(POST, behaviours);
        let run = runtime(&world, &backend).await;
        let ticket = run.issue("essay").await;
        late.reached_by(1).await;
        second.reached_by(1).await;
        // The first try is given up, the second is on its way: now the first is answered.
        late.open();
        second.open();
        let news = run.await_state(ticket, StateName::Persisted).await;
        let answer = news.state.final_answer().unwrap();
        assert_ne!(*answer, json!("too late"), "nobody listens any more");
        let kinds: Vec<_> = callback_failures(&world.store, ticket)
            .into_iter()
            .map(|failed| failed.error.kind)
            .collect();
        assert_eq!(kinds, [Kind::Timeout]);
        let tries: Vec<_> = backend
            .deliveries()
            .into_iter()
            .filter(|delivery| delivery.path == POST)
            .map(|delivery| delivery.is_repeat)
            .collect();
        assert_eq!(tries, [false, true]);
        assert_eq!(backend.effects().len(), 2);
        run.teardown().await;
    });
}

#[test]
fn a_refusal_and_a_gone_endpoint_end_the_ticket_after_one_call() {
    in_real_time(async {
        for (status, code) in [(422, "refused_by_callback"), (410, "callback_gone")] {
            for path in [PRE, POST] {
                let world = World::new();
                let backend = FakeBackend::start(secrets(&[OLD_SECRET])).await;
                backend.otherwise(path, huge(status, false));
                let run = runtime(&world, &backend).await;
                let ticket = run.issue("essay").await;
                let news = run.await_state(ticket, StateName::Failed).await;
                let TicketState::Failed(failed) = &news.state else {
                    unreachable!("it was waited for");
                };
                assert_eq!(failed.failure.code, code);
                let calls = backend.deliveries().into_iter();
                assert_eq!(calls.filter(|call| call.path == path).count(), 1);
                assert!(backend.sent() < TEN_GB / 100);
                run.teardown().await;
            }
        }
    });
}

#[test]
fn a_wait_past_the_deadline_is_recorded_and_not_waited_for() {
    in_real_time(async {
        let never = "Fri, 31 Dec 9999 23:59:59 GMT";
        for asked in ["86400", "99999999999999999999", never] {
            let world = World::new();
            let backend = FakeBackend::start(secrets(&[OLD_SECRET])).await;
            backend.otherwise(
                POST,
                Behaviour::status(429).with_header("retry-after", asked),
            );
            let run = runtime(&world, &backend).await;
            let ticket = run.issue("essay").await;
            let news = run.await_state(ticket, StateName::Failed).await;
            let TicketState::Failed(failed) = &news.state else {
                unreachable!("it was waited for");
            };
            assert_eq!(failed.failure.code, "no_time_for_retry", "{asked}");
            let recorded = callback_failures(&world.store, ticket);
            assert_eq!(recorded.len(), 1);
            assert!(
                recorded[0].error.retry_after_ms >= Some(86_400_000),
                "{asked}"
            );
            assert_eq!(recorded[0].retry_at, None);
            run.teardown().await;
        }
    });
}

#[tokio::test]
async fn of_ten_gigabytes_no_more_is_read_than_the_cap() {
    let cap = u64::try_from(options().max_response_bytes).unwrap();
    for (behaviour, expected) in [
        (huge(200, true), Kind::TooLarge),
        (huge(200, false), Kind::TooLarge),
        (huge(307, false), Kind::Status),
        (huge(410, true), Kind::Gone),
        (huge(422, false), Kind::Refused),
        (huge(500, false), Kind::Status),
        (
            endless_head(&"x-more: more\r\n".repeat(300), None),
            Kind::Connection,
        ),
        (endless_head(&"x".repeat(4_096), None), Kind::Connection),
    ] {
        let bench = Bench::new().await;
        let shown = format!("{behaviour:.80?}");
        assert_eq!(kind(bench.post_given(behaviour).await), expected, "{shown}");
        let sent = bench.backend.sent();
        assert!(sent > 0, "nothing came: {shown}");
        // A head may have what hyper's buffer takes (400 KiB).
        assert!(
            sent < cap + (1 << 20) + SOCKET_BUFFERS,
            "{sent} after {shown}"
        );
        assert_eq!(bench.backend.deliveries().len(), 1);
    }
}

#[tokio::test]
async fn the_deadline_of_a_call_holds_to_the_second_whatever_trickles_in() {
    for behaviour in [Behaviour::Stall, drip(), slow_head()] {
        let mut options = options();
        options.total_timeout = TOTAL;
        let bench = Bench::with(options, &[OLD_SECRET]).await;
        let shown = format!("{behaviour:?}");
        let begun = Instant::now();
        assert_eq!(
            kind(bench.post_given(behaviour).await),
            Kind::Timeout,
            "{shown}"
        );
        let took = begun.elapsed();
        assert!((TOTAL..TOTAL + LATE).contains(&took), "{took:?}: {shown}");
        assert_eq!(bench.backend.deliveries().len(), 1);
    }
}

#[tokio::test]
async fn what_a_receiver_sends_unasked_answers_no_later_call() {
    let bench = Bench::new().await;
    let poison = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 19\r\n\r\n\
                  {\"answer\":\"poison\"}";
    for junk in [poison, "\0\0\0junk", "HTTP/1.1 "] {
        let bytes = format!("HTTP/1.1 204 Fine\r\n\r\n{junk}").into_bytes();
        let unasked = Behaviour::Raw { bytes, keep: true };
        assert_eq!(bench.post_given(unasked).await, Ok(None));
        for _ in 0..3 {
            assert_eq!(bench.post().await, Ok(None), "after {junk:?}");
        }
    }
    assert_eq!(bench.backend.deliveries().len(), 12);
}
