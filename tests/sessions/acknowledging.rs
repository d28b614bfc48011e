//! Acknowledgements of a client that says goodbye right after them.

use std::time::Duration;

use serde_json::json;

use crate::edge::Edge;
use crate::wire::{CLOSE, FIN, TEXT, Wire, frame};

/// More than are stored at a time.
const ANSWERS: usize = 100;

#[tokio::test]
async fn what_a_client_acknowledges_before_its_close_frame_is_stored() {
    let edge = Edge::start();
    let mut wire = Wire::session(&edge, "min").await;
    let mut acks = Vec::new();
    for _ in 0..ANSWERS {
        edge.issue(Some("min")).await;
    }
    for _ in 0..ANSWERS {
        let answer = wire.hear_type("answer").await;
        let ack = json!({"type": "ack", "ticket": answer["ticket"]}).to_string();
        acks.extend(frame(FIN | TEXT, ack.as_bytes()));
    }
    acks.extend(frame(FIN | CLOSE, &1000_u16.to_be_bytes()));
    wire.send(&acks).await;
    let delivered = async {
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        let count = || {
            let events = edge.store.all_events();
            let delivered = events.iter().filter(|e| e.event.kind == "TicketDelivered");
            delivered.count()
        };
        while count() < ANSWERS {
            tick.tick().await;
        }
    };
    let delivered = tokio::time::timeout(Duration::from_secs(15), delivered).await;
    delivered.expect("every acknowledgement that was sent is stored");
    drop(wire);
}
