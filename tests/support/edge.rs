//! The HTTP edge on a real socket, over the real runtime, an in-memory store and a scripted model.

#![allow(
    dead_code,
    reason = "each test binary that includes this file uses another part of it"
)]

use std::collections::{HashMap, VecDeque};
use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use futures_util::{SinkExt as _, StreamExt as _, stream};
use punchcard::adapters::webhooks_sqlite::{self, WebhookLog};
use punchcard::http::auth::{Authenticator, Caller, Origins};
use punchcard::http::health::{Check, Readiness};
use punchcard::http::{Options, Parts, Unrenderable, WebhookDesk, Workbench, Workplace, serve};
use punchcard::keys::{ApiKey, Operator, Operators, Roles};
use punchcard::master_secret::MasterSecret;
use punchcard_actors::admission::AdmissionOptions;
use punchcard_actors::batches::{BatchOptions, Batches};
use punchcard_actors::callbacks::CallbackOptions;
use punchcard_actors::forks::Forks;
use punchcard_actors::guards::{BreakerOptions, Concurrency, GuardOptions};
use punchcard_actors::llm::LlmOptions;
use punchcard_actors::now::Now;
use punchcard_actors::ports::{
    Again, AgainError, AnswerError, AnswerPart, AnswerStream, Asked, Callbacks, Called, Clock,
    EventStore, Finding, InputRefusal, Lane, LanguageModel, ModelCall, PostProcessCall,
    PreProcessCall, PreProcessReply, PrepareError, Prepared, Sent, TaskBook, WebhookMessage,
    WebhookSender,
};
use punchcard_actors::prompts::{CanaryWatch, Prompts};
use punchcard_actors::redrives::Redrives;
use punchcard_actors::runtime::{Ports, Runtime, RuntimeOptions};
use punchcard_actors::sessions::{SessionLimits, SessionSupervisor, Sessions};
use punchcard_actors::shadow_runs::{
    Likeness, ShadowRunOptions, ShadowRunParts, ShadowRuns, Shadowing,
};
use punchcard_actors::tenants::{Directory, Tenants};
use punchcard_actors::test_runs::{TestRunOptions, TestRunParts, TestRuns};
use punchcard_actors::testing::judges::PlainJudges;
use punchcard_actors::testing::limits::SetLimits;
use punchcard_actors::testing::memory_store::MemoryStore;
use punchcard_actors::testing::prompts::PlainCheck;
use punchcard_actors::testing::usage_table::MemoryUsage;
use punchcard_actors::testing::vouched::Vouched;
use punchcard_actors::usage::{Counting, Price};
use punchcard_actors::webhooks::{WebhookOptions, WebhookParts, Webhooks};
use punchcard_events::prompt::{Content, TestCase};
use punchcard_events::retry::{Jitter, RetryPolicy};
use punchcard_events::tenant::TenantLimits;
use punchcard_events::ticket::{
    AnswerFormat, AttemptError, AttemptErrorKind, Deadlines, Message, Parameters, PromptRef, Role,
    Terms,
};
use punchcard_events::{Author, TaskName, TenantId, Timestamp};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error as WsError, Message as WsMessage};

pub(crate) const KEY: &str = "key-of-onehour";
pub(crate) const OTHER_KEY: &str = "key-of-another";

/// The model that the first tenant may ask without a prompt.
pub(crate) const RAW_MODEL: &str = "lab/raw-1";

/// A key of the same tenant as `key`, for somebody who works as `roles`, such as `viewer+issuer`. A
/// key by itself is an issuer's.
pub(crate) fn working_as(key: &str, roles: &str) -> String {
    format!("{key}/{roles}")
}

pub(crate) const ORIGIN: &str = "https://app.example.com";
pub(crate) const OTHER_ORIGIN: &str = "https://another.example.com";
/// The longest anything may take here.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

type Parts1 = Result<AnswerPart, AttemptError>;
/// What a test makes the model say.
pub(crate) type Script = mpsc::UnboundedSender<Parts1>;

/// Says what the test says; a call without a script is answered at once.
#[derive(Default)]
pub(crate) struct ScriptedModel(Mutex<VecDeque<mpsc::UnboundedReceiver<Parts1>>>);

impl ScriptedModel {
    /// A script for the next call.
    pub(crate) fn script(&self) -> Script {
        let (script, lines) = mpsc::unbounded_channel();
        let mut scripts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        scripts.push_back(lines);
        script
    }
}

