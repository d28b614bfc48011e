//! Running one attempt: text flows into the live text and is announced in batches.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use punchcard_events::TicketId;
use punchcard_events::ticket::{
    AttemptError, AttemptErrorKind, TicketAnswered, TicketPreProcessed, TicketRequested, Timings,
    Usage,
};
use tokio::time::Instant;

use super::Deps;
use super::work::asked;
use crate::feed::{LiveText, News, Switchboard};
use crate::guards::{Permit, Verdict};
use crate::llm::verdict;
use crate::ports::{AnswerError, AnswerPart, AnswerStream, ModelCall};

/// One attempt, ready to run.
pub(super) struct Attempt {
    pub(super) ticket: TicketId,
    pub(super) number: u32,
    /// The model whose turn it is.
    pub(super) model: String,
    pub(super) request: Arc<TicketRequested>,
    pub(super) prepared: Arc<TicketPreProcessed>,
    pub(super) live: Arc<LiveText>,
    /// Held until the attempt is over.
    pub(super) permit: Option<Permit>,
}

/// Runs `attempt` to its end. `news` is what watchers are told whenever text has come.
pub(super) async fn run(
    deps: &Deps,
    mut attempt: Attempt,
    news: &News,
) -> Result<TicketAnswered, AttemptError> {
    let begun = Instant::now();
    if let Some(permit) = &mut attempt.permit {
        permit.begin();
    }
    let call = ModelCall {
        ticket: attempt.ticket,
        attempt: attempt.number,
        model: attempt.model,
        messages: Arc::clone(&attempt.prepared.messages),
        parameters: Arc::clone(&attempt.prepared.parameters),
        traceparent: attempt.request.traceparent.clone(),
    };
    let mut announcer = Announcer::new(&deps.switchboard, news, deps.text_interval);
    let ended = match deps.llm.model().answer(call).await {
        Ok(stream) => {
            let permit = attempt.permit.as_mut();
            pump(stream, &attempt.live, permit, &mut announcer).await
        }
        Err(error) => Err(error),
    };
    if let Some(mut permit) = attempt.permit {
        if let Ok(End {
            usage: Some(usage), ..
        }) = &ended
        {
            permit.used(usage.prompt_tokens.saturating_add(usage.completion_tokens));
        }
        // Whether the answer fits the task is not the model's server's to answer for.
        permit.settle(ended.as_ref().map_or_else(verdict, |_| Verdict::Succeeded));
    }
    let end = ended?;
    let content = attempt.live.content();
    let asked = asked(&attempt.request);
    deps.tasks
        .check_answer(asked, &attempt.prepared.prompt, &content)
        .await
        .map_err(not_taken)?;
    Ok(TicketAnswered {
        attempt: attempt.number,
        content: content.into(),
        finish_reason: end.finish_reason,
        usage: end.usage,
        timings: Timings {
            first_token_ms: millis(announcer.first_text.unwrap_or_else(Instant::now) - begun),
            total_ms: millis(begun.elapsed()),
        },
    })
}

/// An answer that was not taken. One that nobody could check is no misfit: neither the model nor the
/// prompt is to blame, and it is tried again like an answer that a server's fault has cost.
fn not_taken(error: AnswerError) -> AttemptError {
    let (kind, message) = match error {
        AnswerError::Misfit(message) => (AttemptErrorKind::SchemaViolation, message),
        AnswerError::Unavailable(message) => (AttemptErrorKind::Server, message),
    };
    AttemptError {
        kind,
        message,
        retry_after_ms: None,
    }
}

struct End {
    finish_reason: String,
    usage: Option<Usage>,
}

/// Moves text from the stream into `live` until the answer is complete.
async fn pump(
    mut stream: AnswerStream,
    live: &LiveText,
    mut permit: Option<&mut Permit>,
    announcer: &mut Announcer<'_>,
) -> Result<End, AttemptError> {
    loop {
        let part = tokio::select! {
            biased;
            part = stream.next() => part,
            () = announcer.due() => {
                announcer.announce();
                continue;
            }
        };
        match part {
            Some(Ok(AnswerPart::Text(text))) => {
                if let Some(permit) = permit.take() {
                    permit.answering();
                }
                live.push(&text);
                announcer.text_came();
            }
            Some(Ok(AnswerPart::Complete {
                finish_reason,
                usage,
            })) => {
                return Ok(End {
                    finish_reason,
                    usage,
                });
            }
            Some(Err(error)) => return Err(error),
            None => {
                return Err(AttemptError {
                    kind: AttemptErrorKind::Incomplete,
                    message: "the stream ended before the answer was complete".to_owned(),
                    retry_after_ms: None,
                });
            }
        }
    }
}

/// Announces text: the first at once, later text at most once per interval.
struct Announcer<'a> {
    switchboard: &'a Switchboard,
    news: &'a News,
    interval: Duration,
    first_text: Option<Instant>,
    /// Not again before this time.
    rest_until: Option<Instant>,
    unannounced: bool,
}

impl<'a> Announcer<'a> {
    const fn new(switchboard: &'a Switchboard, news: &'a News, interval: Duration) -> Self {
        Self {
            switchboard,
            news,
            interval,
            first_text: None,
            rest_until: None,
            unannounced: false,
        }
    }

    fn text_came(&mut self) {
        let now = Instant::now();
        self.first_text.get_or_insert(now);
        self.unannounced = true;
        if self.rest_until.is_none_or(|until| until <= now) {
            self.announce();
        }
    }

    fn announce(&mut self) {
        self.switchboard.publish(self.news);
        self.unannounced = false;
        self.rest_until = Some(Instant::now() + self.interval);
    }

    /// Ends when text that came meanwhile may be announced; never while there is none.
    async fn due(&self) {
        match self.rest_until {
            Some(until) if self.unannounced => tokio::time::sleep_until(until).await,
            _ => std::future::pending().await,
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
