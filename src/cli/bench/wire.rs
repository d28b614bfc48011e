//! HTTP/1.1 over one kept-alive connection, with as little work as possible: what the load generator
//! and the fakes spend is taken from the program under test, which runs on the same cores.
//!
//! Not here: chunked bodies coming in, trailers, pipelining. No peer of the benchmark sends them.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const MAX_HEADERS: usize = 32;
const MAX_MESSAGE_BYTES: usize = 1 << 20;

/// One end of a connection.
pub(super) struct Wire {
    stream: TcpStream,
    buffer: BytesMut,
}

/// A request that came in.
pub(super) struct Request {
    /// Whether the path ends with `/pre`.
    pub(super) is_pre: bool,
    /// Its body.
    pub(super) body: Bytes,
}

/// A response that came in.
pub(super) struct Response {
    /// Its status code.
    pub(super) status: u16,
    /// Its body.
    pub(super) body: Bytes,
}

/// Where a message's parts are in the buffer.
struct Head<T> {
    what: T,
    bytes: usize,
    body_bytes: usize,
}

impl Wire {
    /// Connects to a server.
    pub(super) async fn connect(addr: SocketAddr) -> io::Result<Self> {
        Self::new(TcpStream::connect(addr).await?)
    }

    /// Takes over a connection.
    pub(super) fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: BytesMut::with_capacity(4096),
        })
    }

    /// Sends bytes as they are.
    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await
    }

    /// Sends a request and waits for its response.
    pub(super) async fn ask(&mut self, request: &[u8]) -> io::Result<Response> {
        self.send(request).await?;
        let (status, body) = self
            .message(response_head)
            .await?
            .ok_or_else(|| io::Error::from(ErrorKind::UnexpectedEof))?;
        Ok(Response { status, body })
    }

    /// The next request; `None` when the peer has closed.
    pub(super) async fn request(&mut self) -> io::Result<Option<Request>> {
        let message = self.message(request_head).await?;
        Ok(message.map(|(is_pre, body)| Request { is_pre, body }))
    }

    async fn message<T>(
        &mut self,
        head: impl Fn(&[u8]) -> io::Result<Option<Head<T>>>,
    ) -> io::Result<Option<(T, Bytes)>> {
        loop {
            if let Some(head) = head(&self.buffer)? {
                let whole = head.bytes + head.body_bytes;
                if self.buffer.len() >= whole {
                    let mut message = self.buffer.split_to(whole);
                    let body = message.split_off(head.bytes).freeze();
                    return Ok(Some((head.what, body)));
                }
            }
            if self.buffer.len() > MAX_MESSAGE_BYTES {
                return Err(invalid("a message is too large for the benchmark"));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }
}

fn request_head(bytes: &[u8]) -> io::Result<Option<Head<bool>>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let parsed = request.parse(bytes).map_err(invalid)?;
    let httparse::Status::Complete(length) = parsed else {
        return Ok(None);
    };
    Ok(Some(Head {
        what: request.path.is_some_and(|path| path.ends_with("/pre")),
        bytes: length,
        body_bytes: body_bytes(request.headers)?,
    }))
}

fn response_head(bytes: &[u8]) -> io::Result<Option<Head<u16>>> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let parsed = response.parse(bytes).map_err(invalid)?;
    let httparse::Status::Complete(length) = parsed else {
        return Ok(None);
    };
    Ok(Some(Head {
        what: response.code.unwrap_or(0),
        bytes: length,
        body_bytes: body_bytes(response.headers)?,
    }))
}

fn body_bytes(headers: &[httparse::Header<'_>]) -> io::Result<usize> {
    let value = |name: &str| {
        let header = headers.iter().find(|h| h.name.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(header.value).ok()
    };
    if value("transfer-encoding").is_some() {
        return Err(invalid("the benchmark does not read chunked bodies"));
    }
    let length = value("content-length").unwrap_or("0").parse();
    let length: usize = length.map_err(invalid)?;
    if length > MAX_MESSAGE_BYTES {
        return Err(invalid("a body is too large for the benchmark"));
    }
    Ok(length)
}

fn invalid(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, error)
}
