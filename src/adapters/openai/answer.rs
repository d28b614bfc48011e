//! The answer as a stream: reading the body against the clocks.

use std::ops::ControlFlow;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, stream};
use punchcard_actors::ports::{AnswerPart, AnswerStream};
use punchcard_events::ticket::{AttemptError, AttemptErrorKind as Kind};
use reqwest::Response;
use tokio::time::{Instant, timeout, timeout_at};

use super::chunk::Progress;
use super::sse::Parser;
use super::{Options, failure};

/// Longer clocks are cut to this: a point in time that cannot be expressed would be a panic.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3_600);
/// How long a finished answer waits for its token count: it is complete, and somebody is waiting.
const USAGE_WAIT: Duration = Duration::from_secs(2);
/// What a stream may have around its text, for each byte that an answer may have: an event with one
/// token is some 300 bytes for 4, and reasoning that is not shown goes on top.
const STREAM_BYTES_PER_ANSWER_BYTE: usize = 256;
/// The least that a stream may have, however short its answer.
const LEAST_STREAM_BYTES: usize = 1 << 20;
/// How long a connection may take to end its response before it is given up for reuse.
const DRAIN_WAIT: Duration = Duration::from_millis(500);
/// How much more it may send until then.
const DRAIN_BYTES: usize = 16 * 1024;

/// The clocks of one call. The connect clock is the HTTP client's.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clocks {
    first_byte: Instant,
    total: Instant,
    idle: Duration,
    /// Whether `total` is already that of an answer of which only the token count is missing.
    finished: bool,
}

impl Clocks {
    /// Starts the clocks.
    pub(super) fn start(options: &Options) -> Self {
        let now = Instant::now();
        Self {
            first_byte: now + options.first_byte_timeout.min(LONGEST),
            total: now + options.total_timeout.min(LONGEST),
            idle: options.idle_timeout.min(LONGEST),
            finished: false,
        }
    }

    /// When the response must have begun.
    pub(super) fn until_first_byte(&self) -> Deadline {
        self.within_total(
            self.first_byte,
            "the model's server did not begin to answer in time",
        )
    }

    fn until_next_chunk(&mut self, progress: &Progress) -> Deadline {
        if !progress.has_started() {
            return self.until_first_byte();
        }
        let now = Instant::now();
        if progress.is_finished() && !std::mem::replace(&mut self.finished, true) {
            // From here on the whole rest has one deadline: bytes that keep coming must not hold
            // back an answer that is complete.
            self.total = self.total.min(now + self.idle.min(USAGE_WAIT));
        }
        self.within_total(
            now + self.idle,
            "the model's server fell silent in its answer",
        )
    }

    fn within_total(&self, at: Instant, passed: &'static str) -> Deadline {
        if at <= self.total {
            Deadline { at, passed }
        } else {
            Deadline {
                at: self.total,
                passed: "the model did not complete its answer in time",
            }
        }
    }
}

/// A point in time, and the sentence for when it has passed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline {
    pub(super) at: Instant,
    passed: &'static str,
}

impl Deadline {
    /// The error for when it has passed.
    pub(super) fn error(self) -> AttemptError {
        failure::error(Kind::Timeout, self.passed)
    }
}

struct Reading {
    parser: Parser,
    progress: Progress,
    clocks: Clocks,
    /// How many more bytes the stream may have.
    room: usize,
    phase: Phase,
}

enum Phase {
    Body(Response),
    Last(Result<AnswerPart, AttemptError>),
    Over,
}

/// The parts of the answer in `response`, whose status is 200.
pub(super) fn stream(response: Response, clocks: Clocks, options: &Options) -> AnswerStream {
    let reading = Reading {
        parser: Parser::new(options.max_line_bytes),
        progress: Progress::new(options.max_answer_bytes),
        clocks,
        room: options
            .max_answer_bytes
            .saturating_mul(STREAM_BYTES_PER_ANSWER_BYTE)
            .saturating_add(LEAST_STREAM_BYTES),
        phase: Phase::Body(response),
    };
    stream::unfold(reading, Reading::next).boxed()
}

impl Reading {
    async fn next(mut self) -> Option<(Result<AnswerPart, AttemptError>, Self)> {
        loop {
            // All text of one read goes out as one part, before whatever ended the stream.
            if let Some(text) = self.progress.take_text() {
                return Some((Ok(AnswerPart::Text(text)), self));
            }
            match std::mem::replace(&mut self.phase, Phase::Over) {
                Phase::Body(response) => self.phase = self.read(response).await,
                Phase::Last(Err(error)) => {
                    // What was counted was used, whatever became of the answer.
                    if let Some(usage) = self.progress.take_usage() {
                        self.phase = Phase::Last(Err(error));
                        return Some((Ok(AnswerPart::Usage(usage)), self));
                    }
                    return Some((Err(error), self));
                }
                Phase::Last(Ok(last)) => return Some((Ok(last), self)),
                Phase::Over => return None,
            }
        }
    }

    async fn read(&mut self, mut response: Response) -> Phase {
        let deadline = self.clocks.until_next_chunk(&self.progress);
        let bytes = match timeout_at(deadline.at, response.chunk()).await {
            Ok(Ok(Some(bytes))) => bytes,
            Ok(Ok(None)) => return self.ended("the stream ended before the answer was complete"),
            Ok(Err(_)) => {
                return self.ended("the connection was lost before the answer was complete");
            }
            Err(_) => return Phase::Last(self.progress.ended(deadline.error())),
        };
        // Text has a cap of its own; this one ends a server that sends everything but text.
        match self.room.checked_sub(bytes.len()) {
            Some(room) => self.room = room,
            None => {
                let message = "the model's server sent too much around its answer";
                let error = failure::error(Kind::TooLarge, message);
                return Phase::Last(self.progress.ended(error));
            }
        }
        let progress = &mut self.progress;
        let fed = self.parser.feed(&bytes, |data| match progress.take(data) {
            Ok(ControlFlow::Continue(())) => ControlFlow::Continue(()),
            Ok(ControlFlow::Break(())) => ControlFlow::Break(Ok(())),
            Err(error) => ControlFlow::Break(Err(error)),
        });
        match fed {
            Ok(ControlFlow::Continue(())) => Phase::Body(response),
            Ok(ControlFlow::Break(Ok(()))) => {
                finish(response);
                Phase::Last(self.progress.done())
            }
            Ok(ControlFlow::Break(Err(error))) => Phase::Last(Err(error)),
            Err(_) => {
                let message = "an event of the stream is longer than allowed";
                Phase::Last(Err(failure::error(Kind::Protocol, message)))
            }
        }
    }

    fn ended(&mut self, message: &str) -> Phase {
        Phase::Last(
            self.progress
                .ended(failure::error(Kind::Incomplete, message)),
        )
    }
}

/// Reads what follows `[DONE]`, normally nothing but the end of the body, so that the connection
/// can be used again. Dropping the response earlier would close it. The answer does not wait for
/// this, and it ends by itself.
fn finish(mut response: Response) {
    if matches!(response.chunk().now_or_never(), Some(Ok(None) | Err(_))) {
        return;
    }
    let drain = async move {
        let mut drained = 0;
        while let Ok(Some(bytes)) = response.chunk().await {
            drained += bytes.len();
            if drained > DRAIN_BYTES {
                return;
            }
        }
    };
    tokio::spawn(timeout(DRAIN_WAIT, drain));
}
