//! Issuers and a user who go on while the program dies and comes back, and the account that is drawn
//! up at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use punchcard_events::ticket::StateName;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::api::{Api, send, try_send, types};
use crate::fake_backend::Behaviour;
use crate::history::fold;
use crate::punchcard::run;
use crate::scripted_model::{Call, Step, Turn};
use crate::session::{Memory, Over, Session};
use crate::world::{ANSWER_CANARY, ORIGIN, POST, PROMPT_CANARY, World, review, text};

/// Backends that issue at the same time.
const ISSUERS: usize = 3;
/// The user whose session comes back after every crash.
const USER: &str = "student-1";
/// Between two tickets of one issuer, and before a request is repeated.
const BREATH: Duration = Duration::from_millis(8);
/// Between two pieces of the model's text.
const THINKING: Duration = Duration::from_millis(15);
/// How long the rest may take once nothing is killed any more.
const AFTERMATH: Duration = Duration::from_secs(60);

/// Sessions may acknowledge as fast as tickets come, and the log stays small.
const SETTINGS: &str = r#"
[sessions]
max_messages_per_second = 1000
text_interval = "10ms"

[log]
level = "warn"
"#;

/// A ticket that an issuer was told is accepted.
#[derive(Debug, Clone)]
struct Accepted {
    id: String,
    word: String,
    body: Value,
}

/// What the issuers and the user share with the test.
#[derive(Clone)]
struct Shared {
    api: Api,
    /// Where the program is, while it is up.
    base: watch::Receiver<Option<String>>,
    accepted: Arc<Mutex<Vec<Accepted>>>,
    /// Whether issuers are to end.
    over: watch::Receiver<bool>,
}

/// A world under load.
pub(crate) struct Load {
    pub(crate) world: World,
    shared: Shared,
    base: watch::Sender<Option<String>>,
    over: watch::Sender<bool>,
    issuers: JoinSet<()>,
    user: JoinHandle<()>,
}

/// What is left when the load is over, for the test to judge.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) tickets: usize,
    pub(crate) delivered: usize,
    pub(crate) failed: usize,
    pub(crate) interrupted_attempts: usize,
    pub(crate) repeated_callbacks: usize,
}

impl Load {
    /// Starts the program, the issuers and the user.
    pub(crate) async fn start() -> Self {
        let mut world = World::stopped(SETTINGS, thoughtful).await;
        // A backend that has bad moments, some of them after it has done its work.
        let moments = [Behaviour::status(500), Behaviour::Reset, Behaviour::CutBody];
        let bad = moments.into_iter().cycle().take(30);
        world.backend.script(POST, bad);
        world.start_again().await;
        let base = watch::Sender::new(Some(world.api.base().to_owned()));
        let over = watch::Sender::new(false);
        let shared = Shared {
            api: world.api.clone(),
            base: base.subscribe(),
            accepted: Arc::default(),
            over: over.subscribe(),
        };
        let mut issuers = JoinSet::new();
        for issuer in 0..ISSUERS {
            issuers.spawn(shared.clone().issue(issuer));
        }
        let user = tokio::spawn(shared.clone().watch());
        Self {
            world,
            shared,
            base,
            over,
            issuers,
            user,
        }
    }

    /// Ends the program with `end`, and starts it again on the same data directory.
    pub(crate) async fn restart(&mut self, end: impl AsyncFnOnce(crate::punchcard::Punchcard)) {
        let server = self.world.take_server();
        end(server).await;
        self.base.send_replace(None);
        self.world.start_again().await;
        self.base
            .send_replace(Some(self.world.api.base().to_owned()));
    }

    /// Stops issuing, lets the rest happen, and checks everything that must be true whatever was
    /// done to the program.
    pub(crate) async fn settle(mut self) -> Account {
        self.over.send_replace(true);
        while let Some(ended) = self.issuers.join_next().await {
            ended.unwrap();
        }
        let accepted = std::mem::take(&mut *self.shared.accepted.lock().unwrap());
        let settled = tokio::time::timeout(AFTERMATH, self.until_ended(&accepted)).await;
        if settled.is_err() {
            self.blame(&accepted).await;
        }
        // A frame that broke the protocol has failed the user's task.
        assert!(!self.user.is_finished(), "{:?}", (&mut self.user).await);
        self.user.abort();
        let account = self.check(&accepted).await;
        self.world.stop().await;
        self.world.verify_store().await;
        self.check_count(accepted.len()).await;
        account
    }

    /// Fetches what nobody else takes, until every ticket has ended.
    async fn until_ended(&self, accepted: &[Accepted]) {
        for ticket in accepted {
            loop {
                let shown = self.world.api.ticket(&ticket.id).await;
                let state = StateName::parse(shown["state"].as_str().unwrap()).unwrap();
                if state.is_terminal() {
                    break;
                }
                tokio::time::sleep(BREATH).await;
            }
        }
    }

