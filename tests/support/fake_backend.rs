//! A tenant's API for tests: a raw HTTP/1.1 server on a loopback port that does what its script says,
//! checks every signature and keeps a ledger.
//!
//! It works on sockets, not on an HTTP library, so that it can misbehave at every byte. It drops
//! repeats by `webhook-id`, as `docs/callbacks.md` asks of a receiver, so its ledger has both sides:
//! every delivery, and the effects that were left after repeats were dropped. Nothing waits by
//! sleeping: [`FakeBackend::deliveries_reach`] and [`Gate`] wait for what happens.

#![allow(
    dead_code,
    reason = "each test binary that includes this file uses another part of it, some all of it, so \
              an expectation would fail"
)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a fake that cannot go on fails the test"
)]

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use punchcard::adapters::webhooks::SigningSecret;
use punchcard::adapters::webhooks::signature::{
    ID_HEADER, SIGNATURE_HEADER, SignedHeaders, TIMESTAMP_HEADER, verify,
};
use punchcard_events::Timestamp;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use url::Url;

/// The most bytes a request may have: head and body.
const MAX_REQUEST_BYTES: usize = 32 << 20;

/// What is done with one request, once it is in the ledger.
#[derive(Debug, Clone)]
pub(crate) enum Behaviour {
    /// Answer.
    Reply(Reply),
    /// Never answer; the connection stays open until the caller closes it.
    Stall,
    /// Answer 200 with a JSON body of this many bytes, announced or in chunks of unknown number.
    Huge { bytes: usize, announced: bool },
    /// Answer 200 and send the body one byte at a time, this far apart, for ever.
    Drip { pause: Duration },
    /// Reset the connection (RST) in place of an answer.
    Reset,
    /// Announce a longer body than is sent, and close.
    CutBody,
    /// Wait at the gate, then go on.
    Gated(Gate, Box<Behaviour>),
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Behaviour {
    /// Answers with a status and no body.
    pub(crate) fn status(status: u16) -> Self {
        Self::Reply(Reply {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        })
    }

    /// Answers with JSON.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::body(status, "application/json", &body.to_string())
    }

    /// Answers with a body of a media type.
    pub(crate) fn body(status: u16, media_type: &str, body: &str) -> Self {
        Self::Reply(Reply {
            status,
            headers: vec![("content-type".to_owned(), media_type.to_owned())],
            body: body.as_bytes().to_vec(),
        })
    }

    /// Answers with a redirect.
    pub(crate) fn redirect(status: u16, location: &Url) -> Self {
        Self::status(status).with_header("location", location.as_str())
    }

    /// The same answer with one more header.
    #[must_use]
    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Self::Reply(reply) = &mut self {
            reply.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Waits at `gate` first.
    #[must_use]
    pub(crate) fn behind(self, gate: &Gate) -> Self {
        Self::Gated(gate.clone(), Box::new(self))
    }

    /// Whether a backend that behaves so has done its work: it answers 2xx, or breaks while it would.
    fn has_effect(&self) -> bool {
        match self {
            Self::Reply(reply) => (200..300).contains(&reply.status),
            Self::Stall | Self::Huge { .. } | Self::Drip { .. } | Self::Reset | Self::CutBody => {
                true
            }
            Self::Gated(_, then) => then.has_effect(),
        }
    }
}

/// Holds requests back until a test lets them go.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    open: watch::Sender<bool>,
    waiting: watch::Sender<usize>,
}

impl Gate {
    /// A closed gate.
    pub(crate) fn closed() -> Self {
        Self {
            open: watch::Sender::new(false),
            waiting: watch::Sender::new(0),
        }
    }

    /// Lets through whoever waits and whoever comes.
    pub(crate) fn open(&self) {
        self.open.send_replace(true);
    }

    /// Returns once `count` requests have come to the gate.
    pub(crate) async fn reached_by(&self, count: usize) {
        let mut waiting = self.waiting.subscribe();
        drop(
            within_reason(waiting.wait_for(|reached| *reached >= count))
                .await
                .unwrap(),
        );
    }

    /// Waits until the gate is open.
    pub(crate) async fn pass(&self) {
        self.waiting.send_modify(|reached| *reached += 1);
        let _ = self.open.subscribe().wait_for(|open| *open).await;
    }
}

/// One request as received.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    /// Path and query.
    pub(crate) path: String,
    /// The headers by lower-case name.
    pub(crate) headers: BTreeMap<String, String>,
    /// The raw body.
    pub(crate) body: Vec<u8>,
    /// Whether the signature holds, or what is wrong.
    pub(crate) signature: Result<(), String>,
    /// Whether the same `webhook-id` has had its effect before.
    pub(crate) is_repeat: bool,
    /// Which connection it came on, from 1.
    pub(crate) connection: usize,
}

