//! A model's server for tests of the adapter: raw HTTP/1.1 on a loopback port, so that it can
//! misbehave at every byte, with a ledger of what it received and what became of each answer.
//!
//! What a request gets is decided by its number. Nothing waits by sleeping: a [`Gate`] holds an
//! answer back until the test opens it, and the ledger's counts can be waited for. Only a drip
//! takes time on purpose.

#![allow(
    dead_code,
    reason = "each test binary that includes this file uses another part of it"
)]
#![expect(
    clippy::unwrap_used,
    reason = "a fake that cannot go on fails the test"
)]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// The most bytes a request may have: head and body.
const MAX_REQUEST_BYTES: usize = 8 << 20;

/// What one request gets.
#[derive(Debug, Clone)]
pub(crate) enum Behaviour {
    /// 200 with an event stream in chunks.
    Stream(Vec<Step>, Ending),
    /// A status with headers and a body of known length.
    Status(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// A status whose body is sent in chunks.
    ChunkedStatus(u16, Vec<(&'static str, String)>, Vec<Step>, Ending),
    /// These bytes in place of a response.
    Raw(Vec<u8>, Ending),
    /// These bytes, and then the second again and again, up to 10 GB.
    RawEndless(Vec<u8>, Vec<u8>),
    /// These bytes, and then the second one by one, this far apart, until the caller leaves.
    RawDrip(Vec<u8>, Vec<u8>, Duration),
}

/// One thing done within a body.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// Sends one chunk.
    Chunk(Vec<u8>),
    /// Waits until the test opens the gate.
    Wait(Gate),
    /// Sends these bytes again and again, one byte a chunk, this far apart, until the caller leaves.
    Drip(Vec<u8>, Duration),
    /// Sends these bytes again and again until the caller leaves, or 10 GB are sent.
    Endless(Vec<u8>),
}

/// What an endless answer comes to if nobody leaves it.
pub(crate) const TEN_GB: u64 = 10_000_000_000;

/// How a response ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// As HTTP asks for; the connection lives on.
    Clean,
    /// The connection is closed (FIN), whatever was promised.
    Fin,
    /// The connection is reset (RST).
    Reset,
    /// It does not end: nothing more is sent until the caller leaves.
    Stall,
}

impl Behaviour {
    /// Streams `bytes` in one chunk.
    pub(crate) fn bytes(bytes: impl AsRef<[u8]>, ending: Ending) -> Self {
        Self::Stream(vec![Step::chunk(bytes)], ending)
    }

    /// Streams the first bytes of `stream`, and ends there.
    pub(crate) fn cut_after(stream: &[u8], count: usize, ending: Ending) -> Self {
        Self::bytes(&stream[..count], ending)
    }

    /// Never answers.
    pub(crate) fn stall_before_headers() -> Self {
        Self::Raw(Vec::new(), Ending::Stall)
    }

    /// Streams `bytes` and falls silent.
    pub(crate) fn stall_after(bytes: impl AsRef<[u8]>) -> Self {
        Self::bytes(bytes, Ending::Stall)
    }

    /// Streams `bytes` again and again.
    pub(crate) fn endless(bytes: impl AsRef<[u8]>) -> Self {
        let bytes = bytes.as_ref().to_vec();
        Self::Stream(vec![Step::Endless(bytes)], Ending::Clean)
    }

    /// A status with JSON.
    pub(crate) fn status(code: u16, body: &str) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self::Status(code, headers, body.as_bytes().to_vec())
    }

    /// The same with one more header.
    #[must_use]
    pub(crate) fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Self::Status(_, headers, _) | Self::ChunkedStatus(_, headers, ..) = &mut self {
            headers.push((name, value.to_owned()));
        }
        self
    }
}

impl Step {
    /// Sends one chunk.
    pub(crate) fn chunk(bytes: impl AsRef<[u8]>) -> Self {
        Self::Chunk(bytes.as_ref().to_vec())
    }
}

/// Holds an answer back until a test lets it go.
#[derive(Debug, Clone)]
pub(crate) struct Gate(watch::Sender<bool>);

impl Gate {
    /// A closed gate.
    pub(crate) fn closed() -> Self {
        Self(watch::Sender::new(false))
    }

    /// Lets through whoever waits and whoever comes.
    pub(crate) fn open(&self) {
        self.0.send_replace(true);
    }

    async fn pass(&self) {
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}

/// One request as received.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    /// Method, target and version.
    pub(crate) line: String,
    /// The headers by lower-case name, in the order of arrival.
    pub(crate) headers: Vec<(String, String)>,
    /// The raw body.
    pub(crate) body: Vec<u8>,
    /// Which connection it came on, from 1.
    pub(crate) connection: usize,
}

