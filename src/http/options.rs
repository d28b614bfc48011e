//! The edge's limits. Every one has a default that suits one machine on the open internet.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

/// Limits of the HTTP server.
#[derive(Debug, Clone)]
pub struct Options {
    /// Worker threads; connections are spread over them.
    pub workers: NonZeroUsize,
    /// The most connections in all, spread evenly over the workers.
    pub max_connections: usize,
    /// The most bytes of a request's body.
    pub max_body_bytes: usize,
    /// The most bytes of a body that carries many texts: an import of prompts, or a test set.
    pub max_import_bytes: usize,
    /// The most bytes of bodies in memory at a time, all requests together. One tenant may have half.
    pub max_body_memory: usize,
    /// The most requests that wait for an outcome: of those with `Prefer: wait` more are answered at
    /// once, chat completions in one piece are refused. One
    /// tenant may have half.
    pub max_waiting: usize,
    /// How long a client may take to send a request's headers.
    pub header_timeout: Duration,
    /// How long a client may take to send a request's body.
    pub body_timeout: Duration,
    /// How long an idle connection is kept.
    pub keep_alive: Duration,
    /// The longest `Prefer: wait` that is honoured.
    pub max_wait: Duration,
    /// The longest that a chat completion is waited for: below the ten minutes after which the
    /// official clients of OpenAI's API give up by themselves.
    pub max_chat_wait: Duration,
    /// How long requests in flight may take to end at a graceful stop.
    pub shutdown_timeout: Duration,
    /// Where clients open sessions, such as `wss://tickets.example.com/v1/session`. Without one it is
    /// put together from the request's `Host`.
    pub session_url: Option<String>,
    /// Whether a tenant's own API may be on this host or a private network.
    pub calls_private_networks: bool,
    /// A folder with the console's files, for whoever changes them; without one they are those in the
    /// program.
    pub console_files: Option<PathBuf>,
    /// Event streams.
    pub stream: StreamOptions,
    /// Sessions.
    pub session: SessionOptions,
}

/// Limits of event streams (SSE).
#[derive(Debug, Clone)]
pub struct StreamOptions {
    /// How often a comment is sent while nothing happens. Must be well below the supervisor's
    /// silence deadline, which it keeps away.
    pub heartbeat: Duration,
    /// How long a peer may leave what it was sent unconfirmed before its connection is given up.
    pub patience: Duration,
}

/// Limits of sessions (WebSocket).
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// How long a client may take to say hello, and the server to look up what it is owed.
    pub hello_timeout: Duration,
    /// How often the server pings.
    pub heartbeat: Duration,
    /// How long a peer may leave what it was sent unconfirmed before its connection is given up. The
    /// supervisor's silence deadline is about what the client itself sends.
    pub heartbeat_timeout: Duration,
    /// The most bytes of a message, fragments together.
    pub max_message_bytes: usize,
    /// The most frames a client may send in a second, control frames included.
    pub max_frames_per_second: u32,
    /// The most open tickets of a welcome; older ones come when the user asks or they change.
    pub welcome_tickets: usize,
    /// The most resume cursors in a hello.
    pub max_cursors: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            max_connections: 25_000,
            max_body_bytes: 1024 * 1024,
            max_import_bytes: 8 * 1024 * 1024,
            max_body_memory: 64 * 1024 * 1024,
            max_waiting: 10_000,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(20),
            keep_alive: Duration::from_secs(75),
            max_wait: Duration::from_secs(60),
            max_chat_wait: Duration::from_secs(9 * 60),
            shutdown_timeout: Duration::from_secs(10),
            session_url: None,
            calls_private_networks: false,
            console_files: None,
            stream: StreamOptions::default(),
            session: SessionOptions::default(),
        }
    }
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_secs(25),
            patience: Duration::from_secs(60),
        }
    }
}

impl Default for SessionOptions {
    fn default() -> Self {
        Self {
            hello_timeout: Duration::from_secs(5),
            heartbeat: Duration::from_secs(25),
            heartbeat_timeout: Duration::from_secs(60),
            max_message_bytes: 64 * 1024,
            max_frames_per_second: 20,
            welcome_tickets: 1_000,
            max_cursors: 500,
        }
    }
}