impl Delivery {
    /// A header, or "" where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The message's id.
    pub(crate) fn id(&self) -> &str {
        self.header(ID_HEADER)
    }

    /// The body as JSON; null where it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

#[derive(Default)]
struct Ledger {
    deliveries: Vec<Delivery>,
    effects: BTreeMap<String, Delivery>,
}

struct State {
    secrets: Vec<SigningSecret>,
    scripts: Mutex<HashMap<String, VecDeque<Behaviour>>>,
    otherwise: Mutex<HashMap<String, Behaviour>>,
    ledger: Mutex<Ledger>,
    delivered: watch::Sender<usize>,
    connections: AtomicUsize,
}

/// The server. It stops, with all its connections, when dropped.
pub(crate) struct FakeBackend {
    url: Url,
    state: Arc<State>,
    server: JoinHandle<()>,
}

impl Drop for FakeBackend {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl FakeBackend {
    /// Starts on a free loopback port. A delivery counts as signed if one of `secrets` signed it.
    pub(crate) async fn start(secrets: Vec<SigningSecret>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            secrets,
            scripts: Mutex::default(),
            otherwise: Mutex::default(),
            ledger: Mutex::default(),
            delivered: watch::Sender::new(0),
            connections: AtomicUsize::new(0),
        });
        let server = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self {
            url: format!("http://{address}").parse().unwrap(),
            state,
            server,
        }
    }

    /// The base URL.
    pub(crate) fn url(&self) -> Url {
        self.url.clone()
    }

    /// What the next requests to `path` get, one each. After them comes what [`Self::otherwise`]
    /// said, or 204.
    pub(crate) fn script(&self, path: &str, behaviours: impl IntoIterator<Item = Behaviour>) {
        let mut scripts = self.state.scripts.lock().unwrap();
        let script = scripts.entry(path.to_owned()).or_default();
        script.extend(behaviours);
    }

    /// What requests to `path` get when no script is left.
    pub(crate) fn otherwise(&self, path: &str, behaviour: Behaviour) {
        let mut otherwise = self.state.otherwise.lock().unwrap();
        otherwise.insert(path.to_owned(), behaviour);
    }

    /// Every delivery so far, in the order of arrival.
    pub(crate) fn deliveries(&self) -> Vec<Delivery> {
        self.state.ledger.lock().unwrap().deliveries.clone()
    }

    /// What is left once repeats are dropped: the first delivery of each `webhook-id` that was signed
    /// and accepted. An answer that broke half-way counts, as the work was done before it.
    pub(crate) fn effects(&self) -> BTreeMap<String, Delivery> {
        self.state.ledger.lock().unwrap().effects.clone()
    }

    /// Returns once there have been `count` deliveries.
    pub(crate) async fn deliveries_reach(&self, count: usize) {
        let mut delivered = self.state.delivered.subscribe();
        drop(
            within_reason(delivered.wait_for(|reached| *reached >= count))
                .await
                .unwrap(),
        );
    }

    /// How many connections were accepted.
    pub(crate) fn connections(&self) -> usize {
        self.state.connections.load(Ordering::SeqCst)
    }
}

/// A bound on a wait whose end the test knows to come: past it the test fails.
pub(crate) async fn within_reason<T>(wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .expect("what the test waits for did not happen within 30 s")
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((socket, _)) = listener.accept().await {
        let number = state.connections.fetch_add(1, Ordering::SeqCst) + 1;
        connections.spawn(serve(socket, number, Arc::clone(&state)));
        while connections.try_join_next().is_some() {}
    }
}

/// Requests of one connection, until either side ends it.
async fn serve(mut socket: TcpStream, number: usize, state: Arc<State>) {
    let _ = socket.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Some(request) = read_request(&mut socket, &mut buffer).await {
        let behaviour = state.record(request, number);
        if !behave(&mut socket, behaviour).await {
            return;
        }
    }
}

/// A request as read from a socket.
pub(crate) struct Request {
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// The next request; what follows it stays in `buffer`.
pub(crate) async fn read_request(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Request> {
    let head_end = loop {
        if let Some(end) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end;
        }
        // A TLS handshake: this server speaks none.
        if buffer.first() == Some(&0x16) {
            return None;
        }
        read_more(socket, buffer).await?;
    };
    let head = std::str::from_utf8(&buffer[..head_end]).ok()?;
    let mut lines = head.split("\r\n");
    let path = lines.next()?.split(' ').nth(1)?.to_owned();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length: usize = headers
        .get("content-length")
        .map_or(Ok(0), |text| text.parse())
        .ok()?;
    let end = (head_end + 4).checked_add(length)?;
    while buffer.len() < end {
        read_more(socket, buffer).await?;
    }
    let rest = buffer.split_off(end);
    let body = buffer.split_off(head_end + 4);
    *buffer = rest;
    Some(Request {
        path,
        headers,
        body,
    })
}

async fn read_more(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let within_cap = buffer.len() < MAX_REQUEST_BYTES;
    (within_cap && socket.read_buf(buffer).await.ok()? > 0).then_some(())
}

impl State {
    /// Puts a request into the ledger and takes what its path's script has next.
    fn record(&self, request: Request, connection: usize) -> Behaviour {
        let behaviour = self.next_behaviour(&request.path);
        let signature = self.check(&request);
        let mut ledger = self.ledger.lock().unwrap();
        let id = request.headers.get(ID_HEADER).cloned().unwrap_or_default();
        let delivery = Delivery {
            path: request.path,
            headers: request.headers,
            body: request.body,
            is_repeat: ledger.effects.contains_key(&id),
            signature,
            connection,
        };
        if delivery.signature.is_ok() && behaviour.has_effect() && !delivery.is_repeat {
            ledger.effects.insert(id, delivery.clone());
        }
        ledger.deliveries.push(delivery);
        self.delivered.send_replace(ledger.deliveries.len());
        behaviour
    }

