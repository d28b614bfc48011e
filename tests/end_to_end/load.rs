//! Issuers and a user who go on while the program dies and comes back. What must be true at the end is
//! in `account.rs`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::account::{self, Accepted, Account};
use crate::api::{Api, send, try_send};
use crate::fake_backend::Behaviour;
use crate::punchcard::{Punchcard, stillborn};
use crate::scripted_model::{Call, Step, Turn};
use crate::session::{Memory, Over, Session};
use crate::world::{ANSWER_CANARY, ORIGIN, POST, PROMPT_CANARY, World, review};

/// Backends that issue at the same time.
const ISSUERS: usize = 3;
/// The user whose session comes back after every crash.
const USER: &str = "student-1";
/// Between two tickets of one issuer, and before a request is repeated.
const BREATH: Duration = Duration::from_millis(8);
/// Between two pieces of the model's text.
const THINKING: Duration = Duration::from_millis(15);
/// Text comes in small pieces, and the log stays small.
const SETTINGS: &str = r#"
[sessions]
text_interval = "10ms"

[log]
level = "warn"
"#;

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
    pub(crate) async fn restart(&mut self, end: impl AsyncFnOnce(Punchcard)) {
        let server = self.world.take_server();
        end(server).await;
        self.start_again().await;
    }

    /// The same, with a start in between that is killed after `life`, ready or not.
    pub(crate) async fn restart_twice(&mut self, life: Duration, end: impl AsyncFnOnce(Punchcard)) {
        let server = self.world.take_server();
        end(server).await;
        self.base.send_replace(None);
        let ended = stillborn(self.world.configs(), &self.world.log(), life).await;
        assert_eq!(ended, Some(9), "it was still starting or running");
        self.start_again().await;
    }

    async fn start_again(&mut self) {
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
        account::until_ended(&self.world, &accepted).await;
        // A frame that broke the protocol has failed the user's task.
        assert!(!self.user.is_finished(), "{:?}", (&mut self.user).await);
        self.user.abort();
        let account = Account::draw_up(&self.world, &accepted).await;
        self.world.stop().await;
        self.world.verify_store().await;
        account::check_count(&self.world, accepted.len()).await;
        account
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
                Ok(frame) if frame["type"] == "answer" => {
                    check_text(&session, &frame);
                    acknowledge(&mut session, &frame).await;
                }
                Ok(frame) => assert_ne!(frame["type"], "error", "{frame}"),
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

/// Checks that what was streamed of an answer is its beginning.
fn check_text(session: &Session, answer: &Value) {
    let seen = session.seen(answer["ticket"].as_str().unwrap());
    let whole = match &answer["answer"] {
        Value::String(text) => text.clone(),
        document => document.to_string(),
    };
    assert!(
        whole.starts_with(&seen.text),
        "{answer} is not what was streamed: {seen:?}"
    );
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
pub(crate) fn word_of(call: &Call) -> &str {
    call.prompt().trim_start_matches(PROMPT_CANARY).trim()
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