pub(crate) fn text(text: &str) -> Parts1 {
    Ok(AnswerPart::Text(text.to_owned()))
}

/// An attempt that breaks off and may be tried again.
pub(crate) fn failure() -> Parts1 {
    Err(AttemptError {
        kind: AttemptErrorKind::Server,
        message: "broken off".to_owned(),
        retry_after_ms: None,
    })
}

pub(crate) fn complete() -> Parts1 {
    Ok(AnswerPart::Complete {
        finish_reason: "stop".into(),
        usage: None,
    })
}

#[async_trait]
impl LanguageModel for ScriptedModel {
    async fn answer(&self, _: ModelCall) -> Result<AnswerStream, AttemptError> {
        let mut scripts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match scripts.pop_front() {
            Some(lines) => stream::unfold(lines, |mut lines| async {
                lines.recv().await.map(|line| (line, lines))
            })
            .boxed(),
            None => stream::iter([text("fine"), complete()]).boxed(),
        })
    }
}

struct World;

#[async_trait]
impl Callbacks for World {
    async fn pre_process(&self, _: PreProcessCall) -> Called<PreProcessReply> {
        unreachable!("no task asks for it")
    }
    async fn post_process(&self, _: PostProcessCall) -> Called<Option<Arc<Value>>> {
        unreachable!("no task asks for it")
    }
}

impl Clock for World {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(0))
    }
    fn jitter(&self) -> Jitter {
        Jitter::MIN
    }
    fn id(&self) -> uuid::Uuid {
        uuid::Uuid::now_v7()
    }
}

#[async_trait]
impl TaskBook for World {
    fn lane(&self, asked: Asked<'_>) -> Option<Lane> {
        // Raw models are listed only where there is one; no line is too long here.
        let raw = asked.raw_model().filter(|model| *model == RAW_MODEL)?;
        Some(Lane {
            models: vec![raw.to_owned()],
            max_wait: Duration::from_secs(3_600),
        })
    }

    fn accept(&self, asked: Asked<'_>, _: &Value, now: Timestamp) -> Result<Terms, InputRefusal> {
        if asked.task.as_str() != "echo" && asked.raw_model() != Some(RAW_MODEL) {
            return Err(InputRefusal::UnknownTask(asked.task.clone()));
        }
        let retry = RetryPolicy {
            max_tries: 3,
            initial_delay_ms: 1,
            max_delay_ms: 1,
        };
        let hour = now.plus(Duration::from_secs(3_600));
        Ok(Terms {
            pre_process: false,
            post_process: false,
            answer_format: AnswerFormat::Text,
            model_retry: retry,
            callback_retry: retry,
            deadlines: Deadlines {
                answer_by: hour,
                persist_by: hour,
                deliver_by: hour,
            },
            fallback_models: vec![],
        })
    }

    fn prepare(&self, asked: Asked<'_>, _: &str, _: &Value) -> Result<Prepared, PrepareError> {
        if let (Some(said), Some(model)) = (asked.conversation, asked.raw_model()) {
            return Ok(Prepared {
                prompt: PromptRef::none(),
                messages: said.messages.clone().into(),
                model: model.to_owned(),
                parameters: Arc::new(said.parameters.clone()),
                answer_format: AnswerFormat::Text,
            });
        }
        Ok(Prepared {
            prompt: PromptRef {
                version: 1,
                hash: "00".into(),
                label: None,
                canary: None,
            },
            messages: Arc::new([Message {
                role: Role::User,
                content: "echo".into(),
            }]),
            model: "scripted".into(),
            parameters: Arc::new(Parameters::default()),
            answer_format: AnswerFormat::Text,
        })
    }

    async fn render_again(
        &self,
        asked: Asked<'_>,
        again: Again<'_>,
    ) -> Result<Prepared, AgainError> {
        self.prepare(asked, "", again.input)
            .map_err(|error| AgainError::Template(error.to_string()))
    }

    fn terms_of_fork(
        &self,
        asked: Asked<'_>,
        model: &str,
        _: AnswerFormat,
        now: Timestamp,
    ) -> Option<(Terms, Lane)> {
        let lane = Lane {
            models: vec![model.to_owned()],
            max_wait: Duration::from_secs(3_600),
        };
        let known = model != "gone";
        let terms = self.accept(asked, &Value::Null, now).ok();
        terms.filter(|_| known).map(|terms| (terms, lane))
    }

    async fn check_answer(&self, _: Asked<'_>, _: &PromptRef, _: &str) -> Result<(), AnswerError> {
        Ok(())
    }
}

