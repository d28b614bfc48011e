//! Peers that vanish without a word: the connection stands, and nothing comes any more.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use punchcard::http::{Options, SessionOptions};
use punchcard_actors::sessions::SessionLimits;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::edge::{Edge, ORIGIN, complete, text};
use crate::session::{Memory, Session};
use crate::wire::Wire;

/// A network between client and server that can start to swallow everything, in both directions,
/// without closing anything.
struct Network {
    address: SocketAddr,
    dead: Arc<AtomicBool>,
    swallowed: Arc<AtomicUsize>,
}

impl Network {
    async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let network = Self {
            address,
            dead: Arc::default(),
            swallowed: Arc::default(),
        };
        let (dead, swallowed) = (Arc::clone(&network.dead), Arc::clone(&network.swallowed));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(server).await.expect("a connection");
                let (client, server) = (client.into_split(), server.into_split());
                for (from, to) in [(client.0, server.1), (server.0, client.1)] {
                    tokio::spawn(carry(from, to, Arc::clone(&dead), Arc::clone(&swallowed)));
                }
            }
        });
        network
    }
}

async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    dead: Arc<AtomicBool>,
    swallowed: Arc<AtomicUsize>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if dead.load(Ordering::SeqCst) {
            swallowed.fetch_add(read, Ordering::SeqCst);
        } else if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
    // The other side learns of an end only where the network lives.
    if dead.load(Ordering::SeqCst) {
        std::future::pending::<()>().await;
    }
}

fn heartbeats(timeout: Duration) -> Edge {
    let options = Options {
        session: SessionOptions {
            heartbeat: Duration::from_millis(200),
            ..SessionOptions::default()
        },
        ..Options::default()
    };
    let limits = SessionLimits {
        silence_deadline: timeout,
        ..SessionLimits::default()
    };
    Edge::start_with(options, limits)
}

#[tokio::test]
async fn a_peer_that_vanished_is_cut_by_the_heartbeat_and_gets_its_answer_when_it_is_back() {
    let timeout = Duration::from_secs(1);
    let edge = heartbeats(timeout);
    let script = edge.model.script();
    let ticket = edge.issue(Some("min")).await;
    let network = Network::to(edge.address).await;
    let base = format!("http://{}", network.address);
    let token = edge.token("min").await;
    let mut vanishing = Session::open(&base, ORIGIN, &token, Memory::new()).await;
    script.send(text("한🙂 half, ")).expect("a model");
    vanishing.until_text(&ticket, "한🙂 half, ").await;
    // It lives longer than the timeout as long as its answers to pings come through.
    let alive = Instant::now();
    while alive.elapsed() < timeout * 2 {
        let _ = tokio::time::timeout(Duration::from_millis(100), vanishing.try_next()).await;
    }
    assert_eq!(edge.sessions.count().await, Ok(1));

    network.dead.store(true, Ordering::SeqCst);
    let dead = Instant::now();
    script.send(text("and half")).expect("a model");
    script.send(complete()).expect("a model");
    crate::until_watched_by(&edge, 0).await;
    let took = dead.elapsed();
    assert!(
        took > timeout / 2 && took < timeout + Duration::from_secs(3),
        "{took:?}"
    );
    assert!(
        network.swallowed.load(Ordering::SeqCst) > 0,
        "nothing was lost"
    );

    let memory = vanishing.cut();
    let token = edge.token("min").await;
    let direct = format!("http://{}", edge.address);
    let mut back = Session::open(&direct, ORIGIN, &token, memory).await;
    back.until(&ticket, "answer").await;
    assert_eq!(
        back.seen(&ticket).answer,
        Some(json!("한🙂 half, and half"))
    );
    back.ack(&ticket).await;
    back.until_state(&ticket, "delivered").await;
}

#[tokio::test]
async fn a_client_that_reads_but_never_says_a_word_is_cut_too() {
    let edge = heartbeats(Duration::from_secs(1));
    let mut silent = Wire::session(&edge, "min").await;
    let begun = Instant::now();
    // It takes the pings and answers none.
    let mut pings = 0;
    while let Some(frame) = silent.frame().await {
        pings += usize::from(frame.first == 0x89);
    }
    assert!(pings >= 3, "{pings} pings");
    assert!(begun.elapsed() < Duration::from_secs(4));
    crate::until_watched_by(&edge, 0).await;
}
