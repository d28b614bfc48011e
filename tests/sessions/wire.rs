//! A WebSocket client that sends exactly the bytes it is told to, and reads only when asked.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

use crate::edge::{Edge, ORIGIN, PATIENCE};

/// Opcodes of RFC 6455, section 5.2.
pub(crate) const CONTINUATION: u8 = 0x0;
pub(crate) const TEXT: u8 = 0x1;
pub(crate) const BINARY: u8 = 0x2;
pub(crate) const CLOSE: u8 = 0x8;
pub(crate) const PING: u8 = 0x9;
pub(crate) const PONG: u8 = 0xA;
/// The bit of a message's last frame.
pub(crate) const FIN: u8 = 0x80;

/// The headers of a good upgrade, without the origin.
pub(crate) const UPGRADE: &str = "Host: edge\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
    Sec-WebSocket-Protocol: punchcard.v1\r\n";

/// One connection.
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
}

/// A frame as it came.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) first: u8,
    pub(crate) payload: Vec<u8>,
}

/// A connection whose own receive buffer is small, so that what it does not read stays at the server.
pub(crate) async fn connect(address: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket.set_recv_buffer_size(4_096).expect("a small buffer");
    socket.connect(address).await.expect("a connection")
}

/// Sends an upgrade with `headers` and reads the response's head.
pub(crate) async fn upgrade(address: SocketAddr, headers: &str) -> (String, Wire) {
    let mut stream = connect(address).await;
    let request = format!("GET /v1/session HTTP/1.1\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.expect("a head");
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(within(stream.read_u8()).await.expect("a head"));
    }
    let buffer = Vec::new();
    let head = String::from_utf8_lossy(&head).to_lowercase();
    (head, Wire { stream, buffer })
}

async fn within<T>(work: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(PATIENCE, work).await;
    done.expect("it comes in time")
}

/// A masked frame.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = head(first, payload.len() as u64, true);
    let mask = [1, 2, 3, 4];
    bytes.extend(mask);
    bytes.extend(payload.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
    bytes
}

/// The first bytes of a frame that says it is `length` bytes long.
#[expect(clippy::cast_possible_truncation, reason = "each arm knows its size")]
pub(crate) fn head(first: u8, length: u64, masked: bool) -> Vec<u8> {
    let mask = if masked { 0x80 } else { 0 };
    let mut bytes = vec![first];
    match length {
        0..=125 => bytes.push(mask | length as u8),
        126..=0xFFFF => {
            bytes.push(mask | 126);
            bytes.extend((length as u16).to_be_bytes());
        }
        _ => {
            bytes.push(mask | 127);
            bytes.extend(length.to_be_bytes());
        }
    }
    bytes
}

impl Wire {
    /// A connection from the listed origin, upgraded; nothing is said yet.
    pub(crate) async fn open(address: SocketAddr) -> Self {
        Self::open_from(address, ORIGIN).await
    }

    /// The same from any origin.
    pub(crate) async fn open_from(address: SocketAddr, origin: &str) -> Self {
        let (head, wire) = upgrade(address, &format!("Origin: {origin}\r\n{UPGRADE}")).await;
        assert!(head.starts_with("http/1.1 101"), "{head}");
        wire
    }

    /// A session of `user` that has heard its welcome.
    pub(crate) async fn session(edge: &Edge, user: &str) -> Self {
        let mut wire = Self::greeted(edge.address, &edge.token(user).await, json!([])).await;
        assert_eq!(wire.hear().await["type"], "welcome");
        wire
    }

    /// A session that has said hello and read nothing.
    pub(crate) async fn greeted(address: SocketAddr, token: &str, cursors: Value) -> Self {
        let mut wire = Self::open(address).await;
        wire.say(&json!({"type": "hello", "token": token, "cursors": cursors}))
            .await;
        wire
    }

    /// Sends these bytes; a server that has closed is no reason to stop.
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        self.send(&frame(FIN | TEXT, message.to_string().as_bytes()))
            .await;
    }

    /// The next frame; `None` at the end of the connection.
    pub(crate) async fn frame(&mut self) -> Option<Frame> {
        loop {
            if let Some((frame, length)) = parse(&self.buffer) {
                self.buffer.drain(..length);
                return Some(frame);
            }
            let read = within(self.stream.read_buf(&mut self.buffer)).await;
            if !read.is_ok_and(|n| n > 0) {
                return None;
            }
        }
    }

    /// The next text frame, read as JSON.
    pub(crate) async fn hear(&mut self) -> Value {
        loop {
            let frame = self.frame().await.expect("an open connection");
            match frame.first {
                0x81 => return serde_json::from_slice(&frame.payload).expect("JSON"),
                0x89 | 0x8A => {}
                other => panic!("{other:#x} in place of a text frame: {frame:?}"),
            }
        }
    }

    /// The next text frame of this type.
    pub(crate) async fn hear_type(&mut self, kind: &str) -> Value {
        loop {
            let heard = self.hear().await;
            if heard["type"] == kind {
                return heard;
            }
        }
    }

    /// The code and reason the server closes with, whatever it says before.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        loop {
            let frame = self.frame().await.expect("a close frame");
            if frame.first == FIN | CLOSE {
                let code = [frame.payload[0], frame.payload[1]];
                let reason = String::from_utf8_lossy(&frame.payload[2..]).into_owned();
                return (u16::from_be_bytes(code), reason);
            }
        }
    }

    /// Reads to the end of the connection, and says how much that was. The end must come in time.
    pub(crate) async fn ended_within(&mut self, time: Duration) -> usize {
        let mut rest = std::mem::take(&mut self.buffer);
        let end = self.stream.read_to_end(&mut rest);
        // A reset is an end too.
        let _ = tokio::time::timeout(time, end).await.expect("it ends");
        rest.len()
    }
}

fn parse(buffer: &[u8]) -> Option<(Frame, usize)> {
    let (&first, &length) = (buffer.first()?, buffer.get(1)?);
    let wide = |from: usize, to: usize| {
        let bytes = buffer.get(from..to)?.iter();
        Some(bytes.fold(0_usize, |all, byte| all << 8 | usize::from(*byte)))
    };
    let (start, length) = match length {
        126 => (4, wide(2, 4)?),
        127 => (10, wide(2, 10)?),
        short => (2, usize::from(short)),
    };
    let payload = buffer.get(start..start + length)?.to_vec();
    Some((Frame { first, payload }, start + length))
}