/// What the tenants may use until a test says otherwise.
fn allowed() -> SetLimits {
    let limits = SetLimits::default();
    let models = [RAW_MODEL, "gone"].map(str::to_owned);
    let may = TenantLimits {
        raw_models: models.into_iter().collect(),
        ..TenantLimits::default()
    };
    limits.set(&TenantId::new("onehour").expect("a tenant"), may);
    limits
}

#[async_trait]
impl WebhookSender for World {
    async fn send(&self, _: WebhookMessage) -> Sent {
        Sent {
            status: Some(204),
            failure: None,
            retry_after_ms: None,
            duration_ms: 1,
        }
    }
}

impl Workbench for World {
    fn render(
        &self,
        _: &TenantId,
        _: &TaskName,
        content: &Arc<Content>,
        _: &Value,
    ) -> Result<Vec<Message>, Unrenderable> {
        let as_it_is = content.messages.iter().map(|message| Message {
            role: message.role,
            content: message.content.clone(),
        });
        Ok(as_it_is.collect())
    }

    fn check_cases(&self, _: &[TestCase], _: Option<&Arc<Content>>) -> Vec<Finding> {
        vec![]
    }
}

impl Authenticator for World {
    fn authenticate(&self, key: &str) -> Option<Caller> {
        let (key, roles) = match key.split_once('/') {
            Some((key, roles)) => (key, roles.split('+').map(str::parse).collect()),
            None => (key, Ok(Roles::default())),
        };
        let tenant = match key {
            KEY => "onehour",
            OTHER_KEY => "another",
            _ => return None,
        };
        Some(Caller {
            tenant: TenantId::new(tenant).ok()?,
            key_prefix: format!("pk_{tenant}"),
            name: None,
            roles: roles.ok()?,
        })
    }
}

impl Origins for World {
    fn any_allows(&self, origin: &str) -> bool {
        [ORIGIN, OTHER_ORIGIN].contains(&origin)
    }
    fn tenant_allows(&self, tenant: &TenantId, origin: &str) -> bool {
        match tenant.as_str() {
            "onehour" => origin == ORIGIN,
            _ => origin == OTHER_ORIGIN,
        }
    }
}

#[async_trait]
impl Readiness for World {
    async fn checks(&self) -> Vec<Check> {
        vec![Check {
            name: "store",
            ok: true,
            detail: None,
        }]
    }
}

