//! A strict client of the session protocol (`punchcard.v1`): it holds the server to the letter of
//! `docs/session-protocol.md` and fails the test at the first frame that breaks it.
//!
//! It shares no code with the program's own client, so that the two cannot agree on a mistake.

#![allow(
    dead_code,
    reason = "each test binary that includes this file uses another part of it"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How long a frame that a test knows to come may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// The order of the states; a client must never see one after a later one.
const ORDER: [&str; 8] = [
    "requested",
    "pre_processed",
    "sent",
    "answered",
    "persisted",
    "delivered",
    "failed",
    "cancelled",
];

/// What a client holds of one ticket.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Seen {
    /// The states told, in order.
    pub(crate) states: Vec<String>,
    /// The attempt whose text this is; 0 for none.
    pub(crate) generation: u64,
    /// That attempt's text so far.
    pub(crate) text: String,
    /// The generations that were announced to replace earlier text.
    pub(crate) restarts: Vec<u64>,
    /// The final answer.
    pub(crate) answer: Option<Value>,
    /// How often an answer came.
    pub(crate) answers: usize,
    /// The frame that ended it without an answer.
    pub(crate) ended: Option<Value>,
    /// The reasons for which text was lost.
    pub(crate) lost: Vec<String>,
}

/// Everything a client holds: what it brings along when it comes back.
pub(crate) type Memory = BTreeMap<String, Seen>;

/// A session of one user.
pub(crate) struct Session {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// What the server said first.
    pub(crate) welcome: Value,
    memory: Memory,
}

/// How the server closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Closed {
    pub(crate) code: u16,
    pub(crate) reason: String,
}

/// Why there is no next frame.
#[derive(Debug)]
pub(crate) enum Over {
    /// The server said goodbye.
    Closed(Closed),
    /// The connection broke.
    Broken(String),
}

/// Opens the socket only; nothing is said yet.
pub(crate) async fn open(
    base: &str,
    origin: Option<&str>,
) -> Result<WebSocketStream<MaybeTlsStream<TcpStream>>, tungstenite::Error> {
    let url = format!("{}/v1/session", base.replacen("http", "ws", 1));
    let mut request = url.into_client_request()?;
    let headers = request.headers_mut();
    headers.insert("sec-websocket-protocol", "punchcard.v1".parse().unwrap());
    if let Some(origin) = origin {
        headers.insert("origin", origin.parse().unwrap());
    }
    let (socket, response) = connect_async(request).await?;
    let chosen = response.headers().get("sec-websocket-protocol");
    assert_eq!(chosen.unwrap(), "punchcard.v1");
    Ok(socket)
}

impl Session {
    /// Opens a session with a single-use token, going on from what `memory` holds.
    pub(crate) async fn open(base: &str, origin: &str, token: &str, memory: Memory) -> Self {
        let opened = Self::try_open(base, origin, token, memory).await;
        opened.unwrap_or_else(|over| panic!("no session: {over:?}"))
    }

    /// The same, for a server that may go away.
    pub(crate) async fn try_open(
        base: &str,
        origin: &str,
        token: &str,
        memory: Memory,
    ) -> Result<Self, Over> {
        let broken = |error: tungstenite::Error| Over::Broken(error.to_string());
        let mut socket = open(base, Some(origin)).await.map_err(broken)?;
        let cursors: Vec<Value> = memory
            .iter()
            .filter(|(_, seen)| seen.generation > 0 && seen.answer.is_none() && seen.ended.is_none())
            .map(|(ticket, seen)| {
                json!({ "ticket": ticket, "generation": seen.generation, "offset": units(&seen.text) })
            })
            .collect();
        let mut hello = json!({ "type": "hello", "token": token });
        if !cursors.is_empty() {
            hello["cursors"] = json!(cursors);
        }
        let hello = Message::text(hello.to_string());
        socket.send(hello).await.map_err(broken)?;
        let mut session = Self {
            socket,
            welcome: Value::Null,
            memory,
        };
        session.welcome = session.frame().await?;
        assert_eq!(session.welcome["type"], "welcome");
        Ok(session)
    }

    /// The next frame, checked; the test fails if there is none.
    pub(crate) async fn next(&mut self) -> Value {
        let next = tokio::time::timeout(PATIENCE, self.try_next()).await;
        let next = next.unwrap_or_else(|_| panic!("no frame came: {:#?}", self.memory));
        next.unwrap_or_else(|over| panic!("the session ended: {over:?}"))
    }

    /// The next frame, checked, or how the session ended. Dropping the future loses nothing.
    pub(crate) async fn try_next(&mut self) -> Result<Value, Over> {
        let frame = self.frame().await?;
        self.take(&frame);
        Ok(frame)
    }

    /// The next frame of `ticket` with this type.
    pub(crate) async fn until(&mut self, ticket: &str, kind: &str) -> Value {
        loop {
            let frame = self.next().await;
            if frame["ticket"] == ticket && frame["type"] == kind {
                return frame;
            }
        }
    }

    /// Waits until the ticket is told to be in `state`.
    pub(crate) async fn until_state(&mut self, ticket: &str, state: &str) {
        while self.seen(ticket).states.last().map(String::as_str) != Some(state) {
            self.next().await;
        }
    }

    /// Waits until this much of the ticket's text is there.
    pub(crate) async fn until_text(&mut self, ticket: &str, text: &str) {
        while self.seen(ticket).text != text {
            self.next().await;
        }
    }