    /// Fails the test with the first ticket that is still open.
    async fn blame(&self, accepted: &[Accepted]) {
        for ticket in accepted {
            let shown = self.world.api.ticket(&ticket.id).await;
            let state = shown["state"].as_str().and_then(StateName::parse);
            if !state.is_some_and(StateName::is_terminal) {
                let history = self.world.api.history(&ticket.id).await;
                panic!("left open after {AFTERMATH:?}: {shown:#}\n{history:#?}");
            }
        }
    }

    async fn check(&self, accepted: &[Accepted]) -> Account {
        let mut account = Account {
            tickets: accepted.len(),
            delivered: 0,
            failed: 0,
            interrupted_attempts: 0,
            repeated_callbacks: self.check_callbacks(accepted),
        };
        let calls = self.world.model.calls();
        let mut called: BTreeMap<&str, usize> = BTreeMap::new();
        for call in &calls {
            *called.entry(word_of(call)).or_default() += 1;
        }
        let effects = self.world.backend.effects();
        for ticket in accepted {
            let id = ticket.id.as_str();
            let history = self.world.api.history(id).await;
            let state = fold(id, &history);
            for field in ["task", "input", "metadata"] {
                assert_eq!(history[0]["data"][field], ticket.body[field], "{id}");
            }
            let count = |kind: &str| types(&history).iter().filter(|k| *k == kind).count();
            let sent = count("TicketSent");
            let called = called.remove(ticket.word.as_str()).unwrap_or_default();
            assert!(
                called <= sent,
                "{called} calls for {sent} intents: {history:#?}"
            );
            let has_hook = ticket.body["task"] != "say";
            if has_hook && count("TicketPersisted") == 1 {
                let key = format!("msg_{id}_post_process");
                assert!(effects.contains_key(&key), "persisted at nobody's: {id}");
            }
            account.interrupted_attempts += interruptions(&history);
            match state.name() {
                StateName::Delivered => account.delivered += 1,
                StateName::Failed => {
                    let failure = &history.last().unwrap()["data"]["failure"];
                    assert_ne!(failure["message"], "", "{id}");
                    account.failed += 1;
                }
                other => panic!("{id} ended as {other:?}: {history:#?}"),
            }
        }
        assert!(
            called.is_empty(),
            "calls for tickets nobody was told of: {called:?}"
        );
        account
    }

    /// Checks that all tries of a callback said the same and belong to an accepted ticket; gives how
    /// many were repeats.
    fn check_callbacks(&self, accepted: &[Accepted]) -> usize {
        let ids: BTreeSet<&str> = accepted.iter().map(|ticket| ticket.id.as_str()).collect();
        let deliveries = self.world.backend.deliveries();
        let mut first: BTreeMap<&str, Value> = BTreeMap::new();
        for delivery in &deliveries {
            assert_eq!(delivery.signature, Ok(()));
            let data = delivery.json()["data"].take();
            assert!(ids.contains(data["ticket"].as_str().unwrap()), "{data}");
            let said = first.entry(delivery.id()).or_insert_with(|| data.clone());
            assert_eq!(*said, data, "a repeat says something else");
        }
        deliveries.len() - first.len()
    }

    /// Checks that the store holds the accepted tickets and no others.
    async fn check_count(&self, accepted: usize) {
        let data_dir = self.world.data_dir();
        let stats = run(&["--json", "store", "stats", "--data-dir", text(&data_dir)]).await;
        let stats: Value = serde_json::from_slice(&stats.stdout).unwrap();
        let states = stats["tickets"].as_object().unwrap();
        let stored: u64 = states.values().filter_map(Value::as_u64).sum();
        assert_eq!(stored, accepted as u64, "{stats}");
    }
}

impl Shared {
    /// Issues one ticket after the other, each until it is accepted, whatever dies meanwhile.
    async fn issue(self, issuer: usize) {
        for number in 0.. {
            if *self.over.borrow() {
                return;
            }
            let word = format!("word-{issuer}-{number}");
            let body = match number % 3 {
                0 => json!({ "task": "explain", "user": USER, "input": { "word": word } }),
                1 => json!({ "task": "say", "input": { "word": word } }),
                _ => json!({ "task": "review", "user": USER, "input": { "essay": word } }),
            };
            let mut body = body;
            body["metadata"] = json!({ "word": word });
            let id = self.accepted(&word, &body).await;
            if number % 7 == 0 {
                assert_eq!(self.accepted(&word, &body).await, id, "one key, one ticket");
            }
            self.accepted
                .lock()
                .unwrap()
                .push(Accepted { id, word, body });
            tokio::time::sleep(BREATH).await;
        }
    }

