//! Asking a model for a test: a permit, the call, and the repeats that its failures are worth.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use punchcard_events::retry::RetryPolicy;
use punchcard_events::ticket::{
    AttemptError, AttemptErrorKind, Message, Parameters, Priority, Usage,
};
use punchcard_events::{TaskName, TenantId, TicketId};
use tokio::time::Instant;

use crate::guards::{Permit, Verdict};
use crate::llm::{Llm, Wish, estimate, verdict};
use crate::ports::{AnswerPart, AnswerStream, Clock, ModelCall};

/// How models are asked for one run.
pub(super) struct Asking {
    pub(super) llm: Llm,
    pub(super) clock: Arc<dyn Clock>,
    /// Whose turn in line it is.
    pub(super) tenant: TenantId,
    /// Whose allowance it uses.
    pub(super) task: TaskName,
    pub(super) retry: RetryPolicy,
    /// Of a verdict, by a model that judges.
    pub(super) max_answer_bytes: usize,
}

/// A question.
pub(super) struct Question {
    pub(super) model: Arc<str>,
    pub(super) messages: Arc<[Message]>,
    pub(super) parameters: Arc<Parameters>,
    /// The most that the answer may have.
    pub(super) max_answer_bytes: usize,
}

/// A complete answer.
pub(super) struct Answer {
    pub(super) content: Arc<str>,
    pub(super) usage: Option<Usage>,
    /// Of the call that succeeded, without the wait for a permit.
    pub(super) latency: Duration,
}

impl Asking {
    /// Asks until there is an answer or the error is one that lasts. It takes as long as that takes:
    /// the caller sets the deadline.
    pub(super) async fn ask(&self, question: &Question) -> Result<Answer, AttemptError> {
        // Nothing else has this id: it only tells the call from those of tickets.
        let ticket = TicketId(self.clock.id());
        let mut failures = 0;
        loop {
            let retry = failures > 0;
            let wish = self.wish(question, retry);
            let permit = self.llm.permit(&question.model, &wish).await;
            let call = ModelCall {
                ticket,
                attempt: failures + 1,
                model: question.model.as_ref().to_owned(),
                messages: Arc::clone(&question.messages),
                parameters: Arc::clone(&question.parameters),
                traceparent: None,
            };
            let error = match self.attempt(call, permit, question.max_answer_bytes).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            failures += 1;
            let delay = self.retry.delay(failures, self.clock.jitter());
            let Some(delay) = delay.filter(|_| error.kind.is_transient()) else {
                return Err(error);
            };
            let asked_for = Duration::from_millis(error.retry_after_ms.unwrap_or(0));
            tokio::time::sleep(delay.max(asked_for)).await;
        }
    }

    fn wish(&self, question: &Question, retry: bool) -> Wish<'_> {
        Wish {
            tenant: &self.tenant,
            task: &self.task,
            retry,
            priority: Priority::Normal,
            tokens: estimate(&question.messages, &question.parameters),
        }
    }

    async fn attempt(
        &self,
        call: ModelCall,
        mut permit: Permit,
        limit: usize,
    ) -> Result<Answer, AttemptError> {
        permit.begin();
        let begun = Instant::now();
        let ended = match self.llm.model().answer(call).await {
            Ok(stream) => read(stream, &mut permit, limit).await,
            Err(error) => Err(error),
        };
        permit.settle(ended.as_ref().map_or_else(verdict, |_| Verdict::Succeeded));
        let (content, usage) = ended?;
        Ok(Answer {
            content: content.into(),
            usage,
            latency: begun.elapsed(),
        })
    }
}

async fn read(
    mut stream: AnswerStream,
    permit: &mut Permit,
    limit: usize,
) -> Result<(String, Option<Usage>), AttemptError> {
    let mut content = String::new();
    loop {
        match stream.next().await {
            Some(Ok(AnswerPart::Text(text))) => {
                if content.is_empty() {
                    permit.answering();
                }
                if content.len() + text.len() > limit {
                    let message = format!("the answer has more than {limit} bytes");
                    return Err(error(AttemptErrorKind::TooLarge, message));
                }
                content.push_str(&text);
            }
            Some(Ok(AnswerPart::Complete { usage, .. })) => return Ok((content, usage)),
            Some(Err(error)) => return Err(error),
            None => {
                let message = "the stream ended before the answer was complete".to_owned();
                return Err(error(AttemptErrorKind::Incomplete, message));
            }
        }
    }
}

const fn error(kind: AttemptErrorKind, message: String) -> AttemptError {
    AttemptError {
        kind,
        message,
        retry_after_ms: None,
    }
}
