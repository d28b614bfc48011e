//! The users: WebSocket sessions that read their frames and acknowledge their answers.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use futures_util::{SinkExt, StreamExt};
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use super::fakes::{FakeModel, MARKER_DIGITS};
use super::flight::Flight;
use super::issuers::{Orders, post};
use super::setup::ORIGIN;
use super::wire::Wire;

/// How long a session may take to open.
const OPEN_PATIENCE: Duration = Duration::from_secs(20);

/// How long a session rests before it repeats a refused acknowledgement.
const REST: Duration = Duration::from_millis(5);

/// The most latencies that are kept.
const MAX_SAMPLES: usize = 1_000_000;

type Socket = WebSocketStream<TcpStream>;

/// Open sessions, one for each user. They are closed when this is dropped.
pub(super) struct Sessions {
    tasks: JoinSet<anyhow::Result<()>>,
}

/// What the sessions do with what they are told.
#[derive(Clone, Default)]
pub(super) struct Watcher {
    /// Told of each delivered ticket.
    pub(super) flight: Option<Arc<Flight>>,
    /// Compared with the model's stamps at each first text.
    pub(super) latency: Option<Arc<Latency>>,
}

/// Latencies of first words, from the model's sending to the user's reading.
pub(super) struct Latency {
    model: FakeModel,
    samples: Mutex<Vec<Duration>>,
}

/// The parts of a server frame that matter here.
#[derive(Deserialize)]
struct Frame<'a> {
    r#type: &'a str,
    #[serde(default)]
    ticket: Option<&'a str>,
    #[serde(default)]
    state: Option<&'a str>,
    #[serde(default)]
    offset: Option<u64>,
}

#[derive(Deserialize)]
struct Token {
    token: String,
}

impl Sessions {
    /// Opens a session for each of `orders.users`, `at_once` at a time.
    pub(super) async fn open(
        orders: &Orders,
        at_once: usize,
        watcher: &Watcher,
    ) -> anyhow::Result<Self> {
        let mut opening = futures_util::stream::iter(0..orders.users)
            .map(|user| open(orders, user))
            .buffer_unordered(at_once);
        let mut tasks = JoinSet::new();
        while let Some(socket) = opening.next().await {
            tasks.spawn(attend(socket?, watcher.clone()));
        }
        Ok(Self { tasks })
    }

    /// How many are open.
    pub(super) fn count(&mut self) -> usize {
        while self.tasks.try_join_next().is_some() {}
        self.tasks.len()
    }
}

impl Latency {
    /// Latencies against the stamps of `model`.
    pub(super) fn of(model: FakeModel) -> Self {
        Self {
            model,
            samples: Mutex::default(),
        }
    }

    /// The model.
    pub(super) const fn model(&self) -> &FakeModel {
        &self.model
    }

    /// Forgets what was measured so far.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    /// What was measured, in milliseconds.
    pub(super) fn samples_ms(&self) -> Vec<f64> {
        let samples = self.lock();
        samples
            .iter()
            .map(|latency| latency.as_secs_f64() * 1e3)
            .collect()
    }

    /// Takes the time of a first text, which holds the number of its stamp.
    fn take(&self, text: &str) {
        let digits = text
            .split_once('#')
            .and_then(|(_, rest)| rest.get(..MARKER_DIGITS));
        let number = digits.and_then(|digits| digits.parse().ok());
        if let Some(latency) = number.and_then(|number| self.model.since_sent(number)) {
            let mut samples = self.lock();
            if samples.len() < MAX_SAMPLES {
                samples.push(latency);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Duration>> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn open(orders: &Orders, user: usize) -> anyhow::Result<Socket> {
    let opened = tokio::time::timeout(OPEN_PATIENCE, open_unhurried(orders, user)).await;
    opened.context("a session did not open in time")?
}

async fn open_unhurried(orders: &Orders, user: usize) -> anyhow::Result<Socket> {
    let token = token(orders, user).await?;
    let mut request = format!("ws://{}/v1/session", orders.addr).into_client_request()?;
    let headers = request.headers_mut();
    headers.insert("origin", HeaderValue::from_static(ORIGIN));
    headers.insert(
        "sec-websocket-protocol",
        HeaderValue::from_static("punchcard.v1"),
    );
    let stream = TcpStream::connect(orders.addr).await?;
    stream.set_nodelay(true)?;
    let (mut socket, _) = tokio_tungstenite::client_async(request, stream).await?;
    let hello = serde_json::json!({ "type": "hello", "token": token }).to_string();
    socket.send(Message::text(hello)).await?;
    match socket.next().await {
        Some(Ok(Message::Text(frame))) if is_welcome(&frame) => Ok(socket),
        other => bail!("no welcome but {other:?}"),
    }
}

fn is_welcome(frame: &str) -> bool {
    serde_json::from_str(frame).is_ok_and(|frame: Frame<'_>| frame.r#type == "welcome")
}

async fn token(orders: &Orders, user: usize) -> anyhow::Result<String> {
    let addr: SocketAddr = orders.addr;
    let body = serde_json::json!({ "user": Orders::user(user) }).to_string();
    let request = post(addr, &orders.key, "/v1/session-tokens", &body);
    let response = Wire::connect(addr).await?.ask(&request).await?;
    if response.status != 201 {
        let body = String::from_utf8_lossy(&response.body);
        bail!("no session token but {}: {body}", response.status);
    }
    let token: Token = serde_json::from_slice(&response.body)?;
    Ok(token.token)
}

fn acknowledgement(ticket: &str) -> Message {
    Message::text(format!(r#"{{"type":"ack","ticket":"{ticket}"}}"#))
}

/// Reads frames until the connection ends; an answer is acknowledged at once.
async fn attend(mut socket: Socket, watcher: Watcher) -> anyhow::Result<()> {
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else {
            continue;
        };
        let frame: Frame<'_> = serde_json::from_str(&text)?;
        match (frame.r#type, frame.ticket) {
            ("answer", Some(ticket)) => socket.send(acknowledgement(ticket)).await?,
            // The server does only so much for one session at a time.
            ("error", Some(ticket)) => {
                tokio::time::sleep(REST).await;
                socket.send(acknowledgement(ticket)).await?;
            }
            ("text", Some(_)) if frame.offset == Some(0) => {
                if let Some(latency) = &watcher.latency {
                    latency.take(&text);
                }
            }
            ("state", Some(_)) if frame.state == Some("delivered") => {
                if let Some(flight) = &watcher.flight {
                    flight.land();
                }
            }
            ("failed" | "cancelled", Some(_)) => {
                if let Some(flight) = &watcher.flight {
                    flight.fail();
                }
            }
            _ => {}
        }
    }
    Ok(())
}
