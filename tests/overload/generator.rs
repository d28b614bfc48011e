//! The open loop: requests on a fixed schedule.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::wire::{Reply, Wire};

/// One request that is due.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// Its place in the schedule.
    pub(crate) number: u32,
    /// The issuer's API key.
    pub(crate) key: String,
    /// What the ticket is about, found again in the model's call.
    pub(crate) word: String,
    /// The idempotency key, if it has one.
    pub(crate) idempotency: Option<String>,
}

/// What became of one request.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    pub(crate) order: Order,
    /// From the time it was due.
    pub(crate) latency: Duration,
    pub(crate) reply: Reply,
}

impl Sample {
    /// The ticket, of a request that was accepted.
    pub(crate) fn ticket(&self) -> Option<&str> {
        let accepted = self.reply.status == 202;
        accepted.then(|| self.reply.body["id"].as_str().unwrap())
    }

    /// The problem's code, of a request that was refused.
    pub(crate) fn code(&self) -> &str {
        self.reply.body["code"].as_str().unwrap_or_default()
    }
}

/// Offers `rate` requests a second for as long as `during`, and gives what became of each once all
/// are answered.
pub(crate) async fn offer(
    wire: &Arc<Wire>,
    rate: u32,
    during: Duration,
    order: impl Fn(u32) -> Order,
) -> Vec<Sample> {
    let begun = Instant::now();
    let every = Duration::from_secs(1) / rate;
    let mut requests = JoinSet::new();
    for number in 0.. {
        let due = begun + every * number;
        if due >= begun + during {
            break;
        }
        tokio::time::sleep_until(due).await;
        requests.spawn(issue(Arc::clone(wire), order(number), due));
    }
    requests.join_all().await
}

async fn issue(wire: Arc<Wire>, order: Order, due: Instant) -> Sample {
    let mut head = format!(
        "POST /v1/tickets HTTP/1.1\r\nauthorization: Bearer {}\r\ncontent-type: application/json",
        order.key
    );
    if let Some(key) = &order.idempotency {
        head.push_str(&format!("\r\nidempotency-key: {key}"));
    }
    let body: Value = json!({ "task": "say", "input": { "word": order.word } });
    let reply = wire.send(&head, &body.to_string()).await;
    Sample {
        order,
        latency: due.elapsed(),
        reply,
    }
}
