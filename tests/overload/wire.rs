//! A lean HTTP/1.1 client over raw sockets: it costs little beside the server that it loads, and
//! reuses a connection only when the server keeps it.

use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The most bytes a response may have.
const MAX_RESPONSE: usize = 1 << 20;

/// Connections to one server.
pub(crate) struct Wire {
    address: SocketAddr,
    idle: Mutex<Vec<TcpStream>>,
    connections: AtomicUsize,
}

/// A response, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) kind: String,
    pub(crate) retry_after: Option<u64>,
    pub(crate) body: Value,
    /// Whether the server keeps the connection.
    pub(crate) kept: bool,
}

impl Wire {
    /// To the server at `base`, an `http://` URL.
    pub(crate) fn to(base: &str) -> Self {
        Self {
            address: base.trim_start_matches("http://").parse().unwrap(),
            idle: Mutex::default(),
            connections: AtomicUsize::new(0),
        }
    }

    /// How many connections were made so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// Sends a request and reads the response. A connection that turns out to be closed is replaced.
    pub(crate) async fn send(&self, head: &str, body: &str) -> Reply {
        let message = format!(
            "{head}\r\nhost: {}\r\ncontent-length: {}\r\n\r\n{body}",
            self.address,
            body.len()
        );
        loop {
            let idle = self.idle.lock().unwrap().pop();
            let is_new = idle.is_none();
            let mut socket = match idle {
                Some(socket) => socket,
                None => self.connect().await,
            };
            match exchange(&mut socket, message.as_bytes()).await {
                Some(reply) => {
                    if reply.kept {
                        self.idle.lock().unwrap().push(socket);
                    }
                    return reply;
                }
                None => assert!(!is_new, "a new connection was closed without an answer"),
            }
        }
    }

    async fn connect(&self) -> TcpStream {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let socket = TcpStream::connect(self.address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        socket
    }
}

async fn exchange(socket: &mut TcpStream, message: &[u8]) -> Option<Reply> {
    socket.write_all(message).await.ok()?;
    let mut buffer = Vec::with_capacity(2_048);
    loop {
        if socket.read_buf(&mut buffer).await.ok()? == 0 {
            return None;
        }
        assert!(buffer.len() <= MAX_RESPONSE, "an endless response");
        if let Some(reply) = parse(&buffer) {
            return Some(reply);
        }
    }
}

/// The response in `bytes`, if it is whole.
fn parse(bytes: &[u8]) -> Option<Reply> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(head) = response.parse(bytes).unwrap() else {
        return None;
    };
    let status = response.code.unwrap();
    let header = |name: &str| {
        let found = response
            .headers
            .iter()
            .find(|h| h.name.eq_ignore_ascii_case(name));
        found.map(|header| std::str::from_utf8(header.value).unwrap())
    };
    let length: usize = header("content-length").map_or(0, |length| length.parse().unwrap());
    let body = bytes.get(head..head + length)?;
    Some(Reply {
        status,
        kind: header("content-type").unwrap_or_default().to_owned(),
        retry_after: header("retry-after").map(|seconds| seconds.parse().unwrap()),
        body: serde_json::from_slice(body).unwrap_or_default(),
        kept: header("connection") != Some("close"),
    })
}
