//! A model that counts tokens: every call says in its words whose it is and how many tokens it takes,
//! and takes a millisecond for each, as a model takes longer for a longer answer.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use super::Served;
use super::model::{HEAD, chunk, delta, event, pause, text_delta};
use crate::cli::bench::wire::Wire;

/// What a ticket's input says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli::bench) struct Marker {
    pub(in crate::cli::bench) number: u32,
    pub(in crate::cli::bench) tenant: u32,
    pub(in crate::cli::bench) tokens: u32,
}

/// The model server.
pub(in crate::cli::bench) struct Metered {
    served: Served,
    ledger: Arc<Mutex<Ledger>>,
}

/// What the model was asked and has answered.
#[derive(Debug, Default)]
struct Ledger {
    /// When a call came, by its number.
    asked: HashMap<u32, Instant>,
    /// When its answer was sent.
    answered: HashMap<u32, Instant>,
    /// Calls answered, by tenant.
    calls: HashMap<u32, u64>,
    /// Tokens answered, by tenant.
    tokens: HashMap<u32, u64>,
}

impl Marker {
    /// As it stands in the input.
    pub(in crate::cli::bench) fn text(self) -> String {
        let Self {
            number,
            tenant,
            tokens,
        } = self;
        format!("#{number}/{tenant}/{tokens}#")
    }

    fn find(body: &[u8]) -> Option<Self> {
        let body = std::str::from_utf8(body).ok()?;
        body.split('#').find_map(|part| {
            let mut numbers = part.split('/').map(str::parse);
            let mut next = || numbers.next()?.ok();
            Some(Self {
                number: next()?,
                tenant: next()?,
                tokens: next()?,
            })
        })
    }
}

impl Metered {
    /// Starts it.
    pub(in crate::cli::bench) fn start() -> io::Result<Self> {
        let ledger = Arc::new(Mutex::default());
        let kept = Arc::clone(&ledger);
        let served = Served::start("bench-model", move |wire| answer(wire, Arc::clone(&kept)))?;
        Ok(Self { served, ledger })
    }

    pub(in crate::cli::bench) const fn addr(&self) -> SocketAddr {
        self.served.addr()
    }

    /// When the numbered ticket's call came, and when its answer was sent.
    pub(in crate::cli::bench) fn times(&self, number: u32) -> Option<(Instant, Instant)> {
        let ledger = lock(&self.ledger);
        let (asked, answered) = (ledger.asked.get(&number)?, ledger.answered.get(&number)?);
        Some((*asked, *answered))
    }

    /// Calls and tokens answered so far to a tenant.
    pub(in crate::cli::bench) fn served(&self, tenant: u32) -> (u64, u64) {
        let ledger = lock(&self.ledger);
        let of = |counts: &HashMap<u32, u64>| counts.get(&tenant).copied().unwrap_or(0);
        (of(&ledger.calls), of(&ledger.tokens))
    }
}

async fn answer(mut wire: Wire, ledger: Arc<Mutex<Ledger>>) -> io::Result<()> {
    while let Some(request) = wire.request().await? {
        let Some(marker) = Marker::find(&request.body) else {
            return Err(io::Error::other("a call without a marker"));
        };
        lock(&ledger).asked.insert(marker.number, Instant::now());
        pause(Duration::from_millis(u64::from(marker.tokens))).await;
        wire.send(&rendered(marker.tokens)).await?;
        let mut ledger = lock(&ledger);
        ledger.answered.insert(marker.number, Instant::now());
        *ledger.calls.entry(marker.tenant).or_default() += 1;
        *ledger.tokens.entry(marker.tenant).or_default() += u64::from(marker.tokens);
    }
    Ok(())
}

fn rendered(tokens: u32) -> Vec<u8> {
    let prompt = tokens / 2;
    let usage = json!({
        "id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 0, "model": "bench",
        "choices": [],
        "usage": {
            "prompt_tokens": prompt, "completion_tokens": tokens - prompt, "total_tokens": tokens,
        },
    });
    [
        HEAD,
        &event(&text_delta(
            "Watch the third person: *she goes*, *she likes*. ",
        )),
        &event(&delta(&json!({}), Some("stop"))),
        &event(&usage),
        &chunk("data: [DONE]\n\n"),
        "0\r\n\r\n",
    ]
    .concat()
    .into_bytes()
}

fn lock(ledger: &Mutex<Ledger>) -> MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_found_among_other_words() {
        let marker = Marker {
            number: 17,
            tenant: 3,
            tokens: 400,
        };
        let body = format!(
            "{{\"messages\":[\"a # b/c\",\"{} and so on\"]}}",
            marker.text()
        );
        assert_eq!(Marker::find(body.as_bytes()), Some(marker));
        assert_eq!(Marker::find(b"#no#"), None);
    }
}