    /// Sends a request until it is accepted.
    async fn accepted(&self, key: &str, body: &Value) -> String {
        loop {
            let api = self.api_when_up().await;
            let request = api.request(Method::POST, "/v1/tickets");
            let answer = try_send(request.header("idempotency-key", key).json(body)).await;
            match answer {
                Ok(answer) if answer.status == 202 => {
                    return answer.json()["id"].as_str().unwrap().to_owned();
                }
                // In flight, stopping or just gone: ask again.
                Ok(answer) => assert!(matches!(answer.status, 409 | 503), "{answer:?}"),
                Err(_) => {}
            }
            tokio::time::sleep(BREATH).await;
        }
    }

    /// A user who is always connected, and acknowledges every answer. The session itself checks that
    /// every text goes on where it ended, crash or not.
    async fn watch(self) {
        let mut memory = Memory::new();
        loop {
            memory = self.watch_once(memory).await;
            tokio::time::sleep(BREATH).await;
        }
    }

    async fn watch_once(&self, memory: Memory) -> Memory {
        let api = self.api_when_up().await;
        let request = api.request(Method::POST, "/v1/session-tokens");
        let Ok(minted) = try_send(request.json(&json!({ "user": USER }))).await else {
            return memory;
        };
        let minted = minted.json();
        let Some(token) = minted["token"].as_str() else {
            return memory;
        };
        let opened = Session::try_open(api.base(), ORIGIN, token, memory.clone()).await;
        let mut session = match opened {
            Ok(session) => session,
            Err(over) => {
                if let Over::Closed(closed) = over {
                    assert_eq!(closed.code, 4503, "{closed:?}");
                }
                return memory;
            }
        };
        loop {
            match session.try_next().await {
                Ok(frame) if frame["type"] == "answer" => acknowledge(&mut session, &frame).await,
                Ok(frame) if frame["type"] == "error" => {
                    // More acknowledgements at once than a session takes: it asks for a repeat.
                    assert_eq!(frame["code"], "overloaded", "{frame}");
                    tokio::time::sleep(BREATH).await;
                    acknowledge(&mut session, &frame).await;
                }
                Ok(_) => {}
                Err(Over::Closed(closed)) => {
                    assert_eq!(closed.code, 4503, "{closed:?}");
                    return session.cut();
                }
                Err(Over::Broken(_)) => return session.cut(),
            }
        }
    }

    async fn api_when_up(&self) -> Api {
        let mut base = self.base.clone();
        let base = base.wait_for(Option::is_some).await.unwrap().clone();
        let mut api = self.api.clone();
        api.moved_to(&base.unwrap_or_default());
        api
    }
}

/// Acknowledges the answer of the ticket that `frame` is about. If that is lost on the way, the next
/// session shows the answer again.
async fn acknowledge(session: &mut Session, frame: &Value) {
    let ack = json!({ "type": "ack", "ticket": frame["ticket"] });
    let _ = session.try_say(&ack).await;
}

/// A model that takes its time, so that a crash finds calls in flight.
fn thoughtful(call: &Call) -> Turn {
    let answer = if call.body["response_format"].is_object() {
        review(3, ANSWER_CANARY).to_string()
    } else {
        format!("{ANSWER_CANARY} about {}", word_of(call))
    };
    let (first, rest) = answer.split_at(answer.len() / 3);
    let (second, third) = rest.split_at(rest.len() / 2);
    let mut turn = Turn::new();
    for piece in [first, second, third] {
        turn.extend([Step::say(piece), Step::Pause(THINKING)]);
    }
    turn.push(Step::Finish);
    turn
}

/// The word a prompt is about, which is a ticket's own.
fn word_of(call: &Call) -> &str {
    call.prompt().trim_start_matches(PROMPT_CANARY).trim()
}

/// How many attempts a crash or stop has cut off.
fn interruptions(history: &[Value]) -> usize {
    let is_interruption = |event: &&Value| {
        event["type"] == "AttemptFailed" && event["data"]["error"]["kind"] == "interrupted"
    };
    history.iter().filter(is_interruption).count()
}

/// Waits until the program refuses new tickets because it is stopping.
pub(crate) async fn until_stopping(api: &Api) {
    let stopping = async {
        loop {
            let body = json!({ "task": "say", "input": { "word": "late" } });
            let answer = send(api.request(Method::POST, "/v1/tickets").json(&body)).await;
            if answer.status == 503 {
                answer.expect_problem(503, "stopping");
                assert_ne!(answer.header("retry-after"), "");
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(10), stopping)
        .await
        .unwrap();
}
