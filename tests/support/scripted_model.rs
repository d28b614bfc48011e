//! A chat completions server for tests of the whole program: it streams what a test scripted, and
//! keeps every call.
//!
//! A script belongs to a word: the first script whose word is in a call's last message plays its
//! next turn, so tickets of one test do not depend on each other's order. What an adapter must
//! survive byte by byte (bad framing, drips, resets) is not here: the adapter's own tests have it.

#![allow(
    dead_code,
    reason = "each test binary that includes this file uses another part of it"
)]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::fake_backend::{Gate, Request, Running, read_request, within_reason};

/// The tokens that every whole answer reports.
pub(crate) const PROMPT_TOKENS: u64 = 11;
/// See [`PROMPT_TOKENS`].
pub(crate) const COMPLETION_TOKENS: u64 = 7;

/// One thing a turn does.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Streams a piece of text.
    Say(String),
    /// Waits until a test opens the gate.
    Wait(Gate),
    /// Waits for a while, as a model that thinks.
    Pause(Duration),
    /// Ends the answer as a model does.
    Finish,
    /// Breaks the connection in the middle.
    Cut,
    /// Refuses before anything is streamed.
    Refuse(u16, &'static str),
}

impl Step {
    /// Streams a piece of text.
    pub(crate) fn say(text: &str) -> Self {
        Self::Say(text.to_owned())
    }
}

/// What one call gets.
pub(crate) type Turn = Vec<Step>;

/// A turn that streams `pieces` and finishes.
pub(crate) fn saying(pieces: &[&str]) -> Turn {
    let mut turn: Turn = pieces.iter().map(|piece| Step::say(piece)).collect();
    turn.push(Step::Finish);
    turn
}

/// A call as it came.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The request's body.
    pub(crate) body: Value,
    /// The `authorization` header.
    pub(crate) authorization: String,
}

impl Call {
    /// The last message: the rendered prompt of the user.
    pub(crate) fn prompt(&self) -> &str {
        let last = self.body["messages"].as_array().and_then(|all| all.last());
        last.and_then(|message| message["content"].as_str())
            .unwrap_or_default()
    }
}

struct Script {
    word: String,
    turns: VecDeque<Turn>,
}

type Otherwise = Box<dyn Fn(&Call) -> Turn + Send + Sync>;

struct State {
    scripts: Mutex<Vec<Script>>,
    otherwise: Otherwise,
    calls: Mutex<Vec<Call>>,
    came: watch::Sender<usize>,
    running: AtomicUsize,
    most_at_once: AtomicUsize,
    /// Answers that were sent to their end, each with its count of tokens.
    finished: AtomicUsize,
}

/// The server. It stops, with all its connections, when dropped.
pub(crate) struct ScriptedModel {
    base_url: String,
    state: Arc<State>,
    server: JoinHandle<()>,
}

impl Drop for ScriptedModel {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl ScriptedModel {
    /// Starts on a free loopback port. A call without a script gets what `otherwise` says.
    pub(crate) async fn start(otherwise: impl Fn(&Call) -> Turn + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            scripts: Mutex::default(),
            otherwise: Box::new(otherwise),
            calls: Mutex::default(),
            came: watch::Sender::new(0),
            running: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
            finished: AtomicUsize::new(0),
        });
        let server = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self {
            base_url: format!("http://{address}/v1"),
            state,
            server,
        }
    }

    /// The base URL, as a configuration has it.
    pub(crate) fn base_url(&self) -> &str {
        &self.base_url
    }

    /// What the next calls whose prompt has `word` in it get, one each.
    pub(crate) fn script(&self, word: &str, turns: impl IntoIterator<Item = Turn>) {
        self.state.scripts.lock().unwrap().push(Script {
            word: word.to_owned(),
            turns: turns.into_iter().collect(),
        });
    }

    /// Every call so far.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.state.calls.lock().unwrap().clone()
    }

    /// How many calls there have been.
    pub(crate) fn calls_count(&self) -> usize {
        *self.state.came.borrow()
    }

    /// How many calls are being answered right now.
    pub(crate) fn running(&self) -> usize {
        self.state.running.load(Ordering::SeqCst)
    }

    /// The most calls that were being answered at a time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.state.most_at_once.load(Ordering::SeqCst)
    }

    /// How many answers were sent to their end.
    pub(crate) fn finished(&self) -> usize {
        self.state.finished.load(Ordering::SeqCst)
    }

    /// Returns once there have been `count` calls.
    pub(crate) async fn calls_reach(&self, count: usize) {
        let mut came = self.state.came.subscribe();
        let reached = within_reason(came.wait_for(|came| *came >= count));
        drop(reached.await.unwrap());
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        connections.spawn(serve(socket, Arc::clone(&state)));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut socket: TcpStream, state: Arc<State>) {
    let _ = socket.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Some(request) = read_request(&mut socket, &mut buffer).await {
        let turn = state.record(&request);
        let _running = Running::one(&state.running, &state.most_at_once);
        if play(&mut socket, turn, &state.finished).await.is_none() {
            return;
        }
    }
}

