//! The client against a scripted server on loopback.

use futures_util::{SinkExt as _, StreamExt as _};
use punchcard_actors::feed::Cursor;
use punchcard_events::TicketId;
use punchcard_events::ticket::CancelMode;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use tokio_tungstenite::tungstenite::http::HeaderMap;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async};
use url::Url;

use super::{ServerFrame, SessionClient, SessionError};

const ORIGIN: &str = "https://app.example.com";

fn ticket() -> TicketId {
    "0192c0de-0000-7000-8000-000000000001".parse().unwrap()
}

struct Server {
    listener: TcpListener,
    url: Url,
}

/// The server's side of one session.
struct Peer {
    socket: WebSocketStream<TcpStream>,
    headers: HeaderMap,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let url = format!("ws://{addr}/v1/session").parse().unwrap();
        Self { listener, url }
    }

    async fn accept(&self) -> Peer {
        let (stream, _) = self.listener.accept().await.unwrap();
        let mut headers = HeaderMap::new();
        #[expect(clippy::result_large_err, reason = "tungstenite asks for this type")]
        let callback = |request: &Request, mut response: Response| {
            headers = request.headers().clone();
            let protocol = request.headers()["sec-websocket-protocol"].clone();
            response
                .headers_mut()
                .insert("sec-websocket-protocol", protocol);
            Ok(response)
        };
        let socket = accept_hdr_async(stream, callback).await.unwrap();
        Peer { socket, headers }
    }
}

impl Peer {
    async fn hear(&mut self) -> Value {
        let message = self.socket.next().await.unwrap().unwrap();
        serde_json::from_str(message.to_text().unwrap()).unwrap()
    }

    async fn say(&mut self, frame: Value) {
        let message = Message::text(frame.to_string());
        self.socket.send(message).await.unwrap();
    }

    async fn welcome(&mut self) -> Value {
        let hello = self.hear().await;
        self.say(json!({
            "type": "welcome", "session": "s1", "user": "u1", "heartbeat_ms": 25000,
            "tickets": [{"ticket": ticket(), "task": "explanation", "state": "sent",
                "attempt": 1, "requested_at": "2026-11-23T10:44:30.000Z", "metadata": {}}],
        }))
        .await;
        hello
    }

    async fn text(&mut self, offset: u64, text: &str) {
        let frame = json!({"type": "text", "ticket": ticket(), "generation": 1,
            "offset": offset, "text": text});
        self.say(frame).await;
    }

    async fn close(mut self, code: u16, reason: &'static str) {
        let code = code.into();
        let reason = reason.into();
        self.socket
            .close(Some(CloseFrame { code, reason }))
            .await
            .unwrap();
        while let Some(Ok(_)) = self.socket.next().await {}
    }
}

fn on_runtime(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.unwrap().block_on(test);
}

async fn connected(server: &Server, cursors: &[Cursor]) -> (SessionClient, Peer, Value) {
    let connect = SessionClient::connect(&server.url, "token-1", ORIGIN, cursors);
    let accept = async {
        let mut peer = server.accept().await;
        let hello = peer.welcome().await;
        (peer, hello)
    };
    let (connected, (peer, hello)) = tokio::join!(connect, accept);
    let (client, welcome) = connected.unwrap();
    assert_eq!(welcome.tickets[0].ticket, ticket());
    (client, peer, hello)
}

#[test]
fn a_session_says_hello_with_its_token_origin_and_cursors() {
    on_runtime(async {
        let server = Server::start().await;
        let cursor = Cursor {
            ticket: ticket(),
            generation: 2,
            offset: 7,
        };
        let (client, peer, hello) = connected(&server, &[cursor]).await;
        let wanted = json!({"type": "hello", "token": "token-1",
            "cursors": [{"ticket": ticket(), "generation": 2, "offset": 7}]});
        assert_eq!(hello, wanted);
        assert_eq!(peer.headers["origin"], ORIGIN);
        assert_eq!(peer.headers["sec-websocket-protocol"], "punchcard.v1");
        drop((client, peer));
    });
}

#[test]
fn what_a_client_says_is_what_the_protocol_names() {
    on_runtime(async {
        let server = Server::start().await;
        let (mut client, mut peer, _) = connected(&server, &[]).await;
        client.ack(ticket()).await.unwrap();
        client.cancel(ticket(), CancelMode::Stop).await.unwrap();
        client.ping(Some("n")).await.unwrap();
        assert_eq!(
            peer.hear().await,
            json!({"type": "ack", "ticket": ticket()})
        );
        let cancel = json!({"type": "cancel", "ticket": ticket(), "mode": "stop"});
        assert_eq!(peer.hear().await, cancel);
        assert_eq!(peer.hear().await, json!({"type": "ping", "nonce": "n"}));
    });
}

#[test]
fn a_cut_session_comes_back_with_the_cursor_where_its_text_ended() {
    on_runtime(async {
        let server = Server::start().await;
        let (mut client, mut peer, _) = connected(&server, &[]).await;
        peer.text(0, "한🙂").await;
        assert!(matches!(
            client.frame().await,
            Ok(Some(ServerFrame::Text { .. }))
        ));
        drop(peer);
        // A connection that is cut without a goodbye is an error or an end, never a frame.
        assert!(!matches!(client.frame().await, Ok(Some(_))));
        let accept = async {
            let mut peer = server.accept().await;
            let hello = peer.welcome().await;
            peer.text(3, "!").await;
            (peer, hello)
        };
        let (again, (_peer, hello)) = tokio::join!(client.reconnect("token-2"), accept);
        again.unwrap();
        assert_eq!(hello["token"], "token-2");
        assert_eq!(hello["cursors"][0]["offset"], 3);
        assert!(matches!(
            client.frame().await,
            Ok(Some(ServerFrame::Text { .. }))
        ));
        assert_eq!(client.transcript(ticket()).unwrap().text, "한🙂!");
    });
}

#[test]
fn text_from_a_resumed_cursor_goes_on_after_what_the_client_holds() {
    on_runtime(async {
        let server = Server::start().await;
        let cursor = Cursor {
            ticket: ticket(),
            generation: 1,
            offset: 3,
        };
        let (mut client, mut peer, _) = connected(&server, &[cursor]).await;
        peer.text(3, "!").await;
        assert!(matches!(
            client.frame().await,
            Ok(Some(ServerFrame::Text { .. }))
        ));
        assert_eq!(client.cursors()[0].offset, 4);
        peer.text(9, "?").await;
        let broken = client.frame().await;
        assert!(
            matches!(broken, Err(SessionError::Protocol(_))),
            "{broken:?}"
        );
    });
}

#[test]
fn a_refusal_and_a_goodbye_keep_the_close_code() {
    on_runtime(async {
        let server = Server::start().await;
        let refused = SessionClient::connect(&server.url, "spent", ORIGIN, &[]);
        let refuse = async {
            let mut peer = server.accept().await;
            peer.hear().await;
            peer.close(4401, "the token was used already").await;
        };
        let (refused, ()) = tokio::join!(refused, refuse);
        let Err(SessionError::Refused(closed)) = refused.map(|_| ()) else {
            panic!("it was let in")
        };
        assert_eq!(closed.code, 4401);

        let (mut client, peer, _) = connected(&server, &[]).await;
        let (frame, ()) = tokio::join!(client.frame(), peer.close(1012, "restart"));
        assert!(matches!(frame, Ok(None)), "{frame:?}");
        assert_eq!(client.closed().map(|closed| closed.code), Some(1012));
    });
}