impl Request {
    /// Every value of a header.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(own, _)| own == name);
        named.map(|(_, value)| value.as_str()).collect()
    }
}

/// What happened so far, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Connections that were accepted.
    pub(crate) connections: usize,
    /// Requests that were read.
    pub(crate) requests: usize,
    /// Responses that were played to their end, a cut or reset included.
    pub(crate) played: usize,
    /// Responses that the caller left before their end.
    pub(crate) abandoned: usize,
    /// Connections that are over.
    pub(crate) closed: usize,
    /// Bytes of endless answers that went out, as far as the system took them.
    pub(crate) flooded: u64,
}

type Script = Box<dyn Fn(usize, &Request) -> Behaviour + Send + Sync>;

struct State {
    script: Script,
    requests: Mutex<Vec<Request>>,
    counts: watch::Sender<Counts>,
}

/// The server. It stops, with all its connections, when dropped.
pub(crate) struct FakeModel {
    /// The base URL, as a configuration has it.
    pub(crate) base_url: String,
    state: Arc<State>,
    server: JoinHandle<()>,
}

impl Drop for FakeModel {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl FakeModel {
    /// Starts on a free loopback port. `script` says what each request gets, by its number from 0.
    pub(crate) async fn start(
        script: impl Fn(usize, &Request) -> Behaviour + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            script: Box::new(script),
            requests: Mutex::default(),
            counts: watch::Sender::default(),
        });
        let server = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self {
            base_url: format!("http://{address}/v1"),
            state,
            server,
        }
    }

    /// Starts with one behaviour for each request; one more request fails the test by a 599.
    pub(crate) async fn playing(behaviours: impl IntoIterator<Item = Behaviour>) -> Self {
        let behaviours: Vec<Behaviour> = behaviours.into_iter().collect();
        Self::start(move |number, _| {
            let unscripted = || Behaviour::status(599, "");
            behaviours.get(number).cloned().unwrap_or_else(unscripted)
        })
        .await
    }

    /// Every request so far.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }

    /// The counts as of now.
    pub(crate) fn counts(&self) -> Counts {
        *self.state.counts.borrow()
    }

    /// Returns once the counts are as asked for: past 10 s the test fails.
    pub(crate) async fn until(&self, reached: impl FnMut(&Counts) -> bool) {
        let mut counts = self.state.counts.subscribe();
        let wait = tokio::time::timeout(Duration::from_secs(10), counts.wait_for(reached));
        let reached = wait.await.is_ok();
        assert!(reached, "not within 10 s; at {:?}", self.counts());
    }
}

impl State {
    fn count(&self, change: impl FnOnce(&mut Counts)) {
        self.counts.send_modify(change);
    }

    /// Puts a request into the ledger and asks the script.
    fn record(&self, request: Request) -> Behaviour {
        let mut requests = self.requests.lock().unwrap();
        let behaviour = (self.script)(requests.len(), &request);
        requests.push(request);
        self.count(|counts| counts.requests += 1);
        behaviour
    }
}

