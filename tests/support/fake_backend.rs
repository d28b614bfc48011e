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

#[path = "fake_backend/behaviour.rs"]
mod behaviour;
#[path = "fake_backend/wire.rs"]
mod wire;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use punchcard::adapters::webhooks::SigningSecret;
use punchcard::adapters::webhooks::signature::{
    ID_HEADER, SIGNATURE_HEADER, SignedHeaders, TIMESTAMP_HEADER, verify,
};
use punchcard_events::Timestamp;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use url::Url;

pub(crate) use behaviour::{Behaviour, Gate};
use wire::Wire;
pub(crate) use wire::{Request, read_request};

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
    /// Its place among all deliveries, from 0.
    pub(crate) place: usize,
    /// When it was read whole.
    pub(crate) at: std::time::Instant,
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
    sent: AtomicU64,
    running: AtomicUsize,
    most_at_once: AtomicUsize,
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
            sent: AtomicU64::new(0),
            running: AtomicUsize::new(0),
            most_at_once: AtomicUsize::new(0),
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

    /// How many bytes went out, as far as the system took them.
    pub(crate) fn sent(&self) -> u64 {
        self.state.sent.load(Ordering::SeqCst)
    }

    /// The most requests that were being answered at a time.
    pub(crate) fn most_at_once(&self) -> usize {
        self.state.most_at_once.load(Ordering::SeqCst)
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

/// Counts a request while it is answered, however the answer ends.
pub(crate) struct Running<'a>(&'a AtomicUsize);

impl<'a> Running<'a> {
    pub(crate) fn one(count: &'a AtomicUsize, most: &AtomicUsize) -> Self {
        let running = count.fetch_add(1, Ordering::SeqCst) + 1;
        most.fetch_max(running, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Requests of one connection, until either side ends it.
async fn serve(mut socket: TcpStream, number: usize, state: Arc<State>) {
    let _ = socket.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Some(request) = read_request(&mut socket, &mut buffer).await {
        let behaviour = state.record(request, number);
        let _running = Running::one(&state.running, &state.most_at_once);
        let mut wire = Wire {
            socket: &mut socket,
            sent: &state.sent,
        };
        if !wire.behave(behaviour).await {
            return;
        }
    }
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
            place: ledger.deliveries.len(),
            at: std::time::Instant::now(),
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
