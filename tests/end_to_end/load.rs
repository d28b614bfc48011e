//! Issuers and a user who go on while the program dies and comes back. What must be true at the end is
//! in `tests/support/account/`.

#![allow(
    dead_code,
    reason = "each test binary that includes this file uses another part of it"
)]

use std::process::ExitStatus;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::account::Account;
use crate::api::Answer;
use crate::clients::Clients;
use crate::fake_backend::Behaviour;
use crate::punchcard::{Env, Punchcard, stillborn};
use crate::scripted_model::{Call, Step, Turn};
use crate::world::{ANSWER_CANARY, POST, PROMPT_CANARY, World, review};

/// Backends that issue at the same time.
const ISSUERS: usize = 3;
/// The user whose session comes back after every crash.
const USER: &str = "student-1";
/// Between two tickets of one issuer.
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

/// A world under load.
pub(crate) struct Load {
    pub(crate) world: World,
    pub(crate) clients: Clients,
    base: watch::Sender<Option<String>>,
    /// Whether issuers are to end.
    over: watch::Sender<bool>,
    issuers: JoinSet<()>,
    user: JoinHandle<()>,
}

impl Load {
    /// Starts the program, the issuers and the user.
    pub(crate) async fn start() -> Self {
        Self::with("").await
    }

    /// The same, with more configuration on top.
    pub(crate) async fn with(more: &str) -> Self {
        Self::start_with(more, |_| Env::new()).await
    }

    /// The same, with more in the program's environment too.
    pub(crate) async fn start_with(more: &str, env: impl FnOnce(&World) -> Env) -> Self {
        let settings = format!("{SETTINGS}{more}");
        let mut world = World::stopped(&settings, thoughtful).await;
        world.set_env(env(&world));
        // A backend that has bad moments, some of them after it has done its work.
        let moments = [Behaviour::status(500), Behaviour::Reset, Behaviour::CutBody];
        let bad = moments.into_iter().cycle().take(30);
        world.backend.script(POST, bad);
        world.start_again().await;
        let (base, clients) = Clients::new(&world.api);
        let over = watch::Sender::new(false);
        let mut issuers = JoinSet::new();
        for issuer in 0..ISSUERS {
            issuers.spawn(issue(clients.clone(), issuer, over.subscribe()));
        }
        let user = tokio::spawn(clients.clone().watch(USER));
        Self {
            world,
            clients,
            base,
            over,
            issuers,
            user,
        }
    }

    /// Returns once the program has called the model again.
    pub(crate) async fn is_at_work(&self) {
        let before = self.world.model.calls_count();
        self.world.model.calls_reach(before + 1).await;
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

    /// Starts the program, which was not running, and lets it work until it ends by itself, be it
    /// before it is ready.
    pub(crate) async fn live_until_it_ends(&mut self) -> ExitStatus {
        self.base.send_replace(None);
        if let Err(ended) = self.world.try_start_again().await {
            return ended.status;
        }
        let base = self.world.api.base().to_owned();
        self.base.send_replace(Some(base));
        self.world.take_server().ended().await
    }

    /// Asks once for a ticket of its own about `word`, which is its key too.
    pub(crate) async fn ask_for(&self, task: &str, user: Option<&str>, word: &str) -> Answer {
        self.clients.ask(word, &ticket_of(task, user, word)).await
    }

    /// Starts the program, which was not running.
    pub(crate) async fn start_again(&mut self) {
        self.base.send_replace(None);
        self.world.start_again().await;
        self.base
            .send_replace(Some(self.world.api.base().to_owned()));
    }

    /// Stops issuing, lets the rest happen, and checks everything that must be true whatever was
    /// done to the program.
    pub(crate) async fn settle(self) -> Account {
        self.settle_and(async |_| {}).await
    }

    /// The same, and lets `look` at the program when there is nothing left for it to do.
    pub(crate) async fn settle_and(mut self, look: impl AsyncFnOnce(&mut World)) -> Account {
        self.over.send_replace(true);
        while let Some(ended) = self.issuers.join_next().await {
            ended.unwrap();
        }
        let mut notes = self.clients.notes();
        for told in &notes.told {
            self.clients.until_ended(&told.ticket).await;
        }
        // A frame that broke the protocol has failed the user's task.
        assert!(!self.user.is_finished(), "{:?}", (&mut self.user).await);
        self.user.abort();
        notes.shown.extend(self.clients.notes().shown);
        let account = notes.judged_in(&self.world).await;
        drop(self.clients);
        look(&mut self.world).await;
        self.world.stop().await;
        self.world.verify_store().await;
        let log = self.world.log_text();
        assert!(!log.contains("panicked"), "{log}");
        account
    }
}

/// Issues one ticket after the other, each until it is accepted, whatever dies meanwhile.
async fn issue(clients: Clients, issuer: usize, over: watch::Receiver<bool>) {
    for number in 0.. {
        if *over.borrow() {
            return;
        }
        let word = format!("word-{issuer}-{number}");
        let body = match number % 3 {
            0 => ticket_of("explain", Some(USER), &word),
            1 => ticket_of("say", None, &word),
            _ => ticket_of("review", Some(USER), &word),
        };
        clients.accepted(&word, &body).await;
        if number % 7 == 0 {
            clients.accepted(&word, &body).await;
        }
        if number % 11 == 0 {
            let mut other = body;
            other["metadata"] = json!({ "word": "another" });
            clients.reuse(&word, &other).await;
        }
        tokio::time::sleep(BREATH).await;
    }
}

/// The request for a ticket about `word`.
fn ticket_of(task: &str, user: Option<&str>, word: &str) -> Value {
    let input = if task == "review" { "essay" } else { "word" };
    let mut body = json!({ "task": task, "input": { input: word }, "metadata": { "word": word } });
    if let Some(user) = user {
        body["user"] = json!(user);
    }
    body
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
