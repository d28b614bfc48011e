//! The model server: OpenAI's streamed chat completions, always with the same answer.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Served;
use crate::cli::bench::wire::Wire;

/// How many digits the number in a stamped answer's first words has.
pub(in crate::cli::bench) const MARKER_DIGITS: usize = 8;

/// The most stamped answers of one run.
const MAX_STAMPS: usize = 10_000_000;

pub(super) const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
    transfer-encoding: chunked\r\n\r\n";

const WORDS: [&str; 4] = [
    "Your essay says clearly why English matters to you. ",
    "Watch the third person: *she goes*, *she likes*. ",
    "Write *in other countries*, as there is more than one. ",
    "Next time, give one example from your own life.",
];

/// What the model does with a call.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli::bench) enum Script {
    /// After this time, the whole answer at once, in several events.
    Whole(Duration),
    /// After the first time the first words, numbered and with the time of their sending kept; after
    /// the second time the rest.
    Stamped(Duration, Duration),
    /// Nothing, until the caller leaves.
    Held,
}

/// The model server.
pub(in crate::cli::bench) struct FakeModel {
    served: Served,
    stamps: Arc<Stamps>,
}

/// When the first words of each stamped answer were sent, by their number.
#[derive(Default)]
struct Stamps(Mutex<Vec<Instant>>);

/// Answers rendered beforehand.
struct Rendered {
    whole: Vec<u8>,
    rest: Vec<u8>,
}

impl FakeModel {
    /// Starts it.
    pub(in crate::cli::bench) fn start(script: Script) -> io::Result<Self> {
        let stamps = Arc::new(Stamps::default());
        let rendered = Arc::new(Rendered::new());
        let kept = Arc::clone(&stamps);
        let served = Served::start("bench-model", move |wire| {
            answer(wire, script, Arc::clone(&rendered), Arc::clone(&kept))
        })?;
        Ok(Self { served, stamps })
    }

    pub(in crate::cli::bench) const fn addr(&self) -> SocketAddr {
        self.served.addr()
    }

    /// The time since the numbered answer's first words were sent.
    pub(in crate::cli::bench) fn since_sent(&self, number: usize) -> Option<Duration> {
        let stamps = self.stamps.0.lock().unwrap_or_else(PoisonError::into_inner);
        stamps.get(number).map(Instant::elapsed)
    }
}

impl Stamps {
    /// Keeps the present time and gives its number.
    fn stamp(&self) -> usize {
        let mut stamps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if stamps.len() < MAX_STAMPS {
            stamps.push(Instant::now());
        }
        stamps.len() - 1
    }
}

impl Rendered {
    fn new() -> Self {
        let end = [
            event(&delta(&json!({}), Some("stop"))),
            event(&json!({
                "id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 0,
                "model": "bench", "choices": [],
                "usage": { "prompt_tokens": 96, "completion_tokens": 48, "total_tokens": 144 },
            })),
            chunk("data: [DONE]\n\n"),
            "0\r\n\r\n".to_owned(),
        ]
        .concat();
        let words = |words: &[&str]| -> String {
            let words = words.iter().map(|text| event(&text_delta(text)));
            words.collect()
        };
        Self {
            whole: [HEAD, &words(&WORDS), &end].concat().into_bytes(),
            rest: [words(&WORDS[1..]), end].concat().into_bytes(),
        }
    }
}

async fn answer(
    mut wire: Wire,
    script: Script,
    rendered: Arc<Rendered>,
    stamps: Arc<Stamps>,
) -> io::Result<()> {
    while wire.request().await?.is_some() {
        match script {
            Script::Whole(delay) => {
                pause(delay).await;
                wire.send(&rendered.whole).await?;
            }
            Script::Stamped(delay, gap) => {
                wire.send(HEAD.as_bytes()).await?;
                pause(delay).await;
                let number = stamps.stamp();
                let text = format!("#{number:0width$}# {}", WORDS[0], width = MARKER_DIGITS);
                wire.send(event(&text_delta(&text)).as_bytes()).await?;
                pause(gap).await;
                wire.send(&rendered.rest).await?;
            }
            Script::Held => {
                // The next thing heard of the caller is that it has left.
                wire.request().await?;
                return Ok(());
            }
        }
    }
    Ok(())
}

pub(super) async fn pause(time: Duration) {
    if !time.is_zero() {
        tokio::time::sleep(time).await;
    }
}

pub(super) fn text_delta(text: &str) -> Value {
    delta(&json!({ "content": text }), None)
}

pub(super) fn delta(delta: &Value, finish_reason: Option<&str>) -> Value {
    json!({
        "id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 0, "model": "bench",
        "choices": [{ "index": 0, "delta": delta, "finish_reason": finish_reason }],
    })
}

pub(super) fn event(data: &Value) -> String {
    chunk(&format!("data: {data}\n\n"))
}

pub(super) fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}