    fn next_behaviour(&self, path: &str) -> Behaviour {
        let scripted = self
            .scripts
            .lock()
            .unwrap()
            .get_mut(path)
            .and_then(VecDeque::pop_front);
        scripted
            .or_else(|| self.otherwise.lock().unwrap().get(path).cloned())
            .unwrap_or_else(|| Behaviour::status(204))
    }

    /// The signature at the time it claims: how fresh it is says a test that owns the clock.
    fn check(&self, request: &Request) -> Result<(), String> {
        let header = |name: &str| {
            request
                .headers
                .get(name)
                .ok_or_else(|| format!("no {name}"))
        };
        let headers = SignedHeaders {
            id: header(ID_HEADER)?,
            timestamp: header(TIMESTAMP_HEADER)?,
            signature: header(SIGNATURE_HEADER)?,
        };
        let seconds: u64 = headers.timestamp.parse().map_err(|_| "bad timestamp")?;
        let at = Timestamp::from_millis(seconds.saturating_mul(1000));
        verify(&self.secrets, headers, &request.body, at, Duration::ZERO)
            .map_err(|error| error.to_string())
    }
}

/// Does what the script says. False when the connection is over.
async fn behave(socket: &mut TcpStream, mut behaviour: Behaviour) -> bool {
    while let Behaviour::Gated(gate, then) = behaviour {
        gate.pass().await;
        behaviour = *then;
    }
    match behaviour {
        Behaviour::Reply(reply) => write_reply(socket, &reply).await.is_ok(),
        Behaviour::Huge { bytes, announced } => write_huge(socket, bytes, announced).await.is_ok(),
        Behaviour::Drip { pause } => {
            let _ = drip(socket, pause).await;
            false
        }
        Behaviour::Reset => {
            let _ = socket.set_zero_linger();
            false
        }
        Behaviour::CutBody => {
            let _ = socket
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"input\"")
                .await;
            false
        }
        Behaviour::Stall => {
            // Reading is how the caller's end is noticed.
            let mut ignored = [0; 64];
            while socket.read(&mut ignored).await.is_ok_and(|read| read > 0) {}
            false
        }
        Behaviour::Gated(..) => unreachable!("gates were passed above"),
    }
}

async fn write_reply(socket: &mut TcpStream, reply: &Reply) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {} Scripted\r\n", reply.status);
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    // A 204 or 304 has no body and so no length (RFC 9110, section 8.6).
    if reply.status != 204 && reply.status != 304 {
        head.push_str(&format!("content-length: {}\r\n", reply.body.len()));
    }
    head.push_str("\r\n");
    let mut whole = head.into_bytes();
    whole.extend_from_slice(&reply.body);
    socket.write_all(&whole).await
}

async fn write_huge(socket: &mut TcpStream, bytes: usize, announced: bool) -> std::io::Result<()> {
    const CHUNK: usize = 16 << 10;
    let framing = if announced {
        format!("content-length: {bytes}")
    } else {
        "transfer-encoding: chunked".to_owned()
    };
    let head = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{framing}\r\n\r\n");
    socket.write_all(head.as_bytes()).await?;
    let mut left = bytes;
    while left > 0 {
        let size = left.min(CHUNK);
        let spaces = vec![b' '; size];
        if announced {
            socket.write_all(&spaces).await?;
        } else {
            socket.write_all(format!("{size:x}\r\n").as_bytes()).await?;
            socket.write_all(&spaces).await?;
            socket.write_all(b"\r\n").await?;
        }
        left -= size;
    }
    if !announced {
        socket.write_all(b"0\r\n\r\n").await?;
    }
    Ok(())
}

async fn drip(socket: &mut TcpStream, pause: Duration) -> std::io::Result<()> {
    socket
        .write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        .await?;
    loop {
        socket.write_all(b"1\r\n \r\n").await?;
        tokio::time::sleep(pause).await;
    }
}