    /// Waits until the server closes; frames before that are taken in.
    pub(crate) async fn until_closed(&mut self) -> Closed {
        let closed = async {
            loop {
                match self.try_next().await {
                    Ok(_) => {}
                    Err(Over::Closed(closed)) => {
                        // Reading on sends the answer that the server waits for.
                        while self.socket.next().await.is_some_and(|frame| frame.is_ok()) {}
                        return closed;
                    }
                    Err(Over::Broken(how)) => panic!("broken in place of closed: {how}"),
                }
            }
        };
        tokio::time::timeout(PATIENCE, closed).await.unwrap()
    }

    /// Tells that the user has the answer.
    pub(crate) async fn ack(&mut self, ticket: &str) {
        self.say(&json!({ "type": "ack", "ticket": ticket })).await;
    }

    /// Asks to cancel a ticket.
    pub(crate) async fn cancel(&mut self, ticket: &str, mode: &str) {
        let cancel = json!({ "type": "cancel", "ticket": ticket, "mode": mode });
        self.say(&cancel).await;
    }

    /// Says anything.
    pub(crate) async fn say(&mut self, frame: &Value) {
        self.try_say(frame).await.unwrap();
    }

    /// Says something that need not be a frame.
    pub(crate) async fn say_text(&mut self, text: &str) {
        self.socket.send(Message::text(text)).await.unwrap();
    }

    /// The same as [`Self::say`], for a server that may go away.
    pub(crate) async fn try_say(&mut self, frame: &Value) -> Result<(), tungstenite::Error> {
        self.socket.send(Message::text(frame.to_string())).await
    }

    /// What came of a ticket so far.
    pub(crate) fn seen(&self, ticket: &str) -> Seen {
        self.memory.get(ticket).cloned().unwrap_or_default()
    }

    /// Cuts the connection without a goodbye, as a lost network does, and keeps what was seen.
    pub(crate) fn cut(self) -> Memory {
        self.memory
    }

    async fn frame(&mut self) -> Result<Value, Over> {
        loop {
            match self.socket.next().await {
                Some(Ok(Message::Text(text))) => {
                    let frame: Value = serde_json::from_str(&text).unwrap();
                    assert!(frame.is_object(), "a frame is a JSON object: {text}");
                    return Ok(frame);
                }
                Some(Ok(Message::Close(Some(close)))) => {
                    return Err(Over::Closed(Closed {
                        code: close.code.into(),
                        reason: close.reason.to_string(),
                    }));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(other)) => panic!("not a frame of the protocol: {other:?}"),
                Some(Err(error)) => return Err(Over::Broken(error.to_string())),
                None => return Err(Over::Broken("ended without a close frame".to_owned())),
            }
        }
    }

    fn take(&mut self, frame: &Value) {
        let Some(ticket) = frame["ticket"].as_str() else {
            return;
        };
        let seen = self.memory.entry(ticket.to_owned()).or_default();
        seen.take(frame);
    }
}

impl Seen {
    fn take(&mut self, frame: &Value) {
        let context = || format!("{frame} after {self:#?}");
        match frame["type"].as_str().unwrap() {
            "state" => {
                let state = frame["state"].as_str().unwrap();
                let last = self.states.last().map_or(0, |last| rank(last));
                assert!(rank(state) >= last, "a state went back: {}", context());
                self.states.push(state.to_owned());
            }
            "generation" => {
                let generation = frame["generation"].as_u64().unwrap();
                assert!(generation > self.generation, "{}", context());
                self.restart(generation);
                self.restarts.push(generation);
            }
            "text" => self.take_text(frame),
            "answer" => {
                let last = self.states.last().map(String::as_str);
                let is_final = matches!(last, Some("persisted" | "delivered"));
                assert!(is_final, "final before persisted: {}", context());
                self.answers += 1;
                self.answer = Some(frame["answer"].clone());
            }
            "failed" | "cancelled" => self.ended = Some(frame.clone()),
            // A refusal of something this client asked for; it changes nothing.
            "error" => {}
            "lost" => {
                self.lost.push(frame["reason"].as_str().unwrap().to_owned());
                self.restart(0);
            }
            other => panic!("an unknown frame about a ticket: {other}"),
        }
    }

    fn take_text(&mut self, frame: &Value) {
        let context = || format!("{frame} after {self:#?}");
        assert!(
            self.answer.is_none(),
            "text after the answer: {}",
            context()
        );
        let generation = frame["generation"].as_u64().unwrap();
        let offset = frame["offset"].as_u64().unwrap();
        assert!(
            self.generation == 0 || self.generation == generation,
            "a generation nobody announced: {}",
            context()
        );
        let held = units(&self.text);
        assert_eq!(offset, held, "a gap or a repeat: {}", context());
        self.generation = generation;
        self.text.push_str(frame["text"].as_str().unwrap());
    }

    fn restart(&mut self, generation: u64) {
        self.generation = generation;
        self.text.clear();
    }
}

fn rank(state: &str) -> usize {
    let rank = ORDER.iter().position(|known| *known == state);
    rank.unwrap_or_else(|| panic!("an unknown state: {state}"))
}

/// Offsets count UTF-16 code units, as a browser does.
fn units(text: &str) -> u64 {
    text.encode_utf16().count() as u64
}