impl State {
    fn record(&self, request: &Request) -> Turn {
        let call = Call {
            body: serde_json::from_slice(&request.body).unwrap_or_default(),
            authorization: request
                .headers
                .get("authorization")
                .cloned()
                .unwrap_or_default(),
        };
        let mut scripts = self.scripts.lock().unwrap();
        let script = scripts
            .iter_mut()
            .find(|script| call.prompt().contains(&script.word) && !script.turns.is_empty());
        let turn = script.and_then(|script| script.turns.pop_front());
        let turn = turn.unwrap_or_else(|| (self.otherwise)(&call));
        let mut calls = self.calls.lock().unwrap();
        calls.push(call);
        self.came.send_replace(calls.len());
        turn
    }
}

/// Plays a turn. `None` when the connection is over.
async fn play(socket: &mut TcpStream, turn: Turn, finished: &AtomicUsize) -> Option<()> {
    let mut started = false;
    for step in turn {
        match step {
            Step::Refuse(status, body) => return refuse(socket, status, body).await,
            Step::Wait(gate) => gate.pass().await,
            Step::Pause(pause) => tokio::time::sleep(pause).await,
            Step::Cut => return None,
            Step::Say(text) => {
                start(socket, &mut started).await?;
                let delta = json!({ "choices": [{ "index": 0, "delta": { "content": text } }] });
                event(socket, &delta.to_string()).await?;
            }
            Step::Finish => {
                start(socket, &mut started).await?;
                // Counted before the last byte is out: whoever has that may look at the count.
                finished.fetch_add(1, Ordering::SeqCst);
                finish(socket).await?;
            }
        }
    }
    Some(())
}

async fn start(socket: &mut TcpStream, started: &mut bool) -> Option<()> {
    const HEAD: &[u8] =
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    if std::mem::replace(started, true) {
        return Some(());
    }
    socket.write_all(HEAD).await.ok()
}

async fn event(socket: &mut TcpStream, data: &str) -> Option<()> {
    let event = format!("data: {data}\n\n");
    let chunk = format!("{:x}\r\n{event}\r\n", event.len());
    socket.write_all(chunk.as_bytes()).await.ok()
}

async fn finish(socket: &mut TcpStream) -> Option<()> {
    let stop = json!({ "choices": [{ "index": 0, "delta": {}, "finish_reason": "stop" }] });
    event(socket, &stop.to_string()).await?;
    let usage = json!({
        "choices": [],
        "usage": { "prompt_tokens": PROMPT_TOKENS, "completion_tokens": COMPLETION_TOKENS },
    });
    event(socket, &usage.to_string()).await?;
    event(socket, "[DONE]").await?;
    socket.write_all(b"0\r\n\r\n").await.ok()
}

async fn refuse(socket: &mut TcpStream, status: u16, body: &str) -> Option<()> {
    let length = body.len();
    let whole = format!(
        "HTTP/1.1 {status} Refused\r\ncontent-type: application/json\r\n\
         content-length: {length}\r\n\r\n{body}"
    );
    socket.write_all(whole.as_bytes()).await.ok()
}
