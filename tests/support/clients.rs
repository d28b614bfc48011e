//! Issuers and users who go on whatever dies: they repeat what was not answered, come back where they
//! were, and note what they were told and shown.

#![allow(
    dead_code,
    reason = "each test binary that includes this file uses another part of it"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::account::{Account, Evidence, Shown, Told, Witnesses, gather, settled};
use crate::api::{Answer, Api, send, try_send};
use crate::session::{Memory, Over, Session};
use crate::world::{ORIGIN, World};

/// Before a request is repeated.
const BREATH: Duration = Duration::from_millis(8);
/// Between two looks at a ticket.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long a ticket may take to its end, restarts included.
const PATIENCE: Duration = Duration::from_secs(60);
/// What a server may answer in place of accepting: in flight, too many, stopping or failing.
const COME_BACK: [u16; 3] = [409, 429, 503];
/// The states that are an end.
const ENDS: [&str; 3] = ["delivered", "failed", "cancelled"];

/// The clients of one tenant.
#[derive(Clone)]
pub(crate) struct Clients {
    api: Api,
    /// Where the program is, while it is up.
    base: watch::Receiver<Option<String>>,
    notes: Arc<Mutex<Notes>>,
}

/// What clients were told and shown.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    pub(crate) told: Vec<Told>,
    pub(crate) reused: Vec<(String, u16)>,
    pub(crate) shown: BTreeMap<String, Shown>,
}

impl Notes {
    /// Lets the checker judge all of it, in a world that has settled, and gives the account.
    pub(crate) async fn judged_in(self, world: &World) -> Account {
        let data_dir = world.data_dir();
        let witnesses = Witnesses {
            api: &world.api,
            key: world.key(),
            data_dir: &data_dir,
            model: &world.model,
            backend: &world.backend,
        };
        settled(&Evidence {
            shown: self.shown,
            reused: self.reused,
            ..gather(&witnesses, self.told).await
        })
    }
}

impl Clients {
    /// Clients with the key of `api`, and the place to tell them where the program is.
    pub(crate) fn new(api: &Api) -> (watch::Sender<Option<String>>, Self) {
        let base = watch::Sender::new(Some(api.base().to_owned()));
        let clients = Self {
            api: api.clone(),
            base: base.subscribe(),
            notes: Arc::default(),
        };
        (base, clients)
    }

    /// Takes out what was noted so far.
    pub(crate) fn notes(&self) -> Notes {
        std::mem::take(&mut self.notes.lock().unwrap())
    }

    /// How many tickets were accepted so far.
    pub(crate) fn tickets_so_far(&self) -> usize {
        let notes = self.notes.lock().unwrap();
        let tickets: BTreeSet<&str> = notes.told.iter().map(|told| told.ticket.as_str()).collect();
        tickets.len()
    }

    /// Sends a request with the idempotency key `word` until it is accepted, and gives the ticket.
    pub(crate) async fn accepted(&self, word: &str, body: &Value) -> String {
        loop {
            let answer = self.ask(word, body).await;
            if answer.status == 202 {
                return answer.json()["id"].as_str().unwrap().to_owned();
            }
            assert!(COME_BACK.contains(&answer.status), "{answer:?}");
            tokio::time::sleep(BREATH).await;
        }
    }

    /// Sends a request with the idempotency key `word` until it is answered, and notes it if it is
    /// accepted.
    pub(crate) async fn ask(&self, word: &str, body: &Value) -> Answer {
        let answer = self.issue(word, body).await;
        if answer.status == 202 {
            let told = Told {
                key: word.to_owned(),
                ticket: answer.json()["id"].as_str().unwrap().to_owned(),
                body: body.clone(),
            };
            self.notes.lock().unwrap().told.push(told);
        }
        answer
    }

    /// Sends another body under a key that was used, and notes how that was answered.
    pub(crate) async fn reuse(&self, word: &str, body: &Value) {
        loop {
            let answer = self.issue(word, body).await;
            if !COME_BACK.contains(&answer.status) {
                let noted = (word.to_owned(), answer.status);
                return self.notes.lock().unwrap().reused.push(noted);
            }
            tokio::time::sleep(BREATH).await;
        }
    }

    async fn issue(&self, word: &str, body: &Value) -> Answer {
        loop {
            let api = self.api_when_up().await;
            let request = api.request(Method::POST, "/v1/tickets");
            if let Ok(answer) = try_send(request.header("idempotency-key", word).json(body)).await {
                return answer;
            }
            tokio::time::sleep(BREATH).await;
        }
    }

