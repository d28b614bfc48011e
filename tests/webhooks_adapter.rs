//! The `Callbacks` adapter against a backend that does everything a backend can do.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "support/fake_backend.rs"]
mod fake_backend;

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fake_backend::{Behaviour, Delivery, FakeBackend, Gate};
use punchcard::adapters::outbound::Lookup;
use punchcard::adapters::webhooks::{
    BuildError, HookBook, Options, SigningSecret, TaskHooks, TenantHooks, Webhooks,
};
use punchcard_actors::ports::{
    Callbacks as _, Clock, PostProcessCall, PreProcessCall, PreProcessReply,
};
use punchcard_events::retry::{Jitter, RetryPolicy};
use punchcard_events::ticket::{
    AnswerFormat, CallbackError, CallbackErrorKind, Deadlines, Parameters, PromptRef, Terms,
    TicketAnswered, TicketPreProcessed, TicketRequested, Timings, Usage,
};
use punchcard_events::{TaskName, TenantId, TicketId, Timestamp, UserId};
use serde_json::{Value, json};
use url::Url;
use uuid::Uuid;

const PRE: &str = "/v2/hooks/prepare";
const POST: &str = "/v2/hooks/persist";
const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const OLD_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";
const NEW_SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";

/// A clock that a test moves.
struct TestClock(AtomicU64);