/// The running edge; dropping it stops it.
pub(crate) struct Edge {
    pub(crate) address: SocketAddr,
    /// Where the admin routes are.
    pub(crate) admin: SocketAddr,
    /// The key of an operator, `ada`.
    pub(crate) operator: ApiKey,
    pub(crate) model: Arc<ScriptedModel>,
    pub(crate) sessions: Sessions,
    /// Which keys still vouch for their sessions.
    pub(crate) vouched: Vouched,
    /// What the edge's tickets are stored in.
    pub(crate) store: MemoryStore,
    /// How much its tenants may use.
    pub(crate) limits: SetLimits,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Edge {
    pub(crate) fn start() -> Self {
        Self::start_with(Options::default(), SessionLimits::default())
    }

    pub(crate) fn start_with(mut options: Options, limits: SessionLimits) -> Self {
        options.workers = NonZeroUsize::MIN.saturating_add(1);
        options.shutdown_timeout = Duration::from_secs(1);
        let model = Arc::new(ScriptedModel::default());
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let scripted = Arc::clone(&model);
        let store = MemoryStore::new();
        let (vouched, book) = (Vouched::default(), allowed());
        let stored = (store.clone(), book.clone());
        let operator = ApiKey::generate().expect("randomness");
        let who = (operators(&operator), vouched.clone());
        let thread = std::thread::spawn(move || {
            let run = run(options, limits, who, scripted, stored, tell, stopped);
            actix::System::new().block_on(run);
        });
        let started = told.recv_timeout(PATIENCE).expect("the edge starts");
        let (address, admin, sessions) = started;
        Self {
            address,
            admin,
            operator,
            model,
            sessions,
            vouched,
            store,
            limits: book,
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Edge {
    fn drop(&mut self) {
        if let (Some(stop), Some(thread)) = (self.stop.take(), self.thread.take()) {
            let _ = stop.send(());
            let _ = thread.join();
        }
    }
}

fn operators(key: &ApiKey) -> Operators {
    let operator = Operator {
        prefix: key.prefix().to_owned(),
        name: Some("ada".parse().expect("a name")),
    };
    Operators::new([(key.hash(), operator)])
}

/// The tenants that the keys here are of.
async fn create_tenants(tenants: &Tenants) {
    for name in ["onehour", "another"] {
        let create = punchcard_events::tenant::Command::Create {
            name: name.to_owned(),
            act: tenants.act(Author::Configuration),
        };
        let id = TenantId::new(name).expect("a name");
        tenants.execute(&id, create).await.expect("a new tenant");
    }
}

#[expect(clippy::too_many_lines, reason = "the parts of the edge, one by one")]
async fn run(
    options: Options,
    limits: SessionLimits,
    (operators, vouched): (Operators, Vouched),
    model: Arc<ScriptedModel>,
    (store, allowed): (MemoryStore, SetLimits),
    tell: std::sync::mpsc::Sender<(SocketAddr, SocketAddr, Sessions)>,
    stopped: oneshot::Receiver<()>,
) {
    let store = Arc::new(store);
    let gauge = store.clone();
    let world = Arc::new(World);
    let usage = Arc::new(MemoryUsage::default());
    let price = Price::per_million(1.0, 2.0);
    let prices = [("scripted".to_owned(), price)].into_iter().collect();
    let counting = Counting::start(store.clone(), usage.clone(), prices, world.as_ref());
    let (meter, _counting) = counting.await.expect("an empty table");
    meter.ready().await;
    let ports = Ports {
        store: store.clone(),
        index: store,
        model,
        callbacks: world.clone(),
        tasks: world.clone(),
        limits: Arc::new(allowed),
        meter,
        clock: world.clone(),
    };
    let opened = Prompts::open(ports.store.clone(), world.clone(), Arc::new(PlainCheck));
    let (prompts, _following) = opened.await.expect("an empty store");
    let store = ports.store.clone();
    let opened = Tenants::open(store.clone(), world.clone()).await;
    let (tenants, _followed) = opened.expect("an empty store");
    create_tenants(&tenants).await;
    let store_of_webhooks = ports.store.clone();
    let runtime = Runtime::start(ports, runtime_options()).await;
    let test_runs = TestRuns::new(
        TestRunParts {
            store: store.clone(),
            llm: runtime.calls().clone(),
            prompts: prompts.clone(),
            judges: Arc::new(PlainJudges),
        },
        TestRunOptions::default(),
    );
    let sessions = SessionSupervisor::launch(limits, Arc::new(vouched.clone()));
    let (batches, _feeding) = Batches::open(
        store.clone(),
        world.clone(),
        runtime.tickets().clone(),
        tenants.directory().clone(),
        BatchOptions::default(),
    )
    .await
    .expect("an empty store");
    let log_dir = tempfile::tempdir().expect("a directory");
    let (webhooks, _dispatching) = webhooks(log_dir.path(), &store_of_webhooks, &runtime).await;
    let directory = tenants.directory().clone();
    let (workplace, _shadowing) = workplace((&store, gauge), &runtime, directory, &prompts).await;
    let parts = Parts {
        tickets: runtime.tickets().clone(),
        batches,
        sessions: sessions.clone(),
        tenants,
        prompts,
        canaries: CanaryWatch::default(),
        test_runs,
        workplace,
        webhooks,
        usage,
        workbench: world.clone(),
        keys: world.clone(),
        operators,
        origins: world.clone(),
        readiness: world,
        metrics: None,
    };
    let listen = || TcpListener::bind("127.0.0.1:0").expect("a port");
    let serving = serve(listen(), Some(listen()), parts, options).expect("a server");
    let admin = serving.admin_address().expect("an admin listener");
    tell.send((serving.address(), admin, sessions.clone()))
        .expect("a test");
    let _ = stopped.await;
    let _ = sessions.close_all().await;
    serving.abort().await;
    runtime.stop(Duration::from_millis(100)).await;
}

async fn workplace(
    (store, gauge): (&Arc<dyn EventStore>, Arc<MemoryStore>),
    runtime: &Runtime,
    tenants: Directory,
    prompts: &Prompts,
) -> (Workplace, Shadowing) {
    /// Answers are the same or have nothing in common.
    struct AllOrNothing;
    impl Likeness for AllOrNothing {
        fn similarity(&self, before: &str, after: &str) -> f64 {
            f64::from(u8::from(before == after))
        }
    }
    let tickets = || runtime.tickets().clone();
    let shadow = ShadowRunParts {
        store: Arc::clone(store),
        clock: Arc::new(World),
        tickets: tickets(),
        forks: Forks::new(tickets()),
        prompts: prompts.clone(),
        tenants: tenants.clone(),
        likeness: Arc::new(AllOrNothing),
    };
    let opened = ShadowRuns::open(shadow, ShadowRunOptions::default()).await;
    let (shadow_runs, shadowing) = opened.expect("an empty store");
    let workplace = Workplace {
        forks: Forks::new(tickets()),
        redrives: Redrives::open(Arc::clone(store), tickets(), tenants)
            .await
            .expect("an empty store"),
        shadow_runs,
        now: Now::start(Arc::clone(store), runtime, gauge),
    };
    (workplace, shadowing)
}

/// Webhooks to public addresses only, of which nothing is sent.
async fn webhooks(
    log_dir: &std::path::Path,
    store: &Arc<dyn punchcard_actors::ports::EventStore>,
    runtime: &Runtime,
) -> (WebhookDesk, punchcard_actors::webhooks::Dispatching) {
    let bounds = webhooks_sqlite::Options {
        max_queued: 1_000,
        resend_per_second: 1_000,
        keep_ms: 86_400_000,
    };
    let log = WebhookLog::open(log_dir, bounds).expect("a log");
    let parts = WebhookParts {
        store: Arc::clone(store),
        log: Arc::new(log),
        sender: Arc::new(World),
        clock: Arc::new(World),
        tickets: runtime.tickets().clone(),
    };
    let started = Webhooks::start(parts, WebhookOptions::default()).await;
    let (webhooks, dispatching) = started.expect("endpoints");
    let desk = WebhookDesk {
        webhooks,
        master: MasterSecret::new(&"edge".repeat(16)).expect("long enough"),
        allow_private_networks: false,
    };
    (desk, dispatching)
}

/// Some of these tests have half of all calls fail; what comes of that is tested elsewhere.
fn guard() -> GuardOptions {
    let own = GuardOptions::default();
    GuardOptions {
        breaker: BreakerOptions {
            failure_ratio: 2.0,
            ..own.breaker
        },
        ..own
    }
}

fn runtime_options() -> RuntimeOptions {
    RuntimeOptions {
        arbiters: NonZeroUsize::MIN,
        admission: AdmissionOptions::of(1_000),
        passivate_after: Duration::from_secs(60),
        text_interval: Duration::from_millis(5),
        sweep_interval: Duration::from_secs(60),
        store_patience: Duration::from_secs(5),
        llm: LlmOptions {
            max_concurrency: HashMap::new(),
            default_max_concurrency: 100,
            guard: guard(),
        },
        callbacks: CallbackOptions {
            max_concurrency: HashMap::new(),
            default_max_concurrency: Concurrency::fixed(100),
            guard: guard(),
        },
    }
}

/// A response.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).expect("a JSON body")
    }

    pub(crate) fn code(&self) -> String {
        assert!(
            self.head.contains("content-type: application/problem+json"),
            "{self:?}"
        );
        self.json()["code"].as_str().expect("a code").to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let start = format!("{name}: ");
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(start.as_str()))
    }
}

impl Edge {
    /// One request, written as it stands: `head` is the request line and headers but the last ones.
    pub(crate) async fn raw(&self, head: &str, body: &[u8]) -> Reply {
        self.raw_to(self.address, head, body).await
    }

