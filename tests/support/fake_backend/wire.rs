//! Bytes in and out: requests read, behaviours played.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::behaviour::{Behaviour, Reply};

/// The most bytes a request may have: head and body.
const MAX_REQUEST_BYTES: usize = 32 << 20;

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

/// A socket that a response goes out on. What is sent is counted.
pub(super) struct Wire<'a> {
    pub(super) socket: &'a mut TcpStream,
    pub(super) sent: &'a AtomicU64,
}

impl Wire<'_> {
    /// Does what the script says. False when the connection is over.
    pub(super) async fn behave(&mut self, mut behaviour: Behaviour) -> bool {
        while let Behaviour::Gated(gate, then) = behaviour {
            gate.pass().await;
            behaviour = *then;
        }
        match behaviour {
            Behaviour::Reply(reply) => self.reply(&reply).await.is_ok(),
            Behaviour::Huge {
                status,
                bytes,
                announced,
            } => self.huge(status, bytes, announced).await.is_ok(),
            Behaviour::Drip { pause } => {
                let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
                let _ = self.for_ever(head, b"1\r\n \r\n", Some(pause)).await;
                false
            }
            Behaviour::EndlessHead { piece, pause } => {
                let _ = self.for_ever(b"HTTP/1.1 200 OK\r\n", &piece, pause).await;
                false
            }
            Behaviour::Reset => {
                let _ = self.socket.set_zero_linger();
                false
            }
            Behaviour::CutBody => {
                let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"input\"";
                let _ = self.send(cut).await;
                false
            }
            Behaviour::Raw { bytes, keep } => self.send(&bytes).await.is_ok() && keep,
            Behaviour::Stall => {
                // Reading is how the caller's end is noticed.
                let mut ignored = [0; 64];
                while self.socket.read(&mut ignored).await.is_ok_and(|n| n > 0) {}
                false
            }
            Behaviour::Gated(..) => unreachable!("gates were passed above"),
        }
    }

    async fn send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.socket.write_all(bytes).await?;
        let count = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.sent.fetch_add(count, Ordering::SeqCst);
        Ok(())
    }

    async fn reply(&mut self, reply: &Reply) -> std::io::Result<()> {
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
        self.send(&whole).await
    }

    async fn huge(&mut self, status: u16, bytes: u64, announced: bool) -> std::io::Result<()> {
        const CHUNK: usize = 64 << 10;
        let framing = if announced {
            format!("content-length: {bytes}")
        } else {
            "transfer-encoding: chunked".to_owned()
        };
        let head = format!(
            "HTTP/1.1 {status} Huge\r\ncontent-type: application/json\r\n{framing}\r\n\r\n"
        );
        self.send(head.as_bytes()).await?;
        let spaces = vec![b' '; CHUNK];
        let mut left = bytes;
        while left > 0 {
            let size = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
            let piece = spaces.get(..size).unwrap_or(&spaces);
            if announced {
                self.send(piece).await?;
            } else {
                let chunk = [format!("{size:x}\r\n").as_bytes(), piece, b"\r\n"].concat();
                self.send(&chunk).await?;
            }
            left -= u64::try_from(size).unwrap_or(left);
        }
        if announced {
            Ok(())
        } else {
            self.send(b"0\r\n\r\n").await
        }
    }

    /// `head`, and then `piece` again and again until the caller leaves.
    async fn for_ever(
        &mut self,
        head: &[u8],
        piece: &[u8],
        pause: Option<Duration>,
    ) -> std::io::Result<()> {
        self.send(head).await?;
        loop {
            self.send(piece).await?;
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => tokio::task::yield_now().await,
            }
        }
    }
}