impl TestClock {
    fn advance(&self, duration: Duration) {
        let millis = u64::try_from(duration.as_millis()).unwrap();
        self.0.fetch_add(millis, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn jitter(&self) -> Jitter {
        Jitter::MIN
    }
}

/// Resolves every name to the same addresses.
struct Fixed(Vec<SocketAddr>);

impl Lookup for Fixed {
    fn lookup(
        &self,
        _: String,
    ) -> futures_util::future::BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> {
        Box::pin(std::future::ready(Ok(self.0.clone())))
    }
}

fn secrets(texts: &[&str]) -> Vec<SigningSecret> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn options() -> Options {
    Options {
        connect_timeout: Duration::from_secs(5),
        total_timeout: Duration::from_secs(20),
        max_response_bytes: 64 << 10,
        allow_private_networks: true,
    }
}

fn hooks(base_url: Url, signing: &[&str]) -> HookBook {
    let paths = TaskHooks {
        pre_process: Some("/hooks/prepare".to_owned()),
        post_process: Some("/hooks/persist".to_owned()),
    };
    let tenant = TenantHooks {
        base_url: base_url.join("/v2").unwrap(),
        secrets: secrets(signing),
        tasks: HashMap::from([(TaskName::new("writing-review").unwrap(), paths)]),
    };
    HookBook::new([(TenantId::new("onehour").unwrap(), tenant)]).unwrap()
}

/// A backend, and the adapter that calls it.
struct Bench {
    backend: FakeBackend,
    webhooks: Webhooks,
    clock: Arc<TestClock>,
}

impl Bench {
    async fn new() -> Self {
        Self::with(options(), &[OLD_SECRET]).await
    }

    async fn with(options: Options, signing: &[&str]) -> Self {
        let backend = FakeBackend::start(secrets(&[OLD_SECRET])).await;
        let clock = Arc::new(TestClock(AtomicU64::new(1_795_430_670_123)));
        let hooks = hooks(backend.url(), signing);
        let webhooks = Webhooks::new(options, hooks, clock.clone()).unwrap();
        Self {
            backend,
            webhooks,
            clock,
        }
    }

    async fn pre(&self) -> Result<PreProcessReply, CallbackError> {
        self.webhooks.pre_process(pre_call()).await
    }

    async fn post(&self) -> Result<Option<Arc<Value>>, CallbackError> {
        self.webhooks.post_process(post_call()).await
    }

    async fn pre_given(&self, behaviour: Behaviour) -> Result<PreProcessReply, CallbackError> {
        self.backend.script(PRE, [behaviour]);
        self.pre().await
    }

    async fn post_given(&self, behaviour: Behaviour) -> Result<Option<Arc<Value>>, CallbackError> {
        self.backend.script(POST, [behaviour]);
        self.post().await
    }

    fn last(&self) -> Delivery {
        self.backend.deliveries().pop().unwrap()
    }
}

fn request(task: &str) -> Arc<TicketRequested> {
    let retry = RetryPolicy {
        max_tries: 5,
        initial_delay_ms: 1000,
        max_delay_ms: 60_000,
    };
    let at = Timestamp::from_millis(1_795_430_660_000);
    Arc::new(TicketRequested {
        tenant: TenantId::new("onehour").unwrap(),
        task: TaskName::new(task).unwrap(),
        user: Some(UserId::new("student-17").unwrap()),
        input: Arc::new(json!({"essay": "나는 학교에 갔다. \"어제\""})),
        metadata: BTreeMap::from([("class".to_owned(), "5-b".to_owned())]),
        idempotency: None,
        traceparent: Some(TRACEPARENT.to_owned()),
        requested_at: at,
        terms: Terms {
            pre_process: true,
            post_process: true,
            answer_format: AnswerFormat::Json,
            model_retry: retry,
            callback_retry: retry,
            deadlines: Deadlines {
                answer_by: at,
                persist_by: at,
                deliver_by: at,
            },
            fallback_models: vec![],
        },
    })
}

fn ticket() -> TicketId {
    TicketId(Uuid::from_u128(0x0192_0000_0000_7000_8000_0000_0000_0001))
}

fn pre_call() -> PreProcessCall {
    PreProcessCall {
        ticket: ticket(),
        request: request("writing-review"),
    }
}

fn post_call() -> PostProcessCall {
    PostProcessCall {
        ticket: ticket(),
        request: request("writing-review"),
        prepared: Arc::new(TicketPreProcessed {
            input: None,
            prompt: PromptRef {
                version: 3,
                hash: "ab12".to_owned(),
            },
            messages: Arc::new([]),
            model: "small-1".to_owned(),
            parameters: Arc::new(Parameters::default()),
        }),
        model: "small-1".to_owned(),
        answered: Arc::new(TicketAnswered {
            attempt: 2,
            content: "{\"score\":4}".into(),
            finish_reason: "stop".to_owned(),
            usage: Some(Usage {
                prompt_tokens: 120,
                completion_tokens: 48,
            }),
            timings: Timings::default(),
        }),
        answer: json!({"score": 4}),
    }
}

fn kind<T: std::fmt::Debug>(result: Result<T, CallbackError>) -> CallbackErrorKind {
    result.unwrap_err().kind
}

#[tokio::test]
async fn a_pre_process_call_is_signed_and_says_all_it_should() {
    let bench = Bench::new().await;
    assert_eq!(bench.pre().await, Ok(PreProcessReply::Unchanged));

    let delivery = bench.last();
    assert_eq!(delivery.path, PRE);
    assert_eq!(delivery.signature, Ok(()));
    assert_eq!(
        delivery.id(),
        "msg_01920000-0000-7000-8000-000000000001_pre_process"
    );
    assert_eq!(delivery.header("webhook-timestamp"), "1795430670");
    assert_eq!(delivery.header("content-type"), "application/json");
    assert_eq!(delivery.header("accept"), "application/json");
    assert_eq!(delivery.header("accept-encoding"), "");
    assert_eq!(delivery.header("traceparent"), TRACEPARENT);
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(
        delivery.header("user-agent"),
        format!("punchcard/{version}")
    );
    assert_eq!(
        delivery.json(),
        json!({
            "type": "ticket.pre_process",
            "timestamp": "2026-11-23T10:44:30.123Z",
            "data": {
                "ticket": "01920000-0000-7000-8000-000000000001",
                "task": "writing-review",
                "user": "student-17",
                "metadata": {"class": "5-b"},
                "requested_at": "2026-11-23T10:44:20.000Z",
                "input": {"essay": "나는 학교에 갔다. \"어제\""},
            },
        })
    );
}

#[tokio::test]
async fn a_post_process_call_carries_the_answer_and_where_it_came_from() {
    let bench = Bench::new().await;
    assert_eq!(bench.post().await, Ok(None));

    let delivery = bench.last();
    assert_eq!(delivery.path, POST);
    assert_eq!(delivery.signature, Ok(()));
    assert_eq!(
        delivery.id(),
        "msg_01920000-0000-7000-8000-000000000001_post_process"
    );
    assert_eq!(
        delivery.json(),
        json!({
            "type": "ticket.post_process",
            "timestamp": "2026-11-23T10:44:30.123Z",
            "data": {
                "ticket": "01920000-0000-7000-8000-000000000001",
                "task": "writing-review",
                "user": "student-17",
                "metadata": {"class": "5-b"},
                "requested_at": "2026-11-23T10:44:20.000Z",
                "input": {"essay": "나는 학교에 갔다. \"어제\""},
                "answer": {"score": 4},
                "finish_reason": "stop",
                "usage": {"prompt_tokens": 120, "completion_tokens": 48},
                "prompt": {"version": 3, "hash": "ab12"},
                "model": "small-1",
                "attempt": 2,
            },
        })
    );
}

#[tokio::test]
async fn a_reply_replaces_what_it_names() {
    let bench = Bench::new().await;
    let input = json!({"essay": "새 글"});
    let reply = Behaviour::json(200, &json!({"input": input}));
    let replaced = PreProcessReply::Replaced(Arc::new(input));
    assert_eq!(bench.pre_given(reply).await, Ok(replaced));

    let reply = Behaviour::json(200, &json!({"answer": {"score": 5}}));
    let replaced = bench.post_given(reply).await.unwrap();
    assert_eq!(replaced.as_deref(), Some(&json!({"score": 5})));
    for unchanged in [
        Behaviour::status(200),
        Behaviour::status(202),
        Behaviour::json(201, &json!({"id": 7})),
        Behaviour::json(200, &json!({"answer": null})),
        Behaviour::body(200, "text/plain", "OK"),
    ] {
        assert_eq!(bench.post_given(unchanged).await, Ok(None));
    }
}

#[tokio::test]
async fn every_status_has_its_meaning_for_both_calls() {
    use CallbackErrorKind::{Body, Gone, Refused, Status};
    let bench = Bench::new().await;
    for (status, expected) in [
        (300, Status),
        (304, Status),
        (400, Status),
        (401, Status),
        (403, Status),
        (404, Status),
        (409, Status),
        (410, Gone),
        (413, Status),
        (422, Refused),
        (429, Status),
        (500, Status),
        (502, Status),
        (503, Status),
        (504, Status),
    ] {
        let behaviour = Behaviour::status(status);
        assert_eq!(
            kind(bench.pre_given(behaviour.clone()).await),
            expected,
            "{status}"
        );
        assert_eq!(
            kind(bench.post_given(behaviour).await),
            expected,
            "{status}"
        );
    }
    for status in [200, 201, 202, 205] {
        let unclear = bench.pre_given(Behaviour::status(status)).await;
        assert_eq!(kind(unclear), Body, "{status}");
    }
    let broken = Behaviour::body(200, "application/json", "{\"answer\":");
    assert_eq!(kind(bench.post_given(broken).await), Body);
    assert_eq!(bench.backend.deliveries().len(), 2 * 15 + 5);
}

#[tokio::test]
async fn a_refusal_carries_its_reason_even_where_the_rest_is_broken() {
    let bench = Bench::new().await;
    let refusal = Behaviour::json(422, &json!({"reason": "글이\n너무 짧아요"}));
    let error = bench.pre_given(refusal).await.unwrap_err();
    assert_eq!(error.kind, CallbackErrorKind::Refused);
    assert_eq!(error.message, "글이 너무 짧아요");

    let huge = Behaviour::body(422, "application/json", &" ".repeat(100 << 10));
    let error = bench.post_given(huge).await.unwrap_err();
    assert_eq!(error.kind, CallbackErrorKind::Refused);
}

#[tokio::test]
async fn the_wait_that_the_backend_asks_for_is_handed_on() {
    let bench = Bench::new().await;
    let busy =
        |status: u16, after: &str| Behaviour::status(status).with_header("retry-after", after);
    let error = bench.pre_given(busy(429, "120")).await.unwrap_err();
    assert_eq!(error.retry_after_ms, Some(120_000));
    // The clock stands at 10:44:30.123.
    let error = bench
        .post_given(busy(503, "Mon, 23 Nov 2026 10:45:00 GMT"))
        .await;
    assert_eq!(error.unwrap_err().retry_after_ms, Some(29_877));
    let error = bench.pre_given(busy(500, "120")).await.unwrap_err();
    assert_eq!(error.retry_after_ms, None);
}

#[tokio::test]
async fn a_repeat_has_the_same_id_and_a_fresh_timestamp_and_signature() {
    let bench = Bench::new().await;
    bench
        .backend
        .script(POST, [Behaviour::status(500), Behaviour::Reset]);
    assert!(bench.post().await.is_err());
    bench.clock.advance(Duration::from_secs(60));
    assert!(bench.post().await.is_err());
    bench.clock.advance(Duration::from_secs(60));
    assert_eq!(bench.post().await, Ok(None));

    let tries = bench.backend.deliveries();
    assert_eq!(tries.len(), 3);
    assert!(
        tries
            .iter()
            .all(|t| t.id() == tries[0].id() && t.signature.is_ok())
    );
    let timestamps: Vec<_> = tries
        .iter()
        .map(|t| t.header("webhook-timestamp"))
        .collect();
    assert_eq!(timestamps, ["1795430670", "1795430730", "1795430790"]);
    let signature = |index: usize| tries[index].header("webhook-signature");
    assert!(signature(0) != signature(1) && signature(1) != signature(2));
    assert_eq!(tries[0].json()["data"], tries[2].json()["data"]);
    // The reset try had done its work; the third was a repeat, and dropped.
    assert_eq!(
        tries.iter().map(|t| t.is_repeat).collect::<Vec<_>>(),
        [false, false, true]
    );
    assert_eq!(bench.backend.effects().len(), 1);
}

#[tokio::test]
async fn while_a_secret_rotates_a_receiver_with_the_old_one_still_verifies() {
    let bench = Bench::with(options(), &[NEW_SECRET, OLD_SECRET]).await;
    assert!(bench.pre().await.is_ok());
    assert_eq!(
        bench.last().header("webhook-signature").split(' ').count(),
        2
    );
    assert_eq!(bench.last().signature, Ok(()));

    let moved_on = Bench::with(options(), &[NEW_SECRET]).await;
    assert!(moved_on.pre().await.is_ok());
    assert!(moved_on.last().signature.is_err());
    assert!(moved_on.backend.effects().is_empty());
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_its_target_hears_nothing() {
    let bench = Bench::new().await;
    let target = FakeBackend::start(secrets(&[OLD_SECRET])).await;
    for status in [301, 302, 303, 307, 308] {
        let behaviour = Behaviour::redirect(status, &target.url());
        let error = bench.post_given(behaviour).await.unwrap_err();
        assert_eq!(error.kind, CallbackErrorKind::Status, "{status}");
        assert!(error.message.contains("not followed"), "{}", error.message);
    }
    assert_eq!(bench.backend.deliveries().len(), 5);
    assert_eq!(target.connections(), 0);
}

#[tokio::test]
async fn a_reply_over_the_cap_is_given_up_announced_or_not() {
    let bench = Bench::new().await;
    for announced in [true, false] {
        let huge = Behaviour::Huge {
            bytes: 256 << 20,
            announced,
        };
        assert_eq!(
            kind(bench.pre_given(huge.clone()).await),
            CallbackErrorKind::TooLarge
        );
        assert_eq!(
            kind(bench.post_given(huge).await),
            CallbackErrorKind::TooLarge
        );
        let within = Behaviour::Huge {
            bytes: 64 << 10,
            announced,
        };
        // Blanks only: not JSON, but read to the end.
        assert_eq!(
            kind(bench.post_given(within).await),
            CallbackErrorKind::Body
        );
    }
    assert_eq!(bench.backend.deliveries().len(), 6);
}

#[tokio::test]
async fn a_reply_that_never_comes_or_never_ends_times_out() {
    let mut options = options();
    options.total_timeout = Duration::from_millis(150);
    let bench = Bench::with(options, &[OLD_SECRET]).await;
    let drip = Behaviour::Drip {
        pause: Duration::from_millis(5),
    };
    assert_eq!(
        kind(bench.pre_given(Behaviour::Stall).await),
        CallbackErrorKind::Timeout
    );
    assert_eq!(
        kind(bench.post_given(drip).await),
        CallbackErrorKind::Timeout
    );
    assert_eq!(bench.backend.deliveries().len(), 2);
}

#[tokio::test]
async fn a_connection_that_breaks_or_cannot_be_made_is_a_connection_failure() {
    let bench = Bench::new().await;
    for behaviour in [Behaviour::Reset, Behaviour::CutBody] {
        let broken = bench.pre_given(behaviour).await;
        assert_eq!(kind(broken), CallbackErrorKind::Connection);
    }
    assert_eq!(bench.backend.deliveries().len(), 2);

    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let hooks = hooks(url.parse().unwrap(), &[OLD_SECRET]);
    let webhooks = Webhooks::new(options(), hooks, bench.clock.clone()).unwrap();
    let error = webhooks.pre_process(pre_call()).await.unwrap_err();
    assert_eq!(error.kind, CallbackErrorKind::Connection);
    assert!(error.message.contains("refused"), "{}", error.message);
}

#[tokio::test]
async fn a_name_that_leads_to_a_private_address_is_never_dialled() {
    let bench = Bench::new().await;
    let address = SocketAddr::new([127, 0, 0, 1].into(), 0);
    let port = bench.backend.url().port().unwrap();
    let url: Url = format!("https://rebind.example:{port}").parse().unwrap();
    let call = async |allow_private_networks| {
        let options = Options {
            allow_private_networks,
            ..options()
        };
        let hooks = hooks(url.clone(), &[OLD_SECRET]);
        let lookup = Fixed(vec![address]);
        let webhooks = Webhooks::with_lookup(options, hooks, bench.clock.clone(), lookup).unwrap();
        webhooks.pre_process(pre_call()).await.unwrap_err()
    };
    let error = call(false).await;
    assert_eq!(error.kind, CallbackErrorKind::Forbidden, "{error:?}");
    assert!(!error.message.contains("127.0.0.1"), "{}", error.message);
    assert_eq!(bench.backend.connections(), 0);

    // The control: the same call is dialled once private networks are let in. (The backend speaks
    // no TLS, so it fails there.)
    assert_eq!(call(true).await.kind, CallbackErrorKind::Connection);
    assert_eq!(bench.backend.connections(), 1);
}

#[tokio::test]
async fn a_literal_private_address_is_refused_before_any_call() {
    let clock = Arc::new(TestClock(AtomicU64::new(0)));
    for host in [
        "127.0.0.1",
        "2130706433",
        "[::ffff:10.0.0.1]",
        "localhost",
        "169.254.169.254",
    ] {
        let url = format!("https://{host}").parse().unwrap();
        let options = Options {
            allow_private_networks: false,
            ..options()
        };
        let refused = Webhooks::new(options, hooks(url, &[OLD_SECRET]), clock.clone());
        let error = refused.unwrap_err();
        assert!(matches!(error, BuildError::Url { .. }), "{host}: {error}");
        assert!(error.to_string().contains("onehour"), "{error}");
    }
}

#[tokio::test]
async fn a_hook_that_is_no_longer_configured_waits_for_an_operator() {
    let bench = Bench::new().await;
    let call = PreProcessCall {
        ticket: ticket(),
        request: request("retired-task"),
    };
    let error = bench.webhooks.pre_process(call).await.unwrap_err();
    assert!(error.kind.is_transient());
    assert!(error.message.contains("retired-task") && error.message.contains("pre_process"));
    assert_eq!(bench.backend.connections(), 0);
}

#[tokio::test]
async fn calls_in_turn_share_a_connection_and_calls_at_once_do_not_wait() {
    let bench = Bench::new().await;
    for _ in 0..5 {
        bench.pre().await.unwrap();
    }
    assert_eq!(bench.backend.connections(), 1);

    let gate = Gate::closed();
    bench
        .backend
        .otherwise(PRE, Behaviour::status(204).behind(&gate));
    let both_arrive = async {
        gate.reached_by(2).await;
        gate.open();
    };
    let (first, second, ()) = tokio::join!(bench.pre(), bench.pre(), both_arrive);
    assert!(first.is_ok() && second.is_ok());
    assert_eq!(bench.backend.connections(), 2);
}

#[tokio::test]
async fn each_thread_has_its_own_connections_and_they_outlive_no_runtime() {
    let bench = Bench::new().await;
    let webhooks = Arc::new(bench.webhooks);
    bench.backend.deliveries_reach(0).await;
    for round in 1..=2 {
        let webhooks = Arc::clone(&webhooks);
        // A thread with two runtimes, one after the other, as after an arbiter is replaced.
        tokio::task::spawn_blocking(move || {
            for _ in 0..2 {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                let reply = runtime.block_on(webhooks.pre_process(pre_call()));
                assert_eq!(reply, Ok(PreProcessReply::Unchanged));
            }
        })
        .await
        .unwrap();
        bench.backend.deliveries_reach(2 * round).await;
    }
    assert_eq!(bench.backend.deliveries().len(), 4);
}

/// The names of an object's fields, nested ones as paths; what the issuer chose is left out.
fn fields(value: &Value, path: &str, names: &mut Vec<String>) {
    let Some(object) = value.as_object() else {
        return;
    };
    for (name, inner) in object {
        let path = format!("{path}/{name}");
        if !["/data/input", "/data/answer", "/data/metadata"].contains(&path.as_str()) {
            fields(inner, &path, names);
        }
        names.push(path);
    }
}

#[tokio::test]
async fn the_examples_in_the_documentation_are_what_is_sent() {
    let documentation = include_str!("../docs/callbacks.md");
    let examples: Vec<Value> = documentation
        .split("```json\n")
        .skip(1)
        .map(|rest| serde_json::from_str(rest.split("```").next().unwrap()).unwrap())
        .collect();
    let bench = Bench::new().await;
    bench.pre().await.unwrap();
    bench.post().await.unwrap();
    let sent = bench.backend.deliveries();
    assert_eq!(examples.len(), sent.len());
    for (example, delivery) in examples.iter().zip(&sent) {
        let (mut documented, mut real) = (Vec::new(), Vec::new());
        fields(example, "", &mut documented);
        fields(&delivery.json(), "", &mut real);
        assert_eq!(documented, real);
        assert_eq!(example["type"], delivery.json()["type"]);
    }
}
