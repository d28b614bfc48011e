//! What a receiver does with a request, and the gate that a test holds it back with.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use url::Url;

use super::within_reason;

/// What is done with one request, once it is in the ledger.
#[derive(Debug, Clone)]
pub(crate) enum Behaviour {
    /// Answer.
    Reply(Reply),
    /// Never answer; the connection stays open until the caller closes it.
    Stall,
    /// Answer with a JSON body of this many bytes, announced or in chunks of unknown number.
    Huge {
        status: u16,
        bytes: u64,
        announced: bool,
    },
    /// Answer 200 and send the body one byte at a time, this far apart, for ever.
    Drip { pause: Duration },
    /// Reset the connection (RST) in place of an answer.
    Reset,
    /// Announce a longer body than is sent, and close.
    CutBody,
    /// Send a head without an end: these bytes again and again, this far apart or as fast as they
    /// are read.
    EndlessHead {
        piece: Vec<u8>,
        pause: Option<Duration>,
    },
    /// Send these bytes in place of a response, and keep the connection or close it.
    Raw { bytes: Vec<u8>, keep: bool },
    /// Wait at the gate, then go on.
    Gated(Gate, Box<Behaviour>),
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Behaviour {
    /// Answers with a status and no body.
    pub(crate) fn status(status: u16) -> Self {
        Self::Reply(Reply {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        })
    }

    /// Answers with JSON.
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::body(status, "application/json", &body.to_string())
    }

    /// Answers with a body of a media type.
    pub(crate) fn body(status: u16, media_type: &str, body: &str) -> Self {
        Self::Reply(Reply {
            status,
            headers: vec![("content-type".to_owned(), media_type.to_owned())],
            body: body.as_bytes().to_vec(),
        })
    }

    /// Answers with a redirect.
    pub(crate) fn redirect(status: u16, location: &Url) -> Self {
        Self::status(status).with_header("location", location.as_str())
    }

    /// The same answer with one more header.
    #[must_use]
    pub(crate) fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Self::Reply(reply) = &mut self {
            reply.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Waits at `gate` first.
    #[must_use]
    pub(crate) fn behind(self, gate: &Gate) -> Self {
        Self::Gated(gate.clone(), Box::new(self))
    }

    /// Whether a backend that behaves so has done its work: it answers 2xx, or breaks while it would.
    pub(super) fn has_effect(&self) -> bool {
        match self {
            Self::Reply(reply) => (200..300).contains(&reply.status),
            Self::Huge { status, .. } => (200..300).contains(status),
            Self::Stall
            | Self::Drip { .. }
            | Self::Reset
            | Self::CutBody
            | Self::EndlessHead { .. }
            | Self::Raw { .. } => true,
            Self::Gated(_, then) => then.has_effect(),
        }
    }
}

/// Holds requests back until a test lets them go.
#[derive(Debug, Clone)]
pub(crate) struct Gate {
    open: watch::Sender<bool>,
    waiting: watch::Sender<usize>,
}

impl Gate {
    /// A closed gate.
    pub(crate) fn closed() -> Self {
        Self {
            open: watch::Sender::new(false),
            waiting: watch::Sender::new(0),
        }
    }

    /// Lets through whoever waits and whoever comes.
    pub(crate) fn open(&self) {
        self.open.send_replace(true);
    }

    /// Returns once `count` requests have come to the gate.
    pub(crate) async fn reached_by(&self, count: usize) {
        let mut waiting = self.waiting.subscribe();
        drop(
            within_reason(waiting.wait_for(|reached| *reached >= count))
                .await
                .unwrap(),
        );
    }

    /// Waits until the gate is open.
    pub(crate) async fn pass(&self) {
        self.waiting.send_modify(|reached| *reached += 1);
        let _ = self.open.subscribe().wait_for(|open| *open).await;
    }
}
