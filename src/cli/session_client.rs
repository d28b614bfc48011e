//! A client of the session protocol (`punchcard.v1`, see `docs/session-protocol.md`): what a user's
//! browser does, for the demo, the benchmark and the tests.
//!
//! It keeps a [`Transcript`] of every ticket, so it can come back after a cut and go on where its
//! texts ended. Not here: fetching session tokens (the issuer's backend does that), and TLS.

mod frame;
#[cfg(test)]
mod tests;
mod transcript;

pub use frame::{OpenTicket, ServerFrame, Welcome};
pub use transcript::{OutOfOrder, Transcript};

use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use frame::ClientFrame;
use futures_util::{SinkExt as _, Stream, StreamExt as _};
use punchcard_actors::feed::Cursor;
use punchcard_events::TicketId;
use punchcard_events::ticket::CancelMode;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::{ORIGIN, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};
use url::Url;

/// The subprotocol that is spoken.
const SUBPROTOCOL: &str = "punchcard.v1";
/// The largest message that is taken: a whole answer in one frame, with room.
const MAX_MESSAGE_BYTES: usize = 16 << 20;
/// How long connecting and the welcome may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the server may take to answer our goodbye.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// A session of one user. As a [`Stream`] it gives the server's frames; it ends when the server
/// closes.
pub struct SessionClient {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    endpoint: Endpoint,
    transcripts: BTreeMap<TicketId, Transcript>,
    closed: Option<Closed>,
}

#[derive(Debug, Clone)]
struct Endpoint {
    url: Url,
    origin: String,
}

/// How a server closed a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The close code.
    pub code: u16,
    /// Its words.
    pub reason: String,
}

/// Why a session does not stand, or stands no longer.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// The connection could not be made, or broke.
    #[error("the session's connection failed: {0}")]
    Connection(#[source] Box<tungstenite::Error>),
    /// The server did not answer in time.
    #[error("the server did not welcome the session within {} s", CONNECT_TIMEOUT.as_secs())]
    Timeout,
    /// The address, origin or token cannot be sent.
    #[error("{0} is not something a request can carry")]
    Unsendable(&'static str),
    /// The server closed before its welcome.
    #[error("the server refused the session: {} {}", .0.code, .0.reason)]
    Refused(Closed),
    /// The server broke the protocol.
    #[error("the server broke the session protocol: {0}")]
    Protocol(String),
}

impl From<tungstenite::Error> for SessionError {
    fn from(error: tungstenite::Error) -> Self {
        Self::Connection(Box::new(error))
    }
}

impl From<OutOfOrder> for SessionError {
    fn from(error: OutOfOrder) -> Self {
        Self::Protocol(error.to_string())
    }
}

impl SessionClient {
    /// Connects to `url` (`ws://…/v1/session`) as a page of `origin` would, and says hello with the
    /// single-use `token`, going on from `cursors`.
    ///
    /// # Errors
    /// When the server cannot be reached, refuses, or does not answer in time.
    pub async fn connect(
        url: &Url,
        token: &str,
        origin: &str,
        cursors: &[Cursor],
    ) -> Result<(Self, Welcome), SessionError> {
        let endpoint = Endpoint {
            url: url.clone(),
            origin: origin.to_owned(),
        };
        let (socket, welcome) = endpoint.open(token, cursors).await?;
        let client = Self {
            socket,
            endpoint,
            transcripts: cursors
                .iter()
                .map(|cursor| (cursor.ticket, Transcript::resumed(cursor)))
                .collect(),
            closed: None,
        };
        Ok((client, welcome))
    }

    /// Connects again, with a fresh `token`, and goes on where every text ended.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn reconnect(&mut self, token: &str) -> Result<Welcome, SessionError> {
        let cursors = self.cursors();
        let (socket, welcome) = self.endpoint.open(token, &cursors).await?;
        self.socket = socket;
        self.closed = None;
        Ok(welcome)
    }

    /// The next frame; `None` once the server has closed. Dropping the future loses nothing.
    ///
    /// # Errors
    /// When the connection broke, or the server broke the protocol.
    pub async fn frame(&mut self) -> Result<Option<ServerFrame>, SessionError> {
        self.next().await.transpose()
    }

    /// Tells the server that the user has `ticket`'s answer.
    ///
    /// # Errors
    /// When the connection broke.
    pub async fn ack(&mut self, ticket: TicketId) -> Result<(), SessionError> {
        self.say(&ClientFrame::Ack { ticket }).await
    }

    /// Asks to cancel `ticket`.
    ///
    /// # Errors
    /// When the connection broke.
    pub async fn cancel(&mut self, ticket: TicketId, mode: CancelMode) -> Result<(), SessionError> {
        self.say(&ClientFrame::Cancel { ticket, mode }).await
    }

    /// Asks for a pong.
    ///
    /// # Errors
    /// When the connection broke.
    pub async fn ping(&mut self, nonce: Option<&str>) -> Result<(), SessionError> {
        self.say(&ClientFrame::Ping { nonce }).await
    }

    /// Says goodbye, and waits for a short while until the server has heard it.
    pub async fn close(mut self) {
        let goodbye = async {
            self.socket.close(None).await?;
            while self.socket.next().await.transpose()?.is_some() {}
            Ok::<_, tungstenite::Error>(())
        };
        // Whether the server heard it changes nothing: the session ends with the connection.
        let _ = tokio::time::timeout(CLOSE_TIMEOUT, goodbye).await;
    }

    /// What was seen of `ticket`.
    pub fn transcript(&self, ticket: TicketId) -> Option<&Transcript> {
        self.transcripts.get(&ticket)
    }

    /// Where each text that has not ended stands.
    pub fn cursors(&self) -> Vec<Cursor> {
        let transcripts = self.transcripts.iter();
        transcripts
            .filter_map(|(ticket, seen)| seen.cursor(*ticket))
            .collect()
    }

    /// How the server closed, once it has.
    pub const fn closed(&self) -> Option<&Closed> {
        self.closed.as_ref()
    }

    async fn say(&mut self, frame: &ClientFrame<'_>) -> Result<(), SessionError> {
        Ok(self.socket.send(written(frame)?).await?)
    }

    /// Reads a message: a frame, or nothing of interest.
    fn read(&mut self, message: Message) -> Result<Option<ServerFrame>, SessionError> {
        match message {
            Message::Text(text) => {
                let frame = decode(&text)?;
                if let Some(ticket) = frame.ticket() {
                    self.transcripts.entry(ticket).or_default().take(&frame)?;
                }
                Ok(Some(frame))
            }
            Message::Binary(_) => Err(SessionError::Protocol("a binary frame came".to_owned())),
            Message::Close(frame) => {
                self.closed = frame.map(Closed::from);
                Ok(None)
            }
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(None),
        }
    }
}