    /// One such request to the admin listener.
    pub(crate) async fn raw_admin(&self, head: &str, body: &[u8]) -> Reply {
        self.raw_to(self.admin, head, body).await
    }

    async fn raw_to(&self, address: SocketAddr, head: &str, body: &[u8]) -> Reply {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        let length = body.len();
        let head =
            format!("{head}Host: edge\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
        // The server may answer and close before it has read everything.
        let _ = stream.write_all(head.as_bytes()).await;
        let _ = stream.write_all(body).await;
        read_reply(&mut stream).await
    }

    pub(crate) async fn get(&self, key: &str, path: &str) -> Reply {
        self.send("GET", key, path, "", "").await
    }

    pub(crate) async fn post(&self, path: &str, headers: &str, body: &Value) -> Reply {
        self.send("POST", KEY, path, headers, &body.to_string())
            .await
    }

    pub(crate) async fn send(
        &self,
        method: &str,
        key: &str,
        path: &str,
        headers: &str,
        body: &str,
    ) -> Reply {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n{headers}"
        );
        self.raw(&head, body.as_bytes()).await
    }

    /// Asks the admin listener, as the operator.
    pub(crate) async fn operate(
        &self,
        method: &str,
        path: &str,
        headers: &str,
        body: &Value,
    ) -> Reply {
        let key = self.operator.expose();
        self.admin_as(key, method, path, headers, body).await
    }