async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    let mut number = 0;
    while let Ok((socket, _)) = listener.accept().await {
        number += 1;
        state.count(|counts| counts.connections += 1);
        let state = Arc::clone(&state);
        connections.spawn(async move {
            serve(socket, number, &state).await;
            state.count(|counts| counts.closed += 1);
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Requests of one connection, until either side ends it.
async fn serve(mut socket: TcpStream, connection: usize, state: &State) {
    let _ = socket.set_nodelay(true);
    let mut buffer = Vec::new();
    while let Some(request) = read_request(&mut socket, &mut buffer, connection).await {
        let ending = play(&mut socket, state.record(request), state).await;
        if ending == Some(Ending::Reset) {
            let _ = socket.set_zero_linger();
        }
        match ending {
            Some(Ending::Clean) => state.count(|counts| counts.played += 1),
            Some(Ending::Fin | Ending::Reset) => {
                drop(socket);
                return state.count(|counts| counts.played += 1);
            }
            Some(Ending::Stall) | None => return state.count(|counts| counts.abandoned += 1),
        }
    }
}

/// The next request; what follows it stays in `buffer`.
async fn read_request(
    socket: &mut TcpStream,
    buffer: &mut Vec<u8>,
    connection: usize,
) -> Option<Request> {
    let head_end = loop {
        if let Some(end) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end;
        }
        read_more(socket, buffer).await?;
    };
    let head = std::str::from_utf8(&buffer[..head_end]).ok()?;
    let mut lines = head.split("\r\n");
    let line = lines.next()?.to_owned();
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.map_or(Ok(0), |(_, text)| text.parse()).ok()?;
    let end = (head_end + 4).checked_add(length)?;
    while buffer.len() < end {
        read_more(socket, buffer).await?;
    }
    let rest = buffer.split_off(end);
    let body = buffer.split_off(head_end + 4);
    *buffer = rest;
    Some(Request {
        line,
        headers,
        body,
        connection,
    })
}

async fn read_more(socket: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let within_cap = buffer.len() < MAX_REQUEST_BYTES;
    (within_cap && socket.read_buf(buffer).await.ok()? > 0).then_some(())
}

/// Plays one response. `None` when the caller left before its end.
async fn play(socket: &mut TcpStream, behaviour: Behaviour, state: &State) -> Option<Ending> {
    let (steps, ending) = match behaviour {
        Behaviour::Stream(steps, ending) => {
            let event_stream = (
                "content-type",
                "text/event-stream; charset=utf-8".to_owned(),
            );
            write_head(socket, 200, &[event_stream], "transfer-encoding: chunked").await?;
            (steps, ending)
        }
        Behaviour::ChunkedStatus(status, headers, steps, ending) => {
            write_head(socket, status, &headers, "transfer-encoding: chunked").await?;
            (steps, ending)
        }
        Behaviour::Status(status, headers, body) => {
            let length = format!("content-length: {}", body.len());
            write_head(socket, status, &headers, &length).await?;
            socket.write_all(&body).await.ok()?;
            return Some(Ending::Clean);
        }
        Behaviour::Raw(bytes, ending) => {
            socket.write_all(&bytes).await.ok()?;
            return end(socket, ending, b"").await;
        }
        Behaviour::RawEndless(head, piece) => {
            socket.write_all(&head).await.ok()?;
            flood(socket, &piece, state).await?;
            return Some(Ending::Fin);
        }
        Behaviour::RawDrip(head, bytes, pause) => {
            socket.write_all(&head).await.ok()?;
            for byte in bytes.iter().cycle() {
                socket.write_all(&[*byte]).await.ok()?;
                tokio::time::sleep(pause).await;
            }
            return None;
        }
    };
    for step in steps {
        play_step(socket, step, state).await?;
    }
    end(socket, ending, b"0\r\n\r\n").await
}

async fn write_head(
    socket: &mut TcpStream,
    status: u16,
    headers: &[(&str, String)],
    framing: &str,
) -> Option<()> {
    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let head = format!("HTTP/1.1 {status} Scripted\r\n{headers}{framing}\r\n\r\n");
    socket.write_all(head.as_bytes()).await.ok()
}

async fn play_step(socket: &mut TcpStream, step: Step, state: &State) -> Option<()> {
    match step {
        Step::Chunk(bytes) => socket.write_all(&chunk(&bytes)).await.ok(),
        Step::Wait(gate) => tokio::select! {
            () = gate.pass() => Some(()),
            () = left(socket) => None,
        },
        Step::Endless(bytes) => flood(socket, &chunk(&bytes), state).await,
        Step::Drip(bytes, pause) => {
            for byte in bytes.iter().cycle() {
                socket.write_all(&chunk(&[*byte])).await.ok()?;
                tokio::time::sleep(pause).await;
            }
            Some(())
        }
    }
}

/// Sends `piece` up to 10 GB. `None` when the caller left before. Many are written at once, so that
/// what the caller reads is not bounded by how fast this can write.
async fn flood(socket: &mut TcpStream, piece: &[u8], state: &State) -> Option<()> {
    let block = piece.repeat((64 << 10) / piece.len().max(1) + 1);
    let size = u64::try_from(block.len()).unwrap();
    let mut sent = 0;
    while sent < TEN_GB {
        socket.write_all(&block).await.ok()?;
        sent += size;
        state.count(|counts| counts.flooded += size);
    }
    Some(())
}

/// A chunk of HTTP's chunked coding; nothing for no bytes, as an empty chunk would be the end.
fn chunk(bytes: &[u8]) -> Vec<u8> {
    if bytes.is_empty() {
        return Vec::new();
    }
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

async fn end(socket: &mut TcpStream, ending: Ending, clean: &[u8]) -> Option<Ending> {
    match ending {
        Ending::Clean => socket.write_all(clean).await.ok()?,
        Ending::Fin | Ending::Reset => {}
        Ending::Stall => left(socket).await,
    }
    Some(ending)
}

/// Returns when the caller has closed the connection.
async fn left(socket: &mut TcpStream) {
    let mut ignored = [0; 512];
    while matches!(socket.read(&mut ignored).await, Ok(1..)) {}
}