impl Stream for SessionClient {
    type Item = Result<ServerFrame, SessionError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let message = match ready!(self.socket.poll_next_unpin(cx)) {
                Some(Ok(message)) => message,
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => return Poll::Ready(None),
            };
            if let Some(frame) = self.read(message).transpose() {
                return Poll::Ready(Some(frame));
            }
        }
    }
}

impl Endpoint {
    async fn open(
        &self,
        token: &str,
        cursors: &[Cursor],
    ) -> Result<(WebSocketStream<MaybeTlsStream<TcpStream>>, Welcome), SessionError> {
        let opening = self.open_unhurried(token, cursors);
        // Boxed: the handshake's future is large, and sessions are opened by the thousand.
        match tokio::time::timeout(CONNECT_TIMEOUT, Box::pin(opening)).await {
            Ok(opened) => opened,
            Err(_) => Err(SessionError::Timeout),
        }
    }

    async fn open_unhurried(
        &self,
        token: &str,
        cursors: &[Cursor],
    ) -> Result<(WebSocketStream<MaybeTlsStream<TcpStream>>, Welcome), SessionError> {
        let mut request = self.url.as_str().into_client_request()?;
        let headers = request.headers_mut();
        let origin = HeaderValue::from_str(&self.origin);
        headers.insert(
            ORIGIN,
            origin.map_err(|_| SessionError::Unsendable("the origin"))?,
        );
        headers.insert(
            SEC_WEBSOCKET_PROTOCOL,
            HeaderValue::from_static(SUBPROTOCOL),
        );
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE_BYTES))
            .max_frame_size(Some(MAX_MESSAGE_BYTES));
        // No Nagle: an acknowledgement is one small frame that somebody waits for.
        let connect = tokio_tungstenite::connect_async_with_config(request, Some(config), true);
        let (mut socket, _) = connect.await?;
        socket
            .send(written(&ClientFrame::Hello { token, cursors })?)
            .await?;
        loop {
            match socket.next().await.transpose()? {
                Some(Message::Text(text)) => match decode(&text)? {
                    ServerFrame::Welcome(welcome) => return Ok((socket, welcome)),
                    ServerFrame::Error { code, detail } => {
                        return Err(SessionError::Protocol(format!("{code}: {detail}")));
                    }
                    other => {
                        let what = format!("{other:?} came before the welcome");
                        return Err(SessionError::Protocol(what));
                    }
                },
                Some(Message::Close(Some(frame))) => {
                    return Err(SessionError::Refused(frame.into()));
                }
                Some(Message::Close(None)) | None => {
                    return Err(SessionError::Protocol(
                        "closed without a welcome".to_owned(),
                    ));
                }
                Some(_) => {}
            }
        }
    }
}

impl From<CloseFrame> for Closed {
    fn from(frame: CloseFrame) -> Self {
        Self {
            code: frame.code.into(),
            reason: frame.reason.to_string(),
        }
    }
}

fn written(frame: &ClientFrame<'_>) -> Result<Message, SessionError> {
    let text = serde_json::to_string(frame).map_err(|_| SessionError::Unsendable("the frame"))?;
    Ok(Message::text(text))
}

fn decode(text: &str) -> Result<ServerFrame, SessionError> {
    serde_json::from_str(text).map_err(|error| SessionError::Protocol(error.to_string()))
}
