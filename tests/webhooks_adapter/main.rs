//! The `Callbacks` adapter against a backend that does everything a backend can do.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "../support/fake_backend.rs"]
mod fake_backend;

mod connections;
mod faults;
mod replies;
mod request;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fake_backend::{Behaviour, Delivery, FakeBackend};
use punchcard::adapters::webhooks::{
    HookBook, Options, SigningSecret, TaskHooks, TenantHooks, Webhooks,
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

    fn id(&self) -> uuid::Uuid {
        uuid::Uuid::now_v7()
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
        tasks: ["writing-review", "essay"]
            .map(|task| (TaskName::new(task).unwrap(), paths.clone()))
            .into(),
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
        self.webhooks.pre_process(pre_call()).await.outcome
    }

    async fn post(&self) -> Result<Option<Arc<Value>>, CallbackError> {
        self.webhooks.post_process(post_call()).await.outcome
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
        label: None,
        user: Some(UserId::new("student-17").unwrap()),
        input: Arc::new(json!({"essay": "나는 학교에 갔다. \"어제\""})),
        metadata: BTreeMap::from([("class".to_owned(), "5-b".to_owned())]),
        idempotency: None,
        traceparent: Some(TRACEPARENT.to_owned()),
        requested_at: at,
        priority: punchcard_events::ticket::Priority::Normal,
        not_before: None,
        batch: None,
        conversation: None,
        fork: None,
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
        prepared_again: 0,
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
                label: None,
                canary: None,
            },
            messages: Arc::new([]),
            model: "small-1".to_owned(),
            parameters: Arc::new(Parameters::default()),
            answer_format: None,
            call: None,
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
        prepared_again: 0,
    }
}

fn kind<T: std::fmt::Debug>(result: Result<T, CallbackError>) -> CallbackErrorKind {
    result.unwrap_err().kind
}