    /// Asks the admin listener with any key.
    pub(crate) async fn admin_as(
        &self,
        key: &str,
        method: &str,
        path: &str,
        headers: &str,
        body: &Value,
    ) -> Reply {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\n{headers}"
        );
        self.raw_admin(&head, body.to_string().as_bytes()).await
    }

    /// Issues a ticket and gives its id.
    pub(crate) async fn issue(&self, user: Option<&str>) -> String {
        let body = serde_json::json!({"task": "echo", "input": {"x": 1}, "user": user});
        let reply = self.post("/v1/tickets", "", &body).await;
        assert_eq!(reply.status, 202, "{reply:?}");
        reply.json()["id"].as_str().expect("an id").to_owned()
    }

    pub(crate) async fn token(&self, user: &str) -> String {
        let reply = self
            .post("/v1/session-tokens", "", &serde_json::json!({"user": user}))
            .await;
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.json()["token"].as_str().expect("a token").to_owned()
    }

    /// Opens a WebSocket.
    pub(crate) async fn connect(
        &self,
        origin: Option<&str>,
        protocol: Option<&str>,
    ) -> Result<Socket, WsError> {
        let stream = TcpStream::connect(self.address)
            .await
            .expect("a connection");
        let url = format!("ws://{}/v1/session", self.address);
        let mut request = url.into_client_request().expect("a request");
        let headers = request.headers_mut();
        if let Some(origin) = origin {
            headers.insert("Origin", origin.parse().expect("a value"));
        }
        if let Some(protocol) = protocol {
            headers.insert("Sec-WebSocket-Protocol", protocol.parse().expect("a value"));
        }
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await?;
        Ok(Socket(socket))
    }

    /// Opens a session of `user` and says hello.
    pub(crate) async fn session(&self, user: &str, cursors: Value) -> Socket {
        let token = self.token(user).await;
        let mut socket = self
            .connect(Some(ORIGIN), Some("punchcard.v1"))
            .await
            .expect("an upgrade");
        socket
            .say(&serde_json::json!({"type": "hello", "token": token, "cursors": cursors}))
            .await;
        socket
    }
}

/// Reads one response: as long as it says it is, or to the end of the connection. A server that has
/// answered without reading the whole body keeps the connection open for a moment, so its end says
/// nothing about the answer.
async fn read_reply(stream: &mut TcpStream) -> Reply {
    let mut bytes = Vec::new();
    let whole = async {
        while !is_whole(&bytes) && stream.read_buf(&mut bytes).await.is_ok_and(|n| n > 0) {}
    };
    let whole = tokio::time::timeout(PATIENCE, whole).await;
    whole.expect("an answer in time");
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").expect("a head");
    Reply {
        status: head[9..12].parse().expect("a status"),
        head: head.replace("\r\n", "\n"),
        body: body.to_owned(),
    }
}

fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Some((head, _)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let length = length.and_then(|length| length.parse::<usize>().ok());
    length.is_some_and(|length| bytes.len() >= head.len() + 4 + length)
}

/// A WebSocket client.
pub(crate) struct Socket(pub(crate) WebSocketStream<TcpStream>);

impl Socket {
    pub(crate) async fn say(&mut self, frame: &Value) {
        let text = frame.to_string();
        self.0
            .send(WsMessage::text(text))
            .await
            .expect("a frame goes out");
    }

    /// The next text frame.
    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            match self.next().await {
                WsMessage::Text(text) => return serde_json::from_str(&text).expect("JSON"),
                WsMessage::Ping(_) | WsMessage::Pong(_) => {}
                other => panic!("{other:?} instead of a text frame"),
            }
        }
    }

    /// The next text frame of a type, dropping others.
    pub(crate) async fn hear_type(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.hear().await;
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// The close code and reason the server closes with.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        loop {
            if let WsMessage::Close(frame) = self.next().await {
                let frame = frame.expect("a reason");
                return (frame.code.into(), frame.reason.to_string());
            }
        }
    }

    async fn next(&mut self) -> WsMessage {
        let next = tokio::time::timeout(PATIENCE, self.0.next()).await;
        next.expect("a frame in time")
            .expect("an open socket")
            .expect("a frame")
    }
}
