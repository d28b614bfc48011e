//! The bounds on the way in that are not the tickets': bodies in memory, and requests that wait.

use std::cell::RefCell;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use punchcard::http::Options;
use punchcard_actors::sessions::SessionLimits;
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::edge::{Edge, KEY, OTHER_KEY, PATIENCE, complete};

#[tokio::test]
async fn bodies_that_only_trickle_in_take_no_more_memory_than_their_tenants_half() {
    let options = Options {
        max_body_bytes: 1_000,
        max_body_memory: 2_000,
        ..Options::default()
    };
    let edge = Edge::start_with(options, SessionLimits::default());
    let body = json!({ "task": "echo", "input": { "text": "x".repeat(300) } }).to_string();
    let refused = async {
        loop {
            // Should it arrive beside one of the others, it may be the one that is refused: then
            // the next one trickles.
            let trickling = trickle(&edge, 900).await;
            for _ in 0..20 {
                let reply = edge.send("POST", KEY, "/v1/tickets", "", &body).await;
                // On a slow machine the tickets taken meanwhile may be too many for the model: a 503.
                if !matches!(reply.status, 202 | 503) {
                    return (reply, trickling);
                }
            }
        }
    };
    let refused = timeout(PATIENCE, refused).await;
    let (refused, trickling) = refused.expect("refused in time");
    assert_eq!(
        (refused.status, refused.code().as_str()),
        (429, "too_many_requests")
    );
    assert_eq!(refused.header("retry-after"), Some("1"));
    let other = edge.send("POST", OTHER_KEY, "/v1/tickets", "", &body).await;
    assert_eq!(
        other.status, 202,
        "another tenant's half is free: {other:?}"
    );
    drop(trickling);
    let accepted = async {
        while edge
            .send("POST", KEY, "/v1/tickets", "", &body)
            .await
            .status
            != 202
        {}
    };
    timeout(PATIENCE, accepted).await.expect("room again");
}

/// A request whose body stops after `bytes`.
async fn trickle(edge: &Edge, bytes: usize) -> TcpStream {
    let mut stream = TcpStream::connect(edge.address).await.unwrap();
    let head = format!(
        "POST /v1/tickets HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {KEY}\r\n\
         Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; bytes]).await.unwrap();
    stream
}

#[tokio::test]
async fn when_too_many_wait_for_an_outcome_one_more_is_accepted_at_once() {
    let options = Options {
        max_waiting: 2,
        ..Options::default()
    };
    let edge = Edge::start_with(options, SessionLimits::default());
    let body = json!({ "task": "echo", "input": {} });
    // Held to the end: a stream that breaks is asked for again.
    let held = RefCell::new(vec![]);
    let both = async {
        loop {
            let before = calls(&edge);
            held.borrow_mut().push(edge.model.script());
            let waiting = pin!(edge.post("/v1/tickets", "Prefer: wait=20\r\n", &body));
            let others = pin!(async {
                while calls(&edge) == before {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                loop {
                    held.borrow_mut().push(edge.model.script());
                    let reply = edge.post("/v1/tickets", "Prefer: wait=1\r\n", &body).await;
                    assert_eq!(reply.status, 202);
                    if reply.header("preference-applied").is_none() {
                        break;
                    }
                }
            });
            match select(waiting, others).await {
                // One of the others was quicker to the only place.
                Either::Left((reply, _)) => assert_eq!(reply.status, 202, "{reply:?}"),
                Either::Right(((), waiting)) => {
                    for script in held.borrow().iter() {
                        script.send(complete()).unwrap();
                    }
                    return waiting.await;
                }
            }
        }
    };
    let waited = timeout(PATIENCE, both).await.expect("both end");
    assert_eq!(
        waited.status, 200,
        "who had a place got the outcome: {waited:?}"
    );
}

/// How often the model was called.
fn calls(edge: &Edge) -> usize {
    let events = edge.store.all_events();
    let sent = events.iter().filter(|e| e.event.kind == "TicketSent");
    sent.count()
}