    /// Looks at a ticket until `is_there`; of a ticket without a user this takes the answer.
    pub(crate) async fn until(&self, ticket: &str, is_there: impl Fn(&str) -> bool) -> String {
        let mut last = Value::Null;
        let reached = async {
            loop {
                let api = self.api_when_up().await;
                let shown =
                    try_send(api.request(Method::GET, &format!("/v1/tickets/{ticket}"))).await;
                if let Ok(shown) = shown {
                    last = shown.json();
                    if let Some(state) = last["state"].as_str().filter(|state| is_there(state)) {
                        return state.to_owned();
                    }
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        let reached = tokio::time::timeout(PATIENCE, reached).await;
        reached.unwrap_or_else(|_| panic!("not there after {PATIENCE:?}: {last:#}"))
    }

    /// Waits for the end of a ticket, and gives its name.
    pub(crate) async fn until_ended(&self, ticket: &str) -> String {
        self.until(ticket, |state| ENDS.contains(&state)).await
    }

    /// Cancels a ticket, again and again until it has ended, and gives its end.
    pub(crate) async fn cancel(&self, ticket: &str) -> String {
        loop {
            let api = self.api_when_up().await;
            let cancel = api.request(Method::POST, &format!("/v1/tickets/{ticket}/cancel"));
            let answer = try_send(cancel.json(&json!({ "mode": "stop" }))).await;
            if answer.is_ok_and(|answer| answer.status == 200 || answer.status == 409) {
                return self.until_ended(ticket).await;
            }
            tokio::time::sleep(BREATH).await;
        }
    }

    /// A user who is always connected, and acknowledges every answer. The session itself checks that
    /// every text goes on where it ended, crash or not. It never ends.
    pub(crate) async fn watch(self, user: &'static str) {
        let mut memory = Memory::new();
        loop {
            memory = self.watch_once(user, memory).await;
            tokio::time::sleep(BREATH).await;
        }
    }

    async fn watch_once(&self, user: &str, memory: Memory) -> Memory {
        let api = self.api_when_up().await;
        let request = api.request(Method::POST, "/v1/session-tokens");
        let Ok(minted) = try_send(request.json(&json!({ "user": user }))).await else {
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
                may_be_over(&over);
                return memory;
            }
        };
        loop {
            match session.try_next().await {
                Ok(frame) if frame["type"] == "answer" => {
                    self.note(&session, &frame);
                    acknowledge(&mut session, &frame).await;
                }
                // Somebody cancelled it while its answer was on the way.
                Ok(frame) if frame["code"] == "ticket_already_ended" => {}
                // The store or the ticket's actor failed meanwhile; the answer is still there.
                Ok(frame) if frame["type"] == "error" => {
                    let retryable = ["unavailable", "overloaded"];
                    let code = frame["code"].as_str().unwrap_or_default();
                    assert!(retryable.contains(&code), "{frame}");
                    acknowledge(&mut session, &frame).await;
                }
                Ok(_) => {}
                Err(over) => {
                    may_be_over(&over);
                    return session.cut();
                }
            }
        }
    }

    fn note(&self, session: &Session, answer: &Value) {
        let ticket = answer["ticket"].as_str().unwrap();
        let seen = session.seen(ticket);
        let shown = Shown {
            generation: seen.generation,
            text: seen.text,
            answer: seen.answer,
        };
        self.notes
            .lock()
            .unwrap()
            .shown
            .insert(ticket.to_owned(), shown);
    }

    /// The API, once the program is up.
    pub(crate) async fn api_when_up(&self) -> Api {
        let mut base = self.base.clone();
        let base = base.wait_for(Option::is_some).await.unwrap().clone();
        let mut api = self.api.clone();
        api.moved_to(&base.unwrap_or_default());
        api
    }
}

/// A session ends by a drain or by a broken connection, and by nothing else.
fn may_be_over(over: &Over) {
    if let Over::Closed(closed) = over {
        assert_eq!(closed.code, 4503, "{closed:?}");
    }
}

/// Acknowledges the answer of the ticket that `frame` is about. If that is lost on the way, the next
/// session shows the answer again.
async fn acknowledge(session: &mut Session, frame: &Value) {
    let ack = json!({ "type": "ack", "ticket": frame["ticket"] });
    let _ = session.try_say(&ack).await;
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
